#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "adaptation.hpp"
#include "ergon/sampler/chain_samplers.hpp"
#include "ergon/sampler/moves.hpp"
#include "no_u_turn.hpp"

namespace ergon {

Nuts::Nuts(SamplerOptions options) : options_(std::move(options)) { options_.validate(); }

State Nuts::init(const LogDensity& target, const Tensor& particles, const Tensor& /*log_q*/) const {
  State state = initial_state(target, particles);
  state.memory = start_tuning(options_, state);
  return state;
}

Transition Nuts::step(const LogDensity& target, const State& state, Generator generator) const {
  const at::NoGradGuard no_grad;
  Transition result;
  result.state.memory = state.memory;
  const Dynamics dynamics = tuned_dynamics(options_, target, state, result.state.memory, generator);
  const auto rows = [dim = target.dim()](const Tensor& x) { return x.reshape({-1, dim}); };
  TrajectoryStarts starts;
  starts.particles = rows(state.particles);
  starts.log_density = state.log_density.reshape({-1});
  starts.score = rows(state.score);
  starts.momentum = rows(draw::normal_like(state.particles, generator));
  starts.stride = rows((dynamics.step_size.unsqueeze(-1) * dynamics.inverse_mass.sqrt())
                           .unsqueeze(-2)
                           .expand_as(state.particles));
  const TrajectoryDraws drawn =
      draw_trajectories(target, starts, options_.chain.tree_depth, generator);

  const auto sizes = state.log_density.sizes();
  result.state.particles = drawn.particles.contiguous().view(state.particles.sizes());
  result.state.log_density = drawn.log_density.contiguous().view(sizes);
  result.state.score = drawn.score.contiguous().view(state.particles.sizes());
  result.state.step = state.step + 1;
  result.info.step_size = dynamics.step_size;
  result.info.acceptance = drawn.acceptance.reshape(sizes).mean(-1);
  result.info.tree_depth = drawn.depth.reshape(sizes).mean(-1);
  result.info.divergent = drawn.divergent;
  result.info.nonfinite = drawn.nonfinite;
  learn_tuning(options_, result.state.memory, result.state.particles, result.info.acceptance);
  return result;
}

State Nuts::end_warmup(State state) const {
  stop_tuning(state.memory);
  return state;
}

}  // namespace ergon
