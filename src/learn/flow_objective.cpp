#include "ergon/learn/flow_objective.hpp"

#include <ATen/ATen.h>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/stein/fixed_support.hpp"

namespace ergon {
namespace {

void require_finite(const State& state) {
  if (is_finite(state).all().item<bool>()) return;
  throw NumericalFailure(fmt::format(
      "the density or its gradient is not finite at a support particle of step {}", state.step));
}

// q⁰, support and draws before the first step, and what the steps do to the draws.
struct Pushed {
  Tensor x;      // (R, n, D)
  Tensor log_q;  // (R, n)
};

Pushed push_through_steps(const LogDensity& density,
                          const SamplerOptions& options,
                          const NamedTensors& parameters,
                          Tensor support,
                          Pushed draws) {
  for (std::int64_t step = 0; step < options.steps.steps; ++step) {
    State state = evaluate(density, support);
    state.step = step;
    require_finite(state);
    const Tensor bandwidth = bandwidth_at(options.bandwidth, parameters, state);
    const stein::Support fixed = support_of(state, bandwidth);
    const Tensor bound = options.bound.safety / stein::lipschitz_bound(fixed);
    const Tensor wanted = step_size_at(options, parameters, state, bound);
    const Tensor step_size = bounded_step_size(options, wanted, bound);
    const stein::Pushed pushed = stein::push_forward(fixed, step_size, draws.x);
    draws = {pushed.points, draws.log_q - pushed.log_det};
    if (step + 1 < options.steps.steps) {
      support = stein::push_forward_points(fixed, step_size, support);
    }
  }
  return draws;
}

}  // namespace

Tensor flow_objective(const LogDensity& target,
                      const SamplerOptions& options,
                      const NamedTensors& parameters,
                      Seed support_seed,
                      std::int64_t draws,
                      Generator generator) {
  const auto initial = InitialDistribution::from_parameters(parameters);
  const auto affine = precondition_map(parameters);
  std::optional<AffineDensity> whitened;
  if (affine) whitened.emplace(target, *affine);
  const LogDensity& density = whitened ? static_cast<const LogDensity&>(*whitened) : target;
  const Draws support = initial.sample_sets(options.sets, options.particles,
                                            support_seed.child("initial").generator());
  const Draws fresh = initial.sample_sets(options.sets, draws, generator);
  const Pushed end = push_through_steps(density, options, parameters, support.particles,
                                        {fresh.particles, fresh.log_q});
  return (end.log_q - density.log_density(end.x)).mean();
}

}  // namespace ergon
