#include "adaptation.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/parameters.hpp"

namespace ergon {
namespace {

// Dual averaging. The published γ is 0.05, for one noisy chain that may start far off: with the
// mean over many chains, started within a factor 2, so strong a pull makes ε swing by factors.
constexpr double kShrinkage = 0.2;    // γ
constexpr double kDelay = 10;         // t0
constexpr double kForgetting = 0.75;  // κ
constexpr double kContinuedUpdates = 10;

constexpr double kReasonableAcceptance = 0.9;
constexpr int kMostTrials = 60;

// Windows from whose draws the mass is learned.
constexpr std::int64_t kStepsBeforeWindows = 15;  // chains on their way to where the mass is
constexpr std::int64_t kWindowDraws = 160;        // in the first window, all chains together
constexpr std::int64_t kShortestWindow = 5, kLongestWindow = 100;
constexpr double kPriorDraws = 5;

// Counters in memory; those of the windows are -1 under the unit mass.
enum Counter : std::int64_t { kLearning, kSearching, kSteps, kWindowEnd, kMasses, kCounters };

Tensor& entry(NamedTensors& memory, const char* name) {
  for (auto& [found, tensor] : memory) {
    if (found == name) return tensor;
  }
  ERGON_CHECK(false, "the state has no memory called {}", name);
}

bool is_adapted(const SamplerOptions& options) {
  return options.step_size.rule == StepSizeRule::kAdapted;
}

// ε of the option, which for Langevin moves is h = ε²/2.
double leapfrog_step(const SamplerOptions& options, double value) {
  const bool langevin = options.kind == SamplerKind::kUla || options.kind == SamplerKind::kMala;
  return langevin ? std::sqrt(2 * value) : value;
}

std::int64_t first_window(std::int64_t chains) {
  return std::clamp(kWindowDraws / chains, kShortestWindow, kLongestWindow);
}

// Adds the particles to their window: of n, 2n, 4n … steps. At its end a new mass, true.
bool learn_mass(std::int64_t* count, NamedTensors& memory, const Tensor& particles) {
  const auto chains = particles.size(-2);
  const std::int64_t length = first_window(chains) << count[kMasses];
  const std::int64_t before = count[kSteps] - 1 - (count[kWindowEnd] - length);
  if (before < 0) return false;
  Tensor& mean = entry(memory, "tuning.window_mean");
  Tensor& squares = entry(memory, "tuning.window_squares");
  PooledMoments moments{static_cast<double>(before * chains), mean, squares};
  moments.add(particles);
  mean = moments.mean;
  squares = moments.squares;
  if (count[kSteps] < count[kWindowEnd]) return false;
  Tensor& inverse_mass = entry(memory, "tuning.inverse_mass");
  inverse_mass = moments.variance(inverse_mass);
  mean = at::zeros_like(mean);
  squares = at::zeros_like(squares);
  count[kWindowEnd] += 2 * length;
  count[kMasses] += 1;
  return true;
}

}  // namespace

DualAveraging DualAveraging::from(const Tensor& step_size) {
  const Tensor log_step = step_size.log();
  return {log_step, log_step, log_step, at::zeros_like(log_step), at::zeros_like(log_step)};
}

DualAveraging DualAveraging::unpack(const Tensor& packed) {
  const auto parts = packed.unbind(-1);
  return {parts[0], parts[1], parts[2], parts[3], parts[4]};
}

Tensor DualAveraging::pack() const {
  return at::stack({log_step, log_average, centre, error, count}, -1);
}

void DualAveraging::update(const Tensor& acceptance, double target) {
  count = count + 1;
  const Tensor weight = 1 / (count + kDelay);
  error =
      (1 - weight) * error + weight * (target - acceptance.to(error.scalar_type()).nan_to_num());
  log_step = centre - count.sqrt() / kShrinkage * error;
  log_average = at::lerp(log_average, log_step, count.pow(-kForgetting));
}

void DualAveraging::continue_from_average() {
  centre = log_step = log_average;
  error = at::zeros_like(error);
  count = at::full_like(count, kContinuedUpdates);
}

void PooledMoments::add(const Tensor& points) {
  const Tensor exact = points.to(at::kDouble);
  const auto added = static_cast<double>(points.size(-2));
  const Tensor centre = exact.mean(-2);
  const Tensor offset = centre - mean;
  const double total = count + added;
  mean = mean + offset * (added / total);
  squares = squares + (exact - centre.unsqueeze(-2)).square().sum(-2) +
            offset.square() * (count * added / total);
  count = total;
}

Tensor PooledMoments::variance(const Tensor& previous) const {
  const Tensor own = squares / std::max(count - 1, 1.0);
  const double share = count / (count + kPriorDraws);
  const Tensor shrunk = (share * own.log() + (1 - share) * previous.log()).exp();
  return at::where((shrunk > 0).logical_and(shrunk.isfinite()), shrunk, previous);
}

Tensor reasonable_step_size(const LogDensity& target,
                            const State& state,
                            const Tensor& inverse_mass,
                            const Tensor& start,
                            Generator& generator) {
  const at::NoGradGuard no_grad;
  const auto particles = state.particles.size(-2), dim = state.particles.size(-1);
  State searching;  // with one leading dimension
  searching.particles = state.particles.reshape({-1, particles, dim});
  searching.log_density = state.log_density.reshape({-1, particles});
  searching.score = state.score.reshape({-1, particles, dim});
  Tensor mass = inverse_mass.to(state.particles.scalar_type()).reshape({-1, dim});
  const Tensor found = start.reshape({-1}).clone();
  Tensor sets = at::arange(found.numel(), at::TensorOptions(at::kLong).device(found.device()));
  Tensor growing;
  for (int trial = 0; trial < kMostTrials && sets.numel() > 0; ++trial) {
    const Tensor step_size = found.index_select(0, sets);
    const Dynamics dynamics = {step_size.to(mass.scalar_type()), mass, 1};
    // The median: a few chains that start far out, or where the density is zero, do not decide.
    const Tensor high =
        std::get<0>(
            hamiltonian_move(target, {}, searching, dynamics, generator).acceptance.median(-1)) >
        kReasonableAcceptance;
    if (trial == 0) growing = high;
    const Tensor left = (high == growing).nonzero().squeeze(-1);
    const auto keep = [&left](Tensor& rows) { rows = rows.index_select(0, left); };
    keep(growing);
    keep(sets);
    keep(mass);
    keep(searching.particles);
    keep(searching.log_density);
    keep(searching.score);
    const Tensor factor = 0.5 + 1.5 * growing.to(found.scalar_type());  // 2 or ½
    found.index_copy_(0, sets, step_size.index_select(0, left) * factor);
  }
  return found.reshape(start.sizes());
}

NamedTensors start_tuning(const SamplerOptions& options, const State& state) {
  const auto sizes = state.particles.sizes();
  const auto shape = sizes.slice(0, sizes.size() - 2).vec();
  const at::TensorOptions numbers = state.particles.options().dtype(at::kDouble);
  const double step = leapfrog_step(options, options.step_size.value);
  Tensor inverse_mass = at::ones_like(state.particles.select(-2, 0), numbers);
  const bool diagonal = options.chain.mass == MassMatrix::kDiagonal;
  std::vector<std::int64_t> counters(kCounters, 0);
  counters[kLearning] = 1;
  counters[kSearching] = is_adapted(options) ? 1 : 0;
  counters[kWindowEnd] =
      diagonal ? kStepsBeforeWindows + first_window(state.particles.size(-2)) : -1;
  NamedTensors memory = {
      {"tuning.counters", at::tensor(counters, at::kLong)},
      {"tuning.step_size", DualAveraging::from(at::full(shape, step, numbers)).pack()},
      {"tuning.inverse_mass", inverse_mass}};
  if (diagonal) {
    memory.emplace_back("tuning.window_mean", at::zeros_like(inverse_mass));
    memory.emplace_back("tuning.window_squares", at::zeros_like(inverse_mass));
  }
  return memory;
}

Dynamics tuned_dynamics(const SamplerOptions& options,
                        const LogDensity& target,
                        const State& state,
                        NamedTensors& memory,
                        Generator& generator) {
  const Tensor inverse_mass = entry(memory, "tuning.inverse_mass");
  Tensor& packed = entry(memory, "tuning.step_size");
  Tensor& counters = entry(memory, "tuning.counters");
  if (counters[kSearching].item<std::int64_t>() != 0) {
    const Tensor start = packed.select(-1, 0).exp();
    packed =
        DualAveraging::from(reasonable_step_size(target, state, inverse_mass, start, generator))
            .pack();
    counters = counters.clone();
    counters[kSearching] = 0;
  }
  Tensor step_size = packed.select(-1, 0).exp();
  if (!is_adapted(options)) {
    const double factor = schedule_factor(options.step_size, state.step, options.steps.steps);
    step_size = at::full_like(step_size, leapfrog_step(options, options.step_size.value * factor));
  }
  const auto type = state.particles.scalar_type();
  return {step_size.to(type), inverse_mass.to(type), 1};
}

void learn_tuning(const SamplerOptions& options,
                  NamedTensors& memory,
                  const Tensor& particles,
                  const Tensor& acceptance) {
  Tensor& counters = entry(memory, "tuning.counters");
  if (counters[kLearning].item<std::int64_t>() == 0) return;
  counters = counters.clone();
  auto* count = counters.data_ptr<std::int64_t>();
  ++count[kSteps];
  const bool new_mass = count[kWindowEnd] >= 0 && learn_mass(count, memory, particles);
  if (!is_adapted(options)) return;
  Tensor& packed = entry(memory, "tuning.step_size");
  DualAveraging averaging = DualAveraging::unpack(packed);
  averaging.update(acceptance, options.chain.target_acceptance);
  // The first mass changes the scale of ε altogether, later ones little.
  if (new_mass && count[kMasses] == 1) count[kSearching] = 1;
  if (new_mass && count[kMasses] > 1) averaging.continue_from_average();
  packed = averaging.pack();
}

void stop_tuning(NamedTensors& memory) {
  Tensor& counters = entry(memory, "tuning.counters");
  if (counters[kLearning].item<std::int64_t>() == 0) return;
  counters = counters.clone();
  counters[kLearning] = 0;
  Tensor& packed = entry(memory, "tuning.step_size");
  DualAveraging averaging = DualAveraging::unpack(packed);
  averaging.log_step = averaging.log_average;
  packed = averaging.pack();
}

}  // namespace ergon
