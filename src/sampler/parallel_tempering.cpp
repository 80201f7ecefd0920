#include "ergon/sampler/parallel_tempering.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/sampler/moves.hpp"
#include "temperature_ladder.hpp"
#include "tempered_moves.hpp"

// Equation numbers are those of docs/maths/annealing.md.
namespace ergon {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kFirstRound = 20.0;  // steps
constexpr double kMassInertia = 5.0;  // draws that the masses of the round before are worth
const std::string kContext = "the state of a parallel-tempering run";

// What State::memory holds. Replicas 1 … K-1 move; the last is the particles themselves.
struct Memory {
  State hot;                  // (..., K-1, M, D)  replicas 0 … K-2
  Tensor ladder;              // (..., K)
  Tensor log_step_size;       // (..., K-1)     of replicas 1 … K-1, as all that follows
  Tensor log_step_size_mean;  // (..., K-1)     its weighted average over the round
  Tensor inverse_mass;        // (..., K-1, D)
  Tensor mean, squares;       // (..., K-1, D)  of the round: mean, and sum of squared deviations
  Tensor rejection;           // (..., K-1)     of pairs (k, k+1), summed over the round's tries
  Tensor log_stone;  // (..., K-1)     log Σ exp((β_{k+1} - β_k) log p̄/q⁰) since the warm-up
  Tensor round_step, round_length, draws, adapting;  // ()
};

template <class Self, class Visitor>
void visit(Self& self, Visitor&& visitor) {
  visitor("replicas.particles", self.hot.particles);
  visitor("replicas.log_density", self.hot.log_density);
  visitor("replicas.score", self.hot.score);
  visitor("ladder", self.ladder);
  visitor("log_step_size", self.log_step_size);
  visitor("log_step_size_mean", self.log_step_size_mean);
  visitor("inverse_mass", self.inverse_mass);
  visitor("round.mean", self.mean);
  visitor("round.squares", self.squares);
  visitor("round.rejection", self.rejection);
  visitor("round.step", self.round_step);
  visitor("round.length", self.round_length);
  visitor("stone.log_sum", self.log_stone);
  visitor("stone.draws", self.draws);
  visitor("adapting", self.adapting);
}

Memory remember(const NamedTensors& tensors) {
  Memory memory;
  visit(memory,
        [&](const char* name, Tensor& value) { value = find_tensor(tensors, name, kContext); });
  return memory;
}

NamedTensors named(const Memory& memory) {
  NamedTensors tensors;
  visit(memory, [&](const char* name, const Tensor& value) { tensors.emplace_back(name, value); });
  return tensors;
}

Tensor scalar(double value) { return at::scalar_tensor(value, at::kDouble); }

// ---- all replicas in one tensor, (..., K, M, D) ------------------------------------------------

State all_replicas(const State& cold, const State& hot) {
  State all;
  all.particles = at::cat({hot.particles, cold.particles.unsqueeze(-3)}, -3);
  all.log_density = at::cat({hot.log_density, cold.log_density.unsqueeze(-2)}, -2);
  all.score = at::cat({hot.score, cold.score.unsqueeze(-3)}, -3);
  return all;
}

State narrow(const State& all, std::int64_t first, std::int64_t count) {
  State part;
  part.particles = all.particles.narrow(-3, first, count);
  part.log_density = all.log_density.narrow(-2, first, count);
  part.score = all.score.narrow(-3, first, count);
  return part;
}

void put(State& all, std::int64_t first, const State& part) {
  State place = narrow(all, first, part.log_density.size(-2));
  place.particles.copy_(part.particles);
  place.log_density.copy_(part.log_density);
  place.score.copy_(part.score);
}

// Replica 0 from q⁰.
State fresh_reference(const LogDensity& target,
                      const InitialDistribution& initial,
                      const State& like,
                      Generator& generator) {
  const auto particles = like.particles.size(-2);
  const auto sets = like.log_density.numel() / particles;
  const Tensor points = initial.sample_sets(sets, particles, generator).particles;
  State state = evaluate(target, points.view(like.particles.sizes()));
  reject_nonfinite(state);
  return state;
}

// ---- swaps -------------------------------------------------------------------------------------

struct Swaps {
  Tensor acceptance;  // (..., K-1, M)  probability for pair (k, k+1), whether its turn or not
  Tensor turn;        // (K-1)          bool
  Tensor log_ratio;   // (..., K, M)    log p̄/q⁰ after the swaps
};

// (80) exchanges what the replicas hold.
Swaps swap(State& all,
           const Tensor& ladder,
           const Tensor& log_ratio,
           std::int64_t parity,
           Generator& generator) {
  const auto pairs = ladder.size(-1) - 1;
  const Tensor step = ladder.diff().unsqueeze(-1);  // (..., K-1, 1)
  const Tensor exponent = step * (log_ratio.narrow(-2, 0, pairs) - log_ratio.narrow(-2, 1, pairs));
  Swaps swaps;
  swaps.acceptance = exponent.nan_to_num(-kInfinity, kInfinity, -kInfinity).clamp_max(0.0).exp();
  const Tensor numbers = at::arange(pairs, ladder.options().dtype(at::kLong));
  swaps.turn = numbers.remainder(2) == parity;
  const Tensor uniform = draw::uniform_like(swaps.acceptance, generator);
  const Tensor accepted =
      (uniform < swaps.acceptance).logical_and(swaps.turn.unsqueeze(-1)).to(at::kLong);
  Tensor source =
      at::arange(pairs + 1, numbers.options()).unsqueeze(-1).expand(log_ratio.sizes()).contiguous();
  source.narrow(-2, 0, pairs).add_(accepted);
  source.narrow(-2, 1, pairs).sub_(accepted);
  const Tensor wide = source.unsqueeze(-1).expand(all.particles.sizes());
  all.particles = all.particles.gather(-3, wide);
  all.log_density = all.log_density.gather(-2, source);
  all.score = all.score.gather(-3, wide);
  swaps.log_ratio = log_ratio.gather(-2, source);
  return swaps;
}

// ---- warm-up -----------------------------------------------------------------------------------

// Gain of (77) after n steps of a round, and the weight of that step in its average.
double gain_at(double n) { return std::pow(1.0 + n / 5.0, -0.6); }
double average_weight(double n) { return std::pow(1.0 + n, -0.75); }

// Mean and squared deviations with M more draws at once (Chan, Golub and LeVeque 1983).
void add_moments(Memory& memory, const Tensor& particles) {
  const Tensor points = particles.to(at::kDouble);
  const auto more = static_cast<double>(points.size(-2));
  const double before = memory.round_step.item<double>() * more;
  const Tensor mean = points.mean(-2);
  const Tensor shift = mean - memory.mean;
  memory.squares = memory.squares + (points - mean.unsqueeze(-2)).square().sum(-2) +
                   shift.square() * (before * more / (before + more));
  memory.mean = memory.mean + shift * (more / (before + more));
}

void start_round(Memory& memory, double length) {
  memory.mean = at::zeros_like(memory.mean);
  memory.squares = at::zeros_like(memory.squares);
  memory.rejection = at::zeros_like(memory.rejection);
  memory.round_step = scalar(0);
  memory.round_length = scalar(length);
}

// The masses from the round's variances, the ladder from its rejections (81), and what belongs to
// the replicas' temperatures carried over to the new ones.
void end_round(Memory& memory, const SamplerOptions& options) {
  const auto moving = memory.log_step_size.size(-1);
  const double length = memory.round_length.item<double>();
  const auto draws = length * static_cast<double>(memory.hot.log_density.size(-1));
  if (options.chain.mass == MassMatrix::kDiagonal) {
    memory.inverse_mass =
        (memory.squares + kMassInertia * memory.inverse_mass) / (draws + kMassInertia);
  }
  const Tensor before = memory.ladder.narrow(-1, 1, moving).contiguous();
  memory.ladder = equal_rejection_ladder(memory.ladder, memory.rejection / (length / 2));
  if (moving > 1) {
    const Tensor after = memory.ladder.narrow(-1, 1, moving).contiguous();
    memory.log_step_size = interpolate(before, memory.log_step_size_mean, after);
    memory.log_step_size_mean = memory.log_step_size;  // should the warm-up end here
    const Tensor shape = memory.inverse_mass.transpose(-1, -2).contiguous();  // (..., D, K-1)
    memory.inverse_mass = interpolate(before.unsqueeze(-2).expand_as(shape), shape.log(),
                                      after.unsqueeze(-2).expand_as(shape))
                              .exp()
                              .transpose(-1, -2)
                              .contiguous();
  }
  start_round(memory, 2 * length);
}

void warm_up(Memory& memory,
             const SamplerOptions& options,
             const State& moved,
             const Swaps& swaps) {
  const double n = memory.round_step.item<double>();
  const double weight = average_weight(n);
  memory.log_step_size_mean =
      weight * memory.log_step_size + (1 - weight) * memory.log_step_size_mean;
  add_moments(memory, moved.particles);
  memory.rejection =
      memory.rejection + swaps.turn.to(at::kDouble) * (1 - swaps.acceptance.mean(-1));
  memory.round_step = scalar(n + 1);
  if (n + 1 >= memory.round_length.item<double>()) end_round(memory, options);
}

// (82)
void add_stones(Memory& memory, const Tensor& log_ratio) {
  const auto pairs = memory.log_stone.size(-1);
  const Tensor stones =
      (memory.ladder.diff().unsqueeze(-1) * log_ratio.narrow(-2, 0, pairs)).logsumexp(-1);
  memory.log_stone = at::logaddexp(memory.log_stone, stones);
  memory.draws = memory.draws + static_cast<double>(log_ratio.size(-1));
}

Info summary(const MoveReport& report, const Swaps& swaps) {
  const auto moving = swaps.turn.size(0);
  const Tensor turn = swaps.turn.to(at::kDouble);
  Info info;
  info.acceptance = report.acceptance.select(-1, moving - 1);
  info.step_size = report.step_size.select(-1, moving - 1);
  info.swap_acceptance = (turn * swaps.acceptance.mean(-1)).sum(-1) / turn.sum();
  info.divergent = report.divergent;
  info.nonfinite = (report.nonfinite + moving - 1) / moving;
  return info;
}

}  // namespace

ParallelTempering::ParallelTempering(SamplerOptions options, const NamedTensors& parameters)
    : options_(std::move(options)), initial_(InitialDistribution::from_parameters(parameters)) {
  options_.validate();
}

State ParallelTempering::init(const LogDensity& target,
                              const Tensor& particles,
                              const Tensor& /*log_q*/) const {
  const at::NoGradGuard no_grad;
  State state = initial_state(target, particles);
  const auto replicas = options_.tempering.replicas;
  auto sets = particles.sizes().slice(0, static_cast<std::size_t>(particles.dim()) - 2).vec();
  const Tensor steps = at::arange(replicas, at::kDouble) / static_cast<double>(replicas - 1);
  Memory memory;
  sets.push_back(replicas);
  memory.ladder = steps.pow(options_.tempering.power).expand(sets).contiguous();
  sets.back() = replicas - 1;
  const auto copies = [&](const Tensor& values, std::int64_t dimension) {
    return values.unsqueeze(dimension).repeat_interleave(replicas - 1, dimension);
  };
  memory.hot.particles = copies(state.particles, -3);
  memory.hot.log_density = copies(state.log_density, -2);
  memory.hot.score = copies(state.score, -3);
  memory.log_step_size = starting_log_step_size(options_, sets);
  memory.log_step_size_mean = memory.log_step_size;
  memory.inverse_mass = starting_inverse_mass(options_, initial_, sets);
  memory.mean = at::zeros_like(memory.inverse_mass);
  memory.squares = at::zeros_like(memory.inverse_mass);
  memory.rejection = at::zeros_like(memory.log_step_size);
  memory.log_stone = at::full_like(memory.log_step_size, -kInfinity);
  memory.draws = scalar(0);
  memory.adapting = scalar(1);
  start_round(memory, kFirstRound);
  state.memory = named(memory);
  return state;
}

State ParallelTempering::end_warmup(State state) const {
  Memory memory = remember(state.memory);
  memory.log_step_size = memory.log_step_size_mean;
  memory.adapting = scalar(0);
  state.memory = named(memory);
  return state;
}

Transition ParallelTempering::step(const LogDensity& target,
                                   const State& state,
                                   Generator generator) const {
  const at::NoGradGuard no_grad;
  Memory memory = remember(state.memory);
  const bool adapting = memory.adapting.item<double>() > 0;
  const double gain = adapting ? gain_at(memory.round_step.item<double>()) : 0.0;
  const auto moving = memory.log_step_size.size(-1);
  State all = all_replicas(state, memory.hot);
  const std::int64_t parity = state.step % 2;
  if (parity == 0) put(all, 0, fresh_reference(target, initial_, narrow(all, 0, 1), generator));

  const Tensor moving_ladder = memory.ladder.narrow(-1, 1, moving);
  TemperedParticles replicas{narrow(all, 1, moving),
                             {&initial_, moving_ladder},
                             memory.log_step_size,
                             memory.inverse_mass,
                             gain};
  const MoveReport report = tempered_moves(target, options_, replicas, generator);
  memory.log_step_size = replicas.log_step_size;
  put(all, 1, replicas.state);

  const Tensor log_ratio = (all.log_density - initial_.log_prob(all.particles)).to(at::kDouble);
  const Swaps swaps = swap(all, memory.ladder, log_ratio, parity, generator);
  memory.hot = narrow(all, 0, moving);
  if (adapting) {
    warm_up(memory, options_, narrow(all, 1, moving), swaps);
  } else {
    add_stones(memory, swaps.log_ratio);
  }

  Transition result{state, {}};
  result.state.particles = all.particles.select(-3, moving).contiguous();
  result.state.log_density = all.log_density.select(-2, moving).contiguous();
  result.state.score = all.score.select(-3, moving).contiguous();
  result.state.memory = named(memory);
  result.state.step = state.step + 1;
  result.info = summary(report, swaps);
  return result;
}

Tensor stepping_stone_log_z(const State& state) {
  const Memory memory = remember(state.memory);
  const double draws = memory.draws.item<double>();
  require(draws > 0,
          "log Z by stepping stones needs steps after the warm-up, and none was taken; take more "
          "steps, or a smaller --warmup");
  return (memory.log_stone - std::log(draws)).sum(-1);
}

Tensor temperature_ladder(const State& state) {
  return find_tensor(state.memory, "ladder", kContext);
}

}  // namespace ergon
