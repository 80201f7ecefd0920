#include "ergon/sampler/annealing.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/sampler/moves.hpp"
#include "resampling.hpp"
#include "temperature_ladder.hpp"
#include "tempered_moves.hpp"

// Equation numbers are those of docs/maths/annealing.md.
namespace ergon {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::string kContext = "the state of an annealing run";
const char* const kTemperature = "inverse_temperature";
const char* const kStepSize = "log_step_size";
const char* const kMass = "inverse_mass";

// The masses of a set worth n particles have the weight n against this many of the step before.
constexpr double kMassInertia = 5.0;

// All leading dimensions in one: (..., own dimensions) -> (S, own dimensions).
Tensor flat(const Tensor& values, std::int64_t own_dimensions) {
  auto shape = values.sizes().slice(static_cast<std::size_t>(values.dim() - own_dimensions)).vec();
  shape.insert(shape.begin(), -1);
  return values.reshape(shape);
}

Tensor rows(const Tensor& values, const Tensor& index, std::int64_t own_dimensions) {
  return flat(values, own_dimensions).index_select(0, index);
}

// `values` with the rows `part` (S', own dimensions) in place of those of `index`.
Tensor with_rows(const Tensor& values, const Tensor& index, const Tensor& part) {
  return flat(values, part.dim() - 1).index_copy(0, index, part).view(values.sizes());
}

// The sets of `index` in one leading dimension.
TemperedParticles take(const State& state, const Tensor& index) {
  TemperedParticles sets;
  sets.state.particles = rows(state.particles, index, 2);
  sets.state.log_density = rows(state.log_density, index, 1);
  sets.state.score = rows(state.score, index, 2);
  sets.state.log_weight = rows(state.log_weight, index, 1);
  sets.state.step = state.step;
  sets.path.inverse_temperature = rows(find_tensor(state.memory, kTemperature, kContext), index, 0);
  sets.log_step_size = rows(find_tensor(state.memory, kStepSize, kContext), index, 0);
  sets.inverse_mass = rows(find_tensor(state.memory, kMass, kContext), index, 1);
  return sets;
}

State put_back(const State& state, const Tensor& index, const TemperedParticles& sets) {
  State next = state;
  next.step = state.step + 1;
  next.particles = with_rows(state.particles, index, sets.state.particles);
  next.log_density = with_rows(state.log_density, index, sets.state.log_density);
  next.score = with_rows(state.score, index, sets.state.score);
  next.log_weight = with_rows(state.log_weight, index, sets.state.log_weight);
  const auto replace = [&](const char* name, const Tensor& part) {
    return std::pair<std::string, Tensor>(
        name, with_rows(find_tensor(state.memory, name, kContext), index, part));
  };
  next.memory = {replace(kTemperature, sets.path.inverse_temperature),
                 replace(kStepSize, sets.log_step_size), replace(kMass, sets.inverse_mass)};
  return next;
}

// Uniform numbers are drawn for all sets, so that no set's depend on who else is resampled.
void resample(State& state, const Tensor& chosen, Generator& generator) {
  const Tensor uniform =
      draw::uniform_like(at::empty({chosen.size(0)}, state.log_weight.options()), generator);
  const Tensor index = chosen.nonzero().squeeze(1);
  if (index.size(0) == 0) return;
  const Tensor log_weight = state.log_weight.index_select(0, index);
  const Tensor ancestors =
      systematic_resampling(log_weight, uniform.index_select(0, index));  // (S', M)
  const Tensor from = index.unsqueeze(-1);
  state.particles = state.particles.index_copy(0, index, state.particles.index({from, ancestors}));
  state.log_density =
      state.log_density.index_copy(0, index, state.log_density.index({from, ancestors}));
  state.score = state.score.index_copy(0, index, state.score.index({from, ancestors}));
  const Tensor mean = log_mean_weight(log_weight).unsqueeze(-1).expand_as(log_weight);
  state.log_weight = state.log_weight.index_copy(0, index, mean);
}

// (65). The weights of ais may leave few particles that count: there all are taken alike.
Tensor inverse_mass_of(const State& state, const Tensor& before, SamplerKind kind) {
  const Tensor shares = kind == SamplerKind::kSmc
                            ? state.log_weight
                            : (state.log_weight > -kInfinity).to(at::kDouble).log();
  const Tensor weight = normalised_weights(shares).unsqueeze(-1);  // (S, M, 1)
  const Tensor worth = weight.square().sum(-2).reciprocal();       // (S, 1)
  const Tensor particles = state.particles.to(at::kDouble);
  const Tensor mean = (weight * particles).sum(-2, /*keepdim=*/true);
  const Tensor variance = (weight * (particles - mean).square()).sum(-2);
  return (worth * variance + (kMassInertia + 1) * before) / (worth + kMassInertia);
}

}  // namespace

Annealing::Annealing(SamplerOptions options, const NamedTensors& parameters)
    : options_(std::move(options)), initial_(InitialDistribution::from_parameters(parameters)) {
  options_.validate();
  ERGON_CHECK(anneals(options_.kind), "{} does not anneal", to_name(options_.kind));
}

State Annealing::init(const LogDensity& target,
                      const Tensor& particles,
                      const Tensor& /*log_q*/) const {
  const at::NoGradGuard no_grad;
  State state = initial_state(target, particles);
  const auto sets = particles.sizes().slice(0, static_cast<std::size_t>(particles.dim()) - 2);
  state.log_weight = at::zeros(state.log_density.sizes(), at::kDouble);
  state.memory = {{kTemperature, at::zeros(sets, at::kDouble)},
                  {kStepSize, starting_log_step_size(options_, sets)},
                  {kMass, starting_inverse_mass(options_, initial_, sets)}};
  return state;
}

bool Annealing::arrived(const State& state) const {
  return (find_tensor(state.memory, kTemperature, kContext) >= 1).all().item<bool>();
}

Tensor Annealing::next_temperature(const State& state,
                                   const Tensor& current,
                                   const Tensor& log_ratio) const {
  const TemperingOptions& tempering = options_.tempering;
  if (tempering.ladder == TemperatureLadder::kAdaptive) {
    return next_inverse_temperature(current, state.log_weight, log_ratio,
                                    tempering.conditional_ess);
  }
  const double way =
      static_cast<double>(state.step + 1) / static_cast<double>(options_.steps.steps);
  const double power = tempering.ladder == TemperatureLadder::kPower ? tempering.power : 1.0;
  return at::full_like(current, way >= 1 ? 1.0 : std::pow(way, power));
}

// (61)
Tensor Annealing::reweigh(State& state, const Tensor& current) const {
  const Tensor log_ratio = (state.log_density - initial_.log_prob(state.particles)).to(at::kDouble);
  const Tensor next = next_temperature(state, current, log_ratio);
  state.log_weight = state.log_weight + (next - current).unsqueeze(-1) * log_ratio;
  if ((state.log_weight.amax(-1) == -kInfinity).any().item<bool>()) {
    throw NumericalFailure(
        "the target's density is zero at every particle of a set that still had weight; take more "
        "particles (--particles), or an initial distribution nearer to the target (--initial-mean, "
        "--initial-stddev)");
  }
  return next;
}

Transition Annealing::step(const LogDensity& target,
                           const State& state,
                           Generator generator) const {
  const at::NoGradGuard no_grad;
  const Tensor& before = find_tensor(state.memory, kTemperature, kContext);
  const Tensor going = (before.reshape({-1}) < 1).nonzero().squeeze(1);
  if (going.size(0) == 0) {
    Transition nothing{state, {}};
    ++nothing.state.step;
    return nothing;
  }
  TemperedParticles sets = take(state, going);
  sets.gain = 1.0;
  sets.path.initial = &initial_;
  sets.path.inverse_temperature = reweigh(sets.state, sets.path.inverse_temperature);
  const Tensor ess_share = effective_share(sets.state.log_weight);
  if (options_.chain.mass == MassMatrix::kDiagonal) {
    sets.inverse_mass = inverse_mass_of(sets.state, sets.inverse_mass, options_.kind);
  }
  if (options_.kind == SamplerKind::kSmc) {
    resample(sets.state, ess_share < options_.tempering.resample_below, generator);
  }
  const MoveReport report = tempered_moves(target, options_, sets, generator);

  Transition result{put_back(state, going, sets), {}};
  const Tensor none = at::full_like(before, std::numeric_limits<double>::quiet_NaN());
  result.info.acceptance = with_rows(none, going, report.acceptance);
  result.info.step_size = with_rows(none, going, report.step_size);
  result.info.inverse_temperature = with_rows(none, going, sets.path.inverse_temperature);
  result.info.ess_share = with_rows(none, going, ess_share);
  result.info.divergent = report.divergent;
  result.info.nonfinite = report.nonfinite;
  return result;
}

}  // namespace ergon
