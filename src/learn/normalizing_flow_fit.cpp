#include "ergon/learn/normalizing_flow_fit.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "ergon/core/errors.hpp"
#include "flat_adam.hpp"
#include "flow_data.hpp"

namespace ergon {
namespace {

using internal::ContextBatch;
using internal::FlatAdam;
using internal::FlowData;
using internal::kChunk;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

NamedTensors detached_copy(const NamedTensors& tensors) {
  NamedTensors copy;
  for (const auto& [name, tensor] : tensors) copy.emplace_back(name, tensor.detach().clone());
  return copy;
}

std::vector<Tensor> values_of(const NamedTensors& tensors) {
  std::vector<Tensor> values;
  for (const auto& [name, tensor] : tensors) values.push_back(tensor);
  return values;
}

void require_fit(const NormalizingFlow& flow,
                 const LogDensity* target,
                 const std::optional<TrainingData>& data,
                 const NormalizingFlowFitOptions& options) {
  options.validate();
  const FlowGradient gradient = options.gradient;
  require(!flow.parameters().empty(), "the flow has no parameters: there is nothing to fit");
  require(!needs_target(gradient) || target != nullptr,
          "{} needs a target: name one, or fit by forward-total to data alone", to_name(gradient));
  require(is_reverse(gradient) || data.has_value(),
          "{} needs data: name a file of them, or fit to a target by reverse-path",
          to_name(gradient));
  require(!is_reverse(gradient) || !data.has_value(),
          "{} reads no data: leave them out, or choose one of forward-…", to_name(gradient));
  require(!needs_target(gradient) || target->dim() == flow.dim(),
          "the target has {} dimensions and the flow {}: make a flow of the target's dimension",
          target == nullptr ? 0 : target->dim(), flow.dim());
}

void copy_into(const NamedTensors& tensors,
               const NamedTensors& saved,
               const std::string& prefix,
               const std::string& context) {
  for (const auto& [name, tensor] : tensors) {
    const Tensor& found = find_tensor(saved, prefix + name, context);
    require(found.sizes() == tensor.sizes() && found.scalar_type() == tensor.scalar_type(),
            "{}: {} does not fit this flow; resume with the options it was started with", context,
            name);
    tensor.copy_(found);
  }
}

}  // namespace

struct NormalizingFlowFit::Implementation {
  NormalizingFlow& flow;
  const LogDensity* target;
  NormalizingFlowFitOptions options;
  Seed seed;
  NamedTensors parameters;  // handles
  FlatAdam adam;
  std::optional<FlowData> data{};
  NamedTensors best{};
  double best_objective = std::numeric_limits<double>::infinity();
  std::int64_t best_iteration = 0;
  std::int64_t without_best = 0;  // evaluations since the best
  std::vector<FitRow> trace{};
  std::int64_t skipped = 0;

  Implementation(NormalizingFlow& flow_,
                 const LogDensity* target_,
                 const NormalizingFlowFitOptions& options_,
                 Seed seed_)
      : flow(flow_),
        target(target_),
        options(options_),
        seed(seed_),
        parameters(flow.parameters()),
        adam(values_of(parameters)) {}

  double learning_rate(std::int64_t iteration) const {
    return cosine_decay(options.learning_rate, options.final_learning_rate, iteration,
                        options.iterations);
  }

  void take_data(TrainingData given) {
    data.emplace(flow, std::move(given), options.batch, seed);
    data->require_within_support(flow, FlowData::Part::kTrain);
    data->require_within_support(flow, FlowData::Part::kHeldOut);
    if (needs_target(options.gradient)) data->evaluate(*target);
    const ContextBatch first = data->batch(1);
    if (first.context.defined()) {
      flow.given(first.context).start_from_data(first.data.points);
    } else {
      flow.start_from_data(first.data.points);
    }
  }

  FlowLoss loss(std::int64_t iteration) {
    if (data) {
      const ContextBatch batch = data->batch(iteration);
      if (!batch.context.defined()) return forward_kl_loss(flow, batch.data, options.gradient);
      return forward_kl_loss(flow.given(batch.context), batch.data, options.gradient);
    }
    const Seed draws = seed.child("draws", static_cast<std::uint64_t>(iteration));
    return reverse_kl_loss(flow, *target, flow.base_draws(options.batch, draws.generator()),
                           options.gradient);
  }

  // The objective at rows of the held-out data or draws, (count) float64.
  Tensor held_out_terms(std::int64_t first, std::int64_t count) const {
    if (data) {
      const ContextBatch batch = data->rows(FlowData::Part::kHeldOut, first, count);
      const Tensor& points = batch.data.points;
      return -(batch.context.defined() ? flow.given(batch.context).log_prob(points)
                                       : flow.log_prob(points))
                  .to(at::kDouble);
    }
    const Seed draws = seed.child("held-out", static_cast<std::uint64_t>(first));
    const Draws pushed = flow.push_forward(flow.base_draws(count, draws.generator()));
    return (pushed.log_q - target->log_density(pushed.particles)).to(at::kDouble);
  }

  // Sets the objective on held-out data or draws, and the effective sample size of the latter.
  void evaluate(FitRow& row) const {
    const at::NoGradGuard no_graph;
    const std::int64_t size = data ? data->held_out_size() : options.held_out_draws;
    std::vector<Tensor> parts;
    for (std::int64_t first = 0; first < size; first += kChunk)
      parts.push_back(held_out_terms(first, std::min(kChunk, size - first)));
    const Tensor terms = at::cat(parts);
    row.held_out = terms.mean().item<double>();
    if (data) return;
    const double log_share =
        2 * at::logsumexp(-terms, 0).item<double>() - at::logsumexp(-2 * terms, 0).item<double>();
    row.held_out_ess = std::exp(log_share) / static_cast<double>(size);
  }

  // The same, leaving NaN where it cannot be had at the present parameters.
  void try_evaluate(FitRow& row) const {
    try {
      evaluate(row);
    } catch (const InvalidInput&) {
    } catch (const NumericalFailure&) {
    }
  }

  void keep_if_best(double value, std::int64_t iteration) {
    ++without_best;
    if (!std::isfinite(value) || value >= best_objective) return;
    without_best = 0;
    best_objective = value;
    best_iteration = iteration;
    best = detached_copy(parameters);
  }

  // The gradient, cut to the option's norm; undefined where it or the objective is not finite.
  Tensor gradient(FitRow& row) {
    try {
      const FlowLoss batch = loss(row.iteration);
      row.objective = batch.value.item<double>();
      const Tensor flat = flat_gradient(flow, batch);
      row.gradient_norm = flat.norm(2, at::kDouble).item<double>();
      if (!std::isfinite(row.objective) || !std::isfinite(row.gradient_norm)) return {};
      return row.gradient_norm > options.gradient_clip
                 ? flat * (options.gradient_clip / row.gradient_norm)
                 : flat;
    } catch (const InvalidInput&) {
    } catch (const NumericalFailure&) {
    }
    return {};
  }

  void step() {
    FitRow row;
    row.iteration = static_cast<std::int64_t>(trace.size()) + 1;
    row.learning_rate = learning_rate(row.iteration);
    row.objective = row.gradient_norm = row.held_out = kNan;
    const Tensor downhill = gradient(row);
    if (downhill.defined()) {
      adam.step(downhill, row.learning_rate);
    } else {
      ++skipped;
    }
    if (row.iteration == options.iterations || row.iteration % options.evaluate_every == 0) {
      try_evaluate(row);
      keep_if_best(row.held_out, row.iteration);
    }
    trace.push_back(row);
  }
};

NormalizingFlowFit::NormalizingFlowFit(NormalizingFlow& flow,
                                       const LogDensity* target,
                                       std::optional<TrainingData> data,
                                       const NormalizingFlowFitOptions& options,
                                       Seed seed) {
  require_fit(flow, target, data, options);
  implementation_ = std::make_unique<Implementation>(flow, target, options, seed);
  Implementation& self = *implementation_;
  if (data) self.take_data(std::move(*data));
  self.best = detached_copy(self.parameters);
  FitRow start;
  self.evaluate(start);
  self.keep_if_best(start.held_out, 0);
  self.without_best = 0;
}

NormalizingFlowFit::~NormalizingFlowFit() = default;

bool NormalizingFlowFit::stopped_early() const {
  const Implementation& self = *implementation_;
  return self.options.patience > 0 && self.without_best >= self.options.patience;
}

bool NormalizingFlowFit::finished() const {
  const Implementation& self = *implementation_;
  return static_cast<std::int64_t>(self.trace.size()) >= self.options.iterations || stopped_early();
}

void NormalizingFlowFit::step() { implementation_->step(); }
const std::vector<FitRow>& NormalizingFlowFit::trace() const { return implementation_->trace; }
std::int64_t NormalizingFlowFit::skipped() const { return implementation_->skipped; }
NamedTensors NormalizingFlowFit::best_parameters() const {
  return detached_copy(implementation_->best);
}
double NormalizingFlowFit::best_objective() const { return implementation_->best_objective; }
std::int64_t NormalizingFlowFit::best_iteration() const { return implementation_->best_iteration; }

NamedTensors NormalizingFlowFit::checkpoint() const {
  const Implementation& self = *implementation_;
  NamedTensors saved;
  for (const auto& [name, tensor] : self.parameters)
    saved.emplace_back("parameters." + name, tensor.detach().clone());
  for (const auto& [name, tensor] : self.best) saved.emplace_back("best." + name, tensor.clone());
  saved.emplace_back("best_objective", at::tensor(self.best_objective, at::kDouble));
  saved.emplace_back("best_iteration", at::tensor(self.best_iteration, at::kLong));
  saved.emplace_back("evaluations_without_best", at::tensor(self.without_best, at::kLong));
  saved.emplace_back("skipped", at::tensor(self.skipped, at::kLong));
  self.adam.save(saved);
  saved.emplace_back("trace", to_tensor(self.trace));
  return saved;
}

void NormalizingFlowFit::restore(const NamedTensors& saved, const std::string& context) {
  Implementation& self = *implementation_;
  const at::NoGradGuard no_graph;
  copy_into(self.parameters, saved, "parameters.", context);
  copy_into(self.best, saved, "best.", context);
  self.adam.restore(saved, context);
  self.best_objective = find_tensor(saved, "best_objective", context).item<double>();
  self.best_iteration = find_tensor(saved, "best_iteration", context).item<std::int64_t>();
  self.without_best = find_tensor(saved, "evaluations_without_best", context).item<std::int64_t>();
  self.skipped = find_tensor(saved, "skipped", context).item<std::int64_t>();
  self.trace = to_fit_trace(find_tensor(saved, "trace", context), context);
}

}  // namespace ergon
