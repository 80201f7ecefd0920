#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstdint>
#include <utility>

#include "adaptation.hpp"
#include "ergon/sampler/chain_samplers.hpp"
#include "ergon/sampler/moves.hpp"
#include "hamiltonian.hpp"

namespace ergon {
namespace {

// One trajectory of every chain, accepted or rejected.
Transition move_chains(const SamplerOptions& options,
                       const LogDensity& target,
                       const State& state,
                       std::int64_t leapfrog_steps,
                       Generator& generator) {
  NamedTensors memory = state.memory;
  Dynamics dynamics = tuned_dynamics(options, target, state, memory, generator);
  dynamics.leapfrog_steps = leapfrog_steps;
  HamiltonianMove move = hamiltonian_move(target, {}, state, dynamics, generator);
  Transition result{std::move(move.state), {}};
  result.info.step_size = dynamics.step_size;
  result.info.acceptance = move.acceptance.mean(-1);
  result.info.divergent = move.divergent;
  result.info.nonfinite = move.nonfinite;
  learn_tuning(options, memory, result.state.particles, result.info.acceptance);
  result.state.memory = std::move(memory);
  result.state.step = state.step + 1;
  return result;
}

}  // namespace

Mala::Mala(SamplerOptions options) : options_(std::move(options)) { options_.validate(); }

State Mala::init(const LogDensity& target, const Tensor& particles, const Tensor& /*log_q*/) const {
  State state = initial_state(target, particles);
  state.memory = start_tuning(options_, state);
  return state;
}

Transition Mala::step(const LogDensity& target, const State& state, Generator generator) const {
  const at::NoGradGuard no_grad;
  Transition result = move_chains(options_, target, state, 1, generator);
  result.info.step_size = result.info.step_size.square() / 2;
  return result;
}

State Mala::end_warmup(State state) const {
  stop_tuning(state.memory);
  return state;
}

Hmc::Hmc(SamplerOptions options) : options_(std::move(options)) { options_.validate(); }

State Hmc::init(const LogDensity& target, const Tensor& particles, const Tensor& /*log_q*/) const {
  State state = initial_state(target, particles);
  state.memory = start_tuning(options_, state);
  return state;
}

Transition Hmc::step(const LogDensity& target, const State& state, Generator generator) const {
  const at::NoGradGuard no_grad;
  std::int64_t leapfrog_steps = options_.chain.leapfrog_steps;
  if (options_.chain.path_length == PathLength::kUniform) {
    leapfrog_steps = 1 + draw::integers(1, leapfrog_steps, generator).item<std::int64_t>();
  }
  return move_chains(options_, target, state, leapfrog_steps, generator);
}

State Hmc::end_warmup(State state) const {
  stop_tuning(state.memory);
  return state;
}

}  // namespace ergon
