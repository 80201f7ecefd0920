#include "ergon/sampler/parameters.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/laplace.hpp"
#include "ergon/stein/bandwidth.hpp"
#include "ergon/stein/step_bound.hpp"

namespace ergon {
namespace {

constexpr const char* kBandwidth = "bandwidth";
constexpr const char* kStepSize = "step_size";

// A multilayer perceptron D → h → h → 1 with ReLU whose last layer starts at zero. He
// initialisation from our own generator.
void add_network(NamedTensors& parameters,
                 const std::string& prefix,
                 std::int64_t dim,
                 std::int64_t hidden,
                 Generator generator) {
  const auto weight = [&](std::int64_t out, std::int64_t in) {
    return draw::normal_like(at::empty({out, in}, at::kDouble), generator) *
           std::sqrt(2.0 / static_cast<double>(in));
  };
  parameters.emplace_back(prefix + ".network.weight1", weight(hidden, dim));
  parameters.emplace_back(prefix + ".network.bias1", at::zeros({hidden}, at::kDouble));
  parameters.emplace_back(prefix + ".network.weight2", weight(hidden, hidden));
  parameters.emplace_back(prefix + ".network.bias2", at::zeros({hidden}, at::kDouble));
  parameters.emplace_back(prefix + ".network.weight3", at::zeros({1, hidden}, at::kDouble));
  parameters.emplace_back(prefix + ".network.bias3", at::zeros({1}, at::kDouble));
}

// The network of the particles' mean, (..., D) -> (...).
Tensor evaluate_network(const NamedTensors& parameters,
                        const std::string& prefix,
                        const Tensor& mean) {
  const auto layer = [&](const Tensor& input, const char* index) {
    const std::string role = prefix + ".network.";
    return at::linear(input, find_tensor(parameters, role + "weight" + index, "sampler parameters"),
                      find_tensor(parameters, role + "bias" + index, "sampler parameters"));
  };
  return layer(at::relu(layer(at::relu(layer(mean, "1")), "2")), "3").squeeze(-1);
}

// Mean over the live particles, (..., D).
Tensor particle_mean(const State& state) {
  if (!state.alive.defined()) return state.particles.mean(-2);
  const Tensor mask = state.alive.to(state.particles.scalar_type()).unsqueeze(-1);
  return (state.particles * mask).sum(-2) / mask.sum(-2);
}

Tensor constant(const Tensor& particles, double value) {
  const auto batch = particles.sizes().slice(0, particles.dim() - 2);
  return at::full(batch, value, particles.options().requires_grad(false));
}

double listed(const std::vector<double>& values, std::int64_t step) {
  const auto last = static_cast<std::int64_t>(values.size()) - 1;
  return values[static_cast<std::size_t>(std::min(step, last))];
}

// exp of the learned number, or of the step's own one.
Tensor learned(const NamedTensors& parameters,
               const std::string& prefix,
               const Tensor& particles,
               std::int64_t step) {
  const Tensor& log_value = find_tensor(parameters, prefix + ".log_value", "sampler parameters");
  const Tensor own =
      log_value.dim() == 0 ? log_value : log_value.select(0, std::min(step, log_value.size(0) - 1));
  return own.exp().expand(particles.sizes().slice(0, particles.dim() - 2));
}

void add_log_value(NamedTensors& parameters,
                   const char* prefix,
                   double value,
                   std::vector<std::int64_t> shape) {
  parameters.emplace_back(std::string(prefix) + ".log_value",
                          at::full(shape, std::log(value), at::kDouble));
}

// The identity, which place_at_mode replaces, and q⁰ = N(0, stddev² I) of z.
void add_laplace(NamedTensors& parameters,
                 const SamplerOptions& options,
                 const InitialDistribution& initial) {
  const auto dim = initial.mean().size(1);
  parameters.emplace_back("initial.mean", at::zeros({1, dim}, at::kDouble));
  parameters.emplace_back("initial.log_stddev", initial.log_stddev());
  parameters.emplace_back("precondition.location",
                          at::tensor(options.initial.mean, at::kDouble).expand({dim}).clone());
  parameters.emplace_back("precondition.log_diagonal", at::zeros({dim}, at::kDouble));
  parameters.emplace_back("precondition.lower", at::zeros({dim, dim}, at::kDouble));
}

// The map that takes the standard q⁰ of the family to the options' one, and that q⁰.
void add_precondition(NamedTensors& parameters,
                      const SamplerOptions& options,
                      const InitialDistribution& initial) {
  const auto dim = initial.mean().size(1);
  const Tensor location = at::tensor(options.initial.mean, at::kDouble).expand({dim}).clone();
  parameters.emplace_back("initial.mean", (initial.mean() - location) / options.initial.stddev);
  parameters.emplace_back("initial.log_stddev", at::zeros_like(initial.log_stddev()));
  parameters.emplace_back("precondition.location", location);
  parameters.emplace_back("precondition.log_diagonal",
                          at::full({dim}, std::log(options.initial.stddev), at::kDouble));
  if (options.precondition == Precondition::kFull) {
    parameters.emplace_back("precondition.lower", at::zeros({dim, dim}, at::kDouble));
  }
}

}  // namespace

NamedTensors starting_parameters(const SamplerOptions& options, std::int64_t dim, Seed seed) {
  NamedTensors parameters;
  const auto initial =
      InitialDistribution::from_options(options.initial, dim, seed.child("initial"));
  if (options.kind == SamplerKind::kFlow) {
    add_precondition(parameters, options, initial);  // a flow starts from N(0, I)
  } else if (options.precondition == Precondition::kNone) {
    parameters.emplace_back("initial.mean", initial.mean());
    parameters.emplace_back("initial.log_stddev", initial.log_stddev());
  } else if (options.precondition == Precondition::kLaplace) {
    add_laplace(parameters, options, initial);
  } else {
    add_precondition(parameters, options, initial);
  }

  const std::int64_t steps = std::max<std::int64_t>(options.steps.steps, 1);
  const BandwidthOptions& bandwidth = options.bandwidth;
  if (bandwidth.rule == BandwidthRule::kLearned)
    add_log_value(parameters, kBandwidth, bandwidth.value, {});
  if (bandwidth.rule == BandwidthRule::kLearnedPerStep) {
    add_log_value(parameters, kBandwidth, bandwidth.value, {steps});
  }
  if (bandwidth.rule == BandwidthRule::kNetwork) {
    add_network(parameters, kBandwidth, dim, bandwidth.hidden, seed.child(kBandwidth).generator());
  }
  const StepSizeOptions& step_size = options.step_size;
  if (step_size.rule == StepSizeRule::kLearned)
    add_log_value(parameters, kStepSize, step_size.value, {});
  if (step_size.rule == StepSizeRule::kLearnedPerStep) {
    add_log_value(parameters, kStepSize, step_size.value, {steps});
  }
  if (step_size.rule == StepSizeRule::kLearnedBoundFraction) {
    const double logit = std::log(step_size.value / (1 - step_size.value));
    parameters.emplace_back("step_size.logit_value", at::full({steps}, logit, at::kDouble));
  }
  if (step_size.rule == StepSizeRule::kNetwork) {
    add_network(parameters, kStepSize, dim, step_size.hidden, seed.child(kStepSize).generator());
  }
  const auto type = options.precision == Precision::kDouble ? at::kDouble : at::kFloat;
  for (auto& [name, tensor] : parameters) tensor = tensor.to(type);
  return parameters;
}

NamedTensors starting_parameters(const SamplerOptions& options,
                                 const LogDensity& target,
                                 Seed seed) {
  NamedTensors parameters = starting_parameters(options, target.dim(), seed);
  if (options.precondition != Precondition::kLaplace) return parameters;
  const LaplaceFit fit =
      fit_laplace(target, find_tensor(parameters, "precondition.location", "sampler parameters"));
  for (auto& [name, tensor] : parameters) {
    const auto put = [&tensor = tensor](const Tensor& value) {
      tensor = value.to(tensor.scalar_type());
    };
    if (name == "precondition.location") put(fit.mode);
    if (name == "precondition.log_diagonal") put(fit.scale.diagonal().log());
    if (name == "precondition.lower") put(fit.scale.tril(-1));
  }
  return parameters;
}

std::vector<std::string> learned_names(const SamplerOptions& options) {
  std::vector<std::string> names;
  const auto type_only =
      starting_parameters(options, static_cast<std::int64_t>(options.initial.mean.size()), Seed(0));
  for (const auto& [name, tensor] : type_only) {
    const bool initial = name.rfind("initial.", 0) == 0;
    const bool affine = name.rfind("precondition.", 0) == 0;
    // A preconditioned Gaussian q⁰ is moved by the map alone.
    const bool standard = initial && options.precondition != Precondition::kNone &&
                          options.initial.family == InitialFamily::kGaussian;
    const bool fixed = options.initial.fitting == InitialFitting::kFixed;
    if (standard || (fixed && (initial || affine))) continue;
    names.push_back(name);
  }
  return names;
}

NamedTensors check_parameters(const SamplerOptions& options,
                              std::int64_t dim,
                              const NamedTensors& parameters,
                              const std::string& context) {
  NamedTensors checked;
  for (const auto& [name, start] : starting_parameters(options, dim, Seed(0))) {
    const Tensor& found = find_tensor(parameters, name, context);
    require(
        found.sizes() == start.sizes(),
        "{}: {} has shape [{}], these sampler options need [{}]; use the options it was made with",
        context, name, fmt::join(found.sizes().vec(), ", "), fmt::join(start.sizes().vec(), ", "));
    require(found.isfinite().all().item<bool>(), "{}: {} holds a number that is not finite",
            context, name);
    checked.emplace_back(
        name, found.scalar_type() == start.scalar_type() ? found : found.to(start.scalar_type()));
  }
  return checked;
}

std::optional<AffineMap> precondition_map(const NamedTensors& parameters) {
  Tensor location, diagonal, lower;
  for (const auto& [name, tensor] : parameters) {
    if (name == "precondition.location") location = tensor;
    if (name == "precondition.log_diagonal") diagonal = tensor;
    if (name == "precondition.lower") lower = tensor;
  }
  if (!location.defined()) return std::nullopt;
  Tensor scale = at::diag(diagonal.exp());
  if (lower.defined()) scale = scale + lower.tril(-1);
  return AffineMap(location, scale);
}

Tensor bandwidth_at(const BandwidthOptions& options,
                    const NamedTensors& parameters,
                    const State& state) {
  const Tensor& particles = state.particles;
  const auto rule = [&]() -> Tensor {
    switch (options.rule) {
      case BandwidthRule::kFixed:
        return constant(particles, options.value);
      case BandwidthRule::kPerStep:
        return constant(particles, listed(options.values, state.step));
      case BandwidthRule::kMedian:
        return stein::median_bandwidth(particles, state.alive);
      case BandwidthRule::kMean:
        return stein::mean_bandwidth(particles, state.alive);
      case BandwidthRule::kFourth:
        return stein::fourth_bandwidth(particles, state.alive);
      case BandwidthRule::kMmd:
        return stein::mmd_bandwidth(particles, state.alive);
      case BandwidthRule::kLearned:
      case BandwidthRule::kLearnedPerStep:
        return learned(parameters, kBandwidth, particles, state.step);
      case BandwidthRule::kNetwork:
        return options.value * evaluate_network(parameters, kBandwidth, particle_mean(state)).exp();
    }
    ERGON_CHECK(false, "bandwidth rule {}", static_cast<int>(options.rule));
  };
  return rule().clamp(options.minimum, options.maximum);
}

double schedule_factor(const StepSizeOptions& options, std::int64_t step, std::int64_t steps) {
  const double total = static_cast<double>(std::max<std::int64_t>(steps, 1));
  const double share = static_cast<double>(step) / total;
  switch (options.schedule) {
    case StepSizeSchedule::kConstant:
      return 1.0;
    case StepSizeSchedule::kPower:
      return std::pow(1.0 + static_cast<double>(step), -options.decay);
    case StepSizeSchedule::kExponential:
      return std::pow(options.decay, share);
    case StepSizeSchedule::kCosine:
      return 0.5 * (1.0 + std::cos(M_PI * share));
    case StepSizeSchedule::kSwitchOff: {
      // ρ^floor(f), f = l/Δ, with the published smooth floor (γ = 0.99) and ρ = 1e-6.
      constexpr double kSmoothness = 0.99;
      const double f = share / options.switch_off;
      const double angle = 2 * M_PI * f;
      const double wave =
          std::atan(-kSmoothness * std::sin(angle) / (1 - kSmoothness * std::cos(angle))) / M_PI;
      return std::min(1.0, std::pow(1e-6, f - 0.5 - wave));
    }
  }
  ERGON_CHECK(false, "step size schedule {}", static_cast<int>(options.schedule));
}

Tensor step_size_at(const SamplerOptions& sampler,
                    const NamedTensors& parameters,
                    const State& state,
                    const Tensor& bound) {
  const Tensor& particles = state.particles;
  const StepSizeOptions& options = sampler.step_size;
  const auto rule = [&]() -> Tensor {
    switch (options.rule) {
      case StepSizeRule::kFixed:
        return constant(particles, options.value);
      case StepSizeRule::kPerStep:
        return constant(particles, listed(options.values, state.step));
      case StepSizeRule::kBoundFraction:
        return options.value * bound;
      case StepSizeRule::kLearned:
      case StepSizeRule::kLearnedPerStep:
        return learned(parameters, kStepSize, particles, state.step);
      case StepSizeRule::kLearnedBoundFraction: {
        const Tensor& logit =
            find_tensor(parameters, "step_size.logit_value", "sampler parameters");
        return logit.select(0, std::min(state.step, logit.size(0) - 1)).sigmoid() * bound;
      }
      case StepSizeRule::kNetwork:
        return options.value * evaluate_network(parameters, kStepSize, particle_mean(state)).exp();
      case StepSizeRule::kAdapted:
        break;  // refused by validate() for all samplers that ask here
    }
    ERGON_CHECK(false, "step size rule {}", static_cast<int>(options.rule));
  };
  const double factor = schedule_factor(options, state.step, sampler.steps.steps);
  return factor == 1.0 ? rule() : rule() * factor;
}

Tensor bounded_step_size(const SamplerOptions& options, const Tensor& wanted, const Tensor& bound) {
  if (!bound.defined()) return wanted;
  return options.bound.clamp == Clamp::kHard ? stein::hard_clamp(wanted, bound)
                                             : stein::leaky_clamp(wanted, bound);
}

}  // namespace ergon
