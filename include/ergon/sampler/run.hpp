#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// One line of a run's trace: means over the sets. NaN where a quantity does not apply.
struct TraceRow {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::int64_t step = 0;          ///< steps taken; row 0 describes the initial particles
  double entropy = kNone;         ///< -mean log q
  double elbo = kNone;            ///< mean (log p̄ - log q)
  double log_density = kNone;     ///< mean log p̄ over the live particles
  double stein_residual = kNone;  ///< |mean_i φ_iᵀ s_i + tr A_i|, before the step, averaged over
                                  ///< sets before the modulus
  double step_size = kNone;
  double step_bound = kNone;
  double bandwidth = kNone;
  double velocity_norm = kNone;
  double acceptance = kNone;
  double alive = kNone;            ///< share of particles not dropped by truncation
  std::int64_t nonfinite = 0;      ///< moves undone in this step
  std::int64_t noninvertible = 0;  ///< log-determinants that are not those of an invertible map
};

/// The trace's columns for CSV and checkpoints, in the order of TraceRow's fields.
const std::vector<std::string>& trace_columns();
std::vector<double> to_numbers(const TraceRow& row);

enum class RunStatus { kRunning, kFinished, kSteinIdentityMet, kTooManyNonfinite };
template <>
struct EnumNames<RunStatus> {
  static const std::vector<EnumName<RunStatus>>& all();
};

/// A sampler's run from q⁰ to its last step: an object that is stepped from outside and can be
/// saved between any two steps. Step l draws from the stream ("step", l) of the seed, so the state
/// and l are all a checkpoint needs: a resumed run ends with the same bits.
class Run {
 public:
  /// `parameters` as from starting_parameters or a fit. The target must outlive the run.
  /// Throws InvalidInput from validate(), check_parameters and Sampler::init.
  Run(const LogDensity& target, const SamplerOptions& options, NamedTensors parameters, Seed seed);

  RunStatus status() const { return status_; }
  /// Takes one step, without a graph. More than `kNonfiniteShare` of undone moves in a step ends
  /// the run with kTooManyNonfinite.
  void step();
  const State& state() const { return state_; }
  const std::vector<TraceRow>& trace() const { return trace_; }

  NamedTensors checkpoint() const;
  /// Throws InvalidInput naming `context` when the tensors are not a checkpoint of such a run.
  void restore(const NamedTensors& checkpoint, const std::string& context);

  static constexpr double kNonfiniteShare = 0.05;

 private:
  void record(const Info& info);
  const LogDensity& target_;
  SamplerOptions options_;
  NamedTensors parameters_;
  Seed seed_;
  std::unique_ptr<Sampler> sampler_;
  State state_;
  std::vector<TraceRow> trace_;
  RunStatus status_ = RunStatus::kRunning;
  std::int64_t steps_below_threshold_ = 0;
};

}  // namespace ergon
