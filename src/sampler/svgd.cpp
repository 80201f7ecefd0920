#include <ATen/ATen.h>

#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/stein_samplers.hpp"
#include "ergon/stein/velocity.hpp"

namespace ergon {

Svgd::Svgd(SamplerOptions options) : options_(std::move(options)) { options_.validate(); }

State Svgd::init(const LogDensity& target, const Tensor& particles, const Tensor& /*log_q*/) const {
  return initial_state(target, particles);
}

Transition Svgd::step(const LogDensity& target, const State& state, Generator /*generator*/) const {
  Info info;
  info.bandwidth = bandwidth_at(options_.bandwidth, {}, state);
  info.step_size = step_size_at(options_, {}, state, {});
  const Tensor velocity = stein::velocity({state.particles, state.score, info.bandwidth, {}});
  info.velocity_norm = root_mean_square(velocity, {});
  const Tensor step = info.step_size.unsqueeze(-1).unsqueeze(-1);
  State next = evaluate(target, state.particles + step * velocity);
  next.step = state.step + 1;
  info.nonfinite = keep_finite(state, next);
  return {next, info};
}

}  // namespace ergon
