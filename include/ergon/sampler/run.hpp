#pragma once

#include <cstdint>
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
#include "ergon/sampler/trace.hpp"

namespace ergon {

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
  /// A run of `flow`, whose particles go through `map` in the coordinates of the steps.
  Run(const LogDensity& target,
      const SamplerOptions& options,
      std::shared_ptr<const Bijection> map,
      NamedTensors parameters,
      Seed seed);

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
  void begin(const NamedTensors& parameters, std::shared_ptr<const Bijection> map);
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
