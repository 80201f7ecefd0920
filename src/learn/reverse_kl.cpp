#include "ergon/learn/reverse_kl.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/optim/adam.h>
#include <torch/serialize/archive.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "ergon/core/errors.hpp"
#include "ergon/learn/flow_objective.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/make_sampler.hpp"
#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kHeldOutSets = 4;
constexpr std::int64_t kFlowDraws = 256;
constexpr std::int64_t kHeldOutFlowDraws = 8;  // times those of an iteration

NamedTensors detached_copy(const NamedTensors& tensors) {
  NamedTensors copy;
  for (const auto& [name, tensor] : tensors) copy.emplace_back(name, tensor.detach().clone());
  return copy;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Tensor to_bytes(const torch::optim::Adam& optimizer) {
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string bytes = stream.str();
  Tensor tensor = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
  std::copy(bytes.begin(), bytes.end(), tensor.data_ptr<std::uint8_t>());
  return tensor;
}

void from_bytes(const Tensor& bytes, torch::optim::Adam& optimizer) {
  const auto* begin = reinterpret_cast<const char*>(bytes.data_ptr<std::uint8_t>());
  std::istringstream stream(std::string(begin, begin + bytes.numel()));
  torch::serialize::InputArchive archive;
  archive.load_from(stream);
  optimizer.load(archive);
}

// What the sampler cannot use is refused, not ignored.
void require_fit_options_apply(const SamplerOptions& sampler, const FitOptions& fit) {
  require(is_stein(sampler.kind) && can_be_fitted(sampler.kind),
          "{} is no Stein sampler that tracks its density, so there is nothing to fit here: use "
          "--sampler stein-flow, met-svgd or "
          "p-svgd, or leave --fit out",
          to_name(sampler.kind));
  const bool flow = sampler.kind == SamplerKind::kSteinFlow;
  require(
      !flow || (fit.sets == 1 && fit.particles == 0),
      "--fit-sets and --fit-particles belong to samplers whose particles are fitted; stein-flow "
      "is fitted with --particles, --sets and --fit-draws");
  require(flow || fit.draws == 0, "--fit-draws belongs to --sampler stein-flow, not to {}",
          to_name(sampler.kind));
}

}  // namespace

struct ReverseKlFit::Implementation {
  const LogDensity& target;
  SamplerOptions sampler_options;
  FitOptions options;
  Seed seed;
  Seed run_seed;
  NamedTensors parameters{};  // leaves; the learned ones require gradients
  std::vector<Tensor> learned{};
  std::unique_ptr<Sampler> sampler{};
  std::unique_ptr<torch::optim::Adam> optimizer{};
  NamedTensors best{};
  double best_objective = std::numeric_limits<double>::infinity();
  std::vector<FitRow> trace{};
  std::int64_t skipped = 0;

  double learning_rate(std::int64_t iteration) const {
    return cosine_decay(options.learning_rate, options.final_learning_rate, iteration,
                        options.iterations);
  }

  // E[log q^L - log p̄(x^L)] over fresh sets of particles.
  Tensor objective(std::int64_t sets, Seed draws) const {
    const auto initial = InitialDistribution::from_parameters(parameters);
    const std::int64_t particles =
        options.particles > 0 ? options.particles : sampler_options.particles;
    const Draws start = initial.sample_sets(sets, particles, draws.child("initial").generator());
    State state = sampler->init(target, start.particles, start.log_q);
    for (std::int64_t step = 0; step < sampler_options.steps.steps; ++step) {
      state = sampler
                  ->step(target, state,
                         draws.child("step", static_cast<std::uint64_t>(step)).generator())
                  .state;
    }
    return live_mean(survivors_log_q(state) - state.log_density, state.alive).mean();
  }

  // The same over fresh draws through the flow of the run's support.
  Tensor flow(std::int64_t times, Seed draws) const {
    const std::int64_t count = options.draws > 0 ? options.draws : kFlowDraws;
    return flow_objective(target, sampler_options, parameters, run_seed, times * count,
                          draws.child("flow").generator());
  }

  bool fits_flow() const { return sampler_options.kind == SamplerKind::kSteinFlow; }

  double evaluate_held_out() const {
    const at::NoGradGuard no_grad;
    const Seed draws = seed.child("held-out");
    return (fits_flow() ? flow(kHeldOutFlowDraws, draws) : objective(kHeldOutSets, draws))
        .item<double>();
  }

  // The objective's gradient, in the learned tensors; false where the particles left the target's
  // support or each other.
  bool differentiate(FitRow& row) {
    row.objective = row.gradient_norm = std::numeric_limits<double>::quiet_NaN();
    for (Tensor& tensor : learned) tensor.mutable_grad() = Tensor();
    try {
      const Seed draws = seed.child("draws", static_cast<std::uint64_t>(row.iteration));
      const Tensor loss = fits_flow() ? flow(1, draws) : objective(options.sets, draws);
      row.objective = loss.item<double>();
      loss.backward();
    } catch (const InvalidInput&) {
      return false;
    } catch (const NumericalFailure&) {
      return false;
    }
    row.gradient_norm = clip_gradient();
    return std::isfinite(row.objective) && std::isfinite(row.gradient_norm);
  }

  // Held-out objective, or NaN where it cannot be had at the present parameters.
  double try_held_out() const {
    try {
      return evaluate_held_out();
    } catch (const InvalidInput&) {
    } catch (const NumericalFailure&) {
    }
    return std::numeric_limits<double>::quiet_NaN();
  }

  void keep_if_best(double held_out) {
    if (!std::isfinite(held_out) || held_out >= best_objective) return;
    best_objective = held_out;
    best = detached_copy(parameters);
  }

  // The norm of the gradient; cuts it to the option's.
  double clip_gradient() const {
    double squared = 0;
    for (const Tensor& tensor : learned) {
      if (tensor.grad().defined())
        squared += tensor.grad().to(at::kDouble).pow(2).sum().item<double>();
    }
    const double norm = std::sqrt(squared);
    if (norm > options.gradient_clip) {
      for (const Tensor& tensor : learned) {
        if (tensor.grad().defined()) tensor.mutable_grad().mul_(options.gradient_clip / norm);
      }
    }
    return norm;
  }

  void step() {
    FitRow row;
    row.iteration = static_cast<std::int64_t>(trace.size()) + 1;
    row.learning_rate = learning_rate(row.iteration);
    auto& group_options =
        static_cast<torch::optim::AdamOptions&>(optimizer->param_groups()[0].options());
    group_options.lr(row.learning_rate);
    if (differentiate(row)) {
      optimizer->step();
    } else {
      ++skipped;
    }
    const bool last = row.iteration == options.iterations;
    row.held_out = std::numeric_limits<double>::quiet_NaN();
    if (last || row.iteration % options.evaluate_every == 0) {
      row.held_out = try_held_out();
      keep_if_best(row.held_out);
    }
    trace.push_back(row);
  }
};

ReverseKlFit::ReverseKlFit(const LogDensity& target,
                           const SamplerOptions& sampler,
                           const FitOptions& fit,
                           NamedTensors parameters,
                           Seeds seeds)
    : implementation_(new Implementation{target, sampler, fit, seeds.fit, seeds.run}) {
  Implementation& self = *implementation_;
  sampler.validate();
  fit.validate();
  require_fit_options_apply(sampler, fit);
  require(
      sampler.steps.steps > 0 || sampler.initial.fitting == InitialFitting::kLearned,
      "with --steps 0 there is only q0 to fit: choose --initial-fitting learned, or take steps");
  const auto names = learned_names(sampler);
  require(!names.empty(),
          "there is nothing to fit: every rule is fixed; choose --initial-fitting learned, "
          "--bandwidth learned, "
          "learned-per-step or network, or likewise --step-size, or leave --fit out");
  for (const auto& [name, tensor] :
       check_parameters(sampler, target.dim(), parameters, "sampler parameters")) {
    Tensor leaf = tensor.detach().clone();
    if (contains(names, name)) self.learned.push_back(leaf.requires_grad_());
    self.parameters.emplace_back(name, leaf);
  }
  self.sampler = make_sampler(sampler, self.parameters);
  self.optimizer = std::make_unique<torch::optim::Adam>(
      self.learned, torch::optim::AdamOptions(fit.learning_rate));
  self.best = detached_copy(self.parameters);
  self.keep_if_best(self.evaluate_held_out());
}

ReverseKlFit::~ReverseKlFit() = default;

bool ReverseKlFit::finished() const {
  return static_cast<std::int64_t>(implementation_->trace.size()) >=
         implementation_->options.iterations;
}

void ReverseKlFit::step() { implementation_->step(); }
const std::vector<FitRow>& ReverseKlFit::trace() const { return implementation_->trace; }
std::int64_t ReverseKlFit::skipped() const { return implementation_->skipped; }
NamedTensors ReverseKlFit::best_parameters() const { return detached_copy(implementation_->best); }
double ReverseKlFit::best_objective() const { return implementation_->best_objective; }

NamedTensors ReverseKlFit::checkpoint() const {
  const Implementation& self = *implementation_;
  NamedTensors saved;
  for (const auto& [name, tensor] : self.parameters)
    saved.emplace_back("parameters." + name, tensor.detach().clone());
  for (const auto& [name, tensor] : self.best) saved.emplace_back("best." + name, tensor.clone());
  saved.emplace_back("best_objective", at::tensor(self.best_objective, at::kDouble));
  saved.emplace_back("skipped", at::tensor(self.skipped, at::kLong));
  saved.emplace_back("optimizer", to_bytes(*self.optimizer));
  saved.emplace_back("trace", to_tensor(self.trace));
  return saved;
}

void ReverseKlFit::restore(const NamedTensors& saved, const std::string& context) {
  Implementation& self = *implementation_;
  const at::NoGradGuard no_grad;
  const auto copy_into = [&](NamedTensors& tensors, const std::string& prefix) {
    for (auto& [name, tensor] : tensors) {
      const Tensor& found = find_tensor(saved, prefix + name, context);
      require(found.sizes() == tensor.sizes(),
              "{}: {} does not fit this fit's options; resume with the options it was started with",
              context, name);
      tensor.copy_(found);
    }
  };
  copy_into(self.parameters, "parameters.");
  copy_into(self.best, "best.");
  self.best_objective = find_tensor(saved, "best_objective", context).item<double>();
  self.skipped = find_tensor(saved, "skipped", context).item<std::int64_t>();
  from_bytes(find_tensor(saved, "optimizer", context), *self.optimizer);
  self.trace = to_fit_trace(find_tensor(saved, "trace", context), context);
}

}  // namespace ergon
