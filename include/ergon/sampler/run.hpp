#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"
#include "ergon/sampler/stein_flow.hpp"

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
  double acceptance_forward = kNone;  ///< stein-mh, by the direction of the move
  double acceptance_inverse = kNone;
  double acceptance_refresh = kNone;   ///< stein-mh: of the random moves
  double swap_share = kNone;           ///< stein-mh: particles not in the half of their index
  double alive = kNone;                ///< share of particles not dropped by truncation
  std::int64_t nonfinite = 0;          ///< moves undone in this step
  std::int64_t noninvertible = 0;      ///< log-determinants that are not those of an invertible map
  double log_z = kNone;                ///< log of the mean weight (ais, smc)
  double ess_share = kNone;            ///< of the weights, before resampling (ais, smc)
  double inverse_temperature = kNone;  ///< β (ais, smc)
  double swap_acceptance = kNone;      ///< parallel-tempering
  double tree_depth = kNone;           ///< nuts
  std::int64_t divergent = 0;          ///< trajectories in this step
  std::int64_t evaluations = 0;        ///< gradients and Hessian-vector products since the start
};

/// The trace's columns for CSV and checkpoints, in the order of TraceRow's fields.
const std::vector<std::string>& trace_columns();
std::vector<double> to_numbers(const TraceRow& row);

enum class RunStatus { kRunning, kFinished, kSteinIdentityMet, kTooManyNonfinite, kNotArrived };
template <>
struct EnumNames<RunStatus> {
  static const std::vector<EnumName<RunStatus>>& all();
};

/// What a run keeps beside its last state.
struct RunKeep {
  /// Records every step as a map, its step size cut to this share of the certified bound.
  /// Memory: steps · sets · M · 2 D numbers. Only for samplers that make maps.
  std::optional<double> flow_safety;
};

/// A sampler's run from q⁰ to its last step: an object that is stepped from outside and can be
/// saved between any two steps. Step l draws from the stream ("step", l) of the seed, so the state
/// and l are all a checkpoint needs: a resumed run ends with the same bits.
///
/// Markov chains warm up for a share of the run, by steps or evaluations, whichever ends it first;
/// draws are kept from then on.
///
/// Under preconditioning the steps are taken in z, x = m + L z: step sizes, bandwidths, velocities
/// and the record are those in z; the state and the densities of the trace are those in x.
class Run {
 public:
  using Keep = RunKeep;

  /// `parameters` as from starting_parameters or a fit. The target must outlive the run.
  /// Throws InvalidInput from validate(), check_parameters and Sampler::init.
  Run(const LogDensity& target,
      const SamplerOptions& options,
      NamedTensors parameters,
      Seed seed,
      Keep keep = {});

  RunStatus status() const { return status_; }
  /// Takes one step, without a graph. More undone moves than `nonfinite_share` of the particles
  /// end the run with kTooManyNonfinite.
  void step();
  const State& state() const { return state_in_x_; }
  /// q⁰ in the coordinates of the steps.
  const InitialDistribution& initial() const { return *initial_; }
  /// x = m + L z, or nothing.
  const std::optional<AffineMap>& affine() const { return affine_; }
  /// The recorded steps, each with all sets in its leading dimension.
  const std::vector<SteinStep>& recorded_steps() const { return recorded_; }
  /// The kept draws of the chains (sets·M, n, D) in float64, evenly spaced after the warm-up;
  /// undefined without any.
  Tensor chains() const;
  const std::vector<TraceRow>& trace() const { return trace_; }
  /// Steps before draws are kept: all of them, until the warm-up is over.
  std::int64_t warmup_steps() const { return state_.step - draws_since_warmup_; }
  /// Gradients and Hessian-vector products so far, in points.
  std::int64_t evaluations() const;

  NamedTensors checkpoint() const;
  /// Throws InvalidInput naming `context` when the tensors are not a checkpoint of such a run.
  void restore(const NamedTensors& checkpoint, const std::string& context);

  /// The share of particles whose move may be undone in a step: 0.05; 0.5 where moves are judged
  /// (mala, hmc, nuts, parallel-tempering, ais, smc), so that a bad one is merely a rejection.
  static double nonfinite_share(SamplerKind kind);

 private:
  void record(const Info& info);
  void keep(const State& before, const Info& info);
  void show_state();
  void restore_kept(const NamedTensors& saved, const std::string& context, std::int64_t steps);
  const LogDensity& density() const;
  double share_done() const;
  void end_warmup_when_due();
  void keep_chain_draw();
  std::unique_ptr<CountingDensity> target_;  ///< counts of this run
  SamplerOptions options_;
  NamedTensors parameters_;
  Seed seed_;
  Keep keep_;
  std::optional<InitialDistribution> initial_;
  std::optional<AffineMap> affine_;
  std::unique_ptr<AffineDensity> whitened_;  ///< the target in z; null without preconditioning
  std::unique_ptr<Sampler> sampler_;
  State state_;       ///< in the coordinates of the steps
  State state_in_x_;  ///< the same in x
  std::vector<SteinStep> recorded_;
  std::vector<Tensor> chain_draws_;  ///< (sets·M, D) each
  std::vector<TraceRow> trace_;
  RunStatus status_ = RunStatus::kRunning;
  std::int64_t steps_below_threshold_ = 0;
  bool warm_ = false;  ///< the chains' warm-up is over
  std::int64_t chain_stride_ = 1;
  std::int64_t draws_since_warmup_ = 0;
};

}  // namespace ergon
