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

// The masses of a pilot worth n particles have the weight n against this many of the step before,
// and D more where they are dense.
constexpr double kMassInertia = 5.0;

// What State::memory holds: the schedule, and the particles that decide it.
struct Memory {
  Tensor inverse_temperature;  // ()
  Tensor log_step_size;        // ()
  Tensor inverse_mass;         // (D), or dense (D, D)
  State pilot;                 // (M, D), zeros before the first step; no tensors without a pilot
};

bool adapts(const SamplerOptions& options) {
  return options.tempering.ladder == TemperatureLadder::kAdaptive ||
         options.step_size.rule == StepSizeRule::kAdapted ||
         options.chain.mass != MassMatrix::kIdentity;
}

template <class Self, class Visitor>
void visit(Self& self, bool piloted, Visitor&& visitor) {
  visitor("inverse_temperature", self.inverse_temperature);
  visitor("log_step_size", self.log_step_size);
  visitor("inverse_mass", self.inverse_mass);
  if (!piloted) return;
  visitor("pilot.particles", self.pilot.particles);
  visitor("pilot.log_density", self.pilot.log_density);
  visitor("pilot.score", self.pilot.score);
  visitor("pilot.log_weight", self.pilot.log_weight);
}

Memory remember(const NamedTensors& tensors, bool piloted) {
  Memory memory;
  visit(memory, piloted,
        [&](const char* name, Tensor& value) { value = find_tensor(tensors, name, kContext); });
  return memory;
}

NamedTensors named(const Memory& memory, bool piloted) {
  NamedTensors tensors;
  visit(memory, piloted,
        [&](const char* name, const Tensor& value) { tensors.emplace_back(name, value); });
  return tensors;
}

// ---- the sets and, last, the pilot in one leading dimension ------------------------------------

// own_dimensions: those behind the sets', (..., own dimensions) -> (S or S + 1, own dimensions).
Tensor join(const Tensor& sets, const Tensor& pilot, std::int64_t own_dimensions) {
  auto shape = sets.sizes().slice(static_cast<std::size_t>(sets.dim() - own_dimensions)).vec();
  shape.insert(shape.begin(), -1);
  const Tensor flat = sets.reshape(shape);
  return pilot.defined() ? at::cat({flat, pilot.unsqueeze(0)}, 0) : flat;
}

State all_sets(const State& state, const State& pilot) {
  State all;
  all.particles = join(state.particles, pilot.particles, 2);
  all.log_density = join(state.log_density, pilot.log_density, 1);
  all.score = join(state.score, pilot.score, 2);
  all.log_weight = join(state.log_weight, pilot.log_weight, 1);
  return all;
}

State last_set(const State& all) {
  State set;
  set.particles = all.particles.select(0, -1).clone();
  set.log_density = all.log_density.select(0, -1).clone();
  set.score = all.score.select(0, -1).clone();
  set.log_weight = all.log_weight.select(0, -1).clone();
  return set;
}

// The first values of `all`, in the shape of the sets that `like` has.
Tensor shaped(const Tensor& all, const Tensor& like) {
  return all.narrow(0, 0, like.numel() / all[0].numel()).view(like.sizes());
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

// smc: every set by its own effective sample size; ais: the pilot alone, where a few particles with
// most of the weight would choose the schedule.
void resample_where_due(State& all,
                        const Tensor& ess_share,
                        const SamplerOptions& options,
                        Generator& generator) {
  Tensor due = ess_share < options.tempering.resample_below;
  if (options.kind == SamplerKind::kAis) {
    if (!adapts(options)) return;
    due.narrow(0, 0, due.size(0) - 1).fill_(false);
  }
  resample(all, due, generator);
}

State fresh_pilot(const LogDensity& target,
                  const InitialDistribution& initial,
                  std::int64_t particles,
                  Generator& generator) {
  State pilot = evaluate(target, initial.sample_sets(1, particles, generator).particles[0]);
  reject_nonfinite(pilot);
  pilot.log_weight = at::zeros(pilot.log_density.sizes(), at::kDouble);
  return pilot;
}

// All sets under the pilot's schedule.
TemperedParticles scheduled(const State& all,
                            const Memory& memory,
                            const InitialDistribution& initial) {
  const auto sets = all.log_density.size(0);
  const Tensor& mass = memory.inverse_mass;
  const bool dense = mass.dim() == 2;
  TemperedParticles particles{all,
                              {&initial, memory.inverse_temperature.expand({sets})},
                              memory.log_step_size.expand({sets}),
                              dense ? mass : mass.expand({sets, mass.size(0)}),
                              /*gain=*/1.0,
                              {}};
  if (memory.pilot.particles.defined()) particles.pilot = sets - 1;
  return particles;
}

Info summary(const MoveReport& report,
             const Tensor& inverse_temperature,
             const Tensor& ess_share,
             const Tensor& like) {
  Info info;
  info.acceptance = shaped(report.acceptance, like);
  info.step_size = shaped(report.step_size, like);
  info.inverse_temperature = inverse_temperature.expand(like.sizes());
  info.ess_share = shaped(ess_share, like);
  info.divergent = report.divergent;
  info.nonfinite = report.nonfinite;
  return info;
}

// (76) from a set's weights (M) and particles (M, D).
Tensor inverse_mass_of(const Tensor& log_weight, const Tensor& points, const Tensor& before) {
  const Tensor weight = normalised_weights(log_weight).unsqueeze(-1);  // (M, 1)
  const Tensor worth = weight.square().sum().reciprocal();
  const Tensor particles = points.to(at::kDouble);
  const Tensor centred = particles - (weight * particles).sum(0, /*keepdim=*/true);
  const bool dense = before.dim() == 2;
  const Tensor variance =
      dense ? at::matmul(centred.t(), weight * centred) : (weight * centred.square()).sum(0);
  const double inertia = kMassInertia + (dense ? static_cast<double>(before.size(0)) : 0.0);
  return (worth * variance + (inertia + 1) * before) / (worth + inertia);
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
  state.log_weight = at::zeros(state.log_density.sizes(), at::kDouble);
  Memory memory;
  memory.inverse_temperature = at::zeros({}, at::kDouble);
  memory.log_step_size = starting_log_step_size(options_, {});
  memory.inverse_mass = starting_inverse_mass(options_, initial_, {});
  const auto dim = particles.size(-1);
  memory.pilot.particles = at::zeros({particles.size(-2), dim}, particles.options());
  memory.pilot.log_density = at::zeros({particles.size(-2)}, state.log_density.options());
  memory.pilot.score = at::zeros({particles.size(-2), dim}, state.score.options());
  memory.pilot.log_weight = at::zeros({particles.size(-2)}, at::kDouble);
  state.memory = named(memory, adapts(options_));
  return state;
}

bool Annealing::arrived(const State& state) const {
  return find_tensor(state.memory, "inverse_temperature", kContext).item<double>() >= 1;
}

// The last of the sets decides: without a pilot the ladder is not adaptive.
Tensor Annealing::next_temperature(const State& all,
                                   const Tensor& current,
                                   const Tensor& log_ratio,
                                   std::int64_t step) const {
  const TemperingOptions& tempering = options_.tempering;
  if (tempering.ladder == TemperatureLadder::kAdaptive) {
    return next_inverse_temperature(current, all.log_weight.select(0, -1), log_ratio.select(0, -1),
                                    tempering.conditional_ess);
  }
  const double way = static_cast<double>(step + 1) / static_cast<double>(options_.steps.steps);
  const double power = tempering.ladder == TemperatureLadder::kPower ? tempering.power : 1.0;
  return at::full_like(current, way >= 1 ? 1.0 : std::pow(way, power));
}

// (71)
Tensor Annealing::reweigh(State& all, const Tensor& current, std::int64_t step) const {
  const Tensor log_ratio = (all.log_density - initial_.log_prob(all.particles)).to(at::kDouble);
  const Tensor next = next_temperature(all, current, log_ratio, step);
  all.log_weight = all.log_weight + (next - current) * log_ratio;
  const Tensor lost = all.log_weight.amax(-1) == -kInfinity;
  // A pilot that found no density at all cannot say where it is: its particles look on, all alike.
  if (adapts(options_) && lost[-1].item<bool>()) {
    all.log_weight[-1].zero_();
    lost[-1].fill_(false);
  }
  if (lost.any().item<bool>()) {
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
  Transition result{state, {}};
  State& next = result.state;
  ++next.step;
  if (arrived(state)) return result;
  const bool piloted = adapts(options_);
  Memory memory = remember(state.memory, piloted);
  if (piloted && state.step == 0) {
    memory.pilot = fresh_pilot(target, initial_, state.log_density.size(-1), generator);
  }
  State all = all_sets(state, memory.pilot);
  memory.inverse_temperature = reweigh(all, memory.inverse_temperature, state.step);
  const Tensor ess_share = effective_share(all.log_weight);
  if (options_.chain.mass != MassMatrix::kIdentity) {
    memory.inverse_mass = inverse_mass_of(all.log_weight.select(0, -1), all.particles.select(0, -1),
                                          memory.inverse_mass);
  }
  resample_where_due(all, ess_share, options_, generator);
  TemperedParticles sets = scheduled(all, memory, initial_);
  const MoveReport report = tempered_moves(target, options_, sets, generator);
  memory.log_step_size = sets.log_step_size.select(0, -1).clone();
  if (piloted) memory.pilot = last_set(sets.state);

  next.particles = shaped(sets.state.particles, state.particles);
  next.log_density = shaped(sets.state.log_density, state.log_density);
  next.score = shaped(sets.state.score, state.score);
  next.log_weight = shaped(sets.state.log_weight, state.log_weight);
  next.memory = named(memory, piloted);
  result.info =
      summary(report, memory.inverse_temperature, ess_share, state.log_density.select(-1, 0));
  return result;
}

}  // namespace ergon
