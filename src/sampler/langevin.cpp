#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "adaptation.hpp"
#include "ergon/sampler/chain_samplers.hpp"
#include "ergon/sampler/moves.hpp"
#include "hamiltonian.hpp"

namespace ergon {

Ula::Ula(SamplerOptions options) : options_(std::move(options)) { options_.validate(); }

State Ula::init(const LogDensity& target, const Tensor& particles, const Tensor& /*log_q*/) const {
  State state = initial_state(target, particles);
  state.memory = start_tuning(options_, state);
  return state;
}

Transition Ula::step(const LogDensity& target, const State& state, Generator generator) const {
  const at::NoGradGuard no_grad;
  NamedTensors memory = state.memory;
  const Dynamics dynamics = tuned_dynamics(options_, target, state, memory, generator);
  // With a² = ε² G = 2h G this is x + ½ a² s + a ξ.
  const Tensor noise = draw::normal_like(state.particles, generator);
  const Tensor stride =
      dynamics.step_size.unsqueeze(-1).unsqueeze(-1) * dynamics.inverse_mass.sqrt().unsqueeze(-2);
  Transition result;
  result.state = evaluate(
      target, at::addcmul(state.particles, stride, at::addcmul(noise, stride, state.score, 0.5)));
  result.info.nonfinite = keep_finite(state, result.state);
  result.info.step_size = dynamics.step_size.square() / 2;
  learn_tuning(options_, memory, result.state.particles, Tensor());
  result.state.memory = std::move(memory);
  result.state.step = state.step + 1;
  return result;
}

State Ula::end_warmup(State state) const {
  stop_tuning(state.memory);
  return state;
}

}  // namespace ergon
