#include "ergon/sampler/run.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/make_sampler.hpp"
#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"
#include "resampling.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kCounters = 9;

double mean_or_none(const Tensor& values) {
  return values.defined() ? values.detach().to(at::kDouble).nanmean().item<double>()
                          : TraceRow::kNone;
}

Tensor trace_tensor(const std::vector<TraceRow>& trace) {
  std::vector<double> numbers;
  for (const TraceRow& row : trace) {
    const auto values = to_numbers(row);
    numbers.insert(numbers.end(), values.begin(), values.end());
  }
  const auto columns = static_cast<std::int64_t>(trace_columns().size());
  return at::tensor(numbers, at::kDouble).view({-1, columns});
}

void restore_tensor(const NamedTensors& saved,
                    const char* name,
                    const std::string& context,
                    Tensor& current) {
  if (!current.defined()) return;
  const Tensor& found = find_tensor(saved, name, context);
  require(
      found.sizes() == current.sizes() && found.scalar_type() == current.scalar_type(),
      "{}: {} does not fit this run's options; resume with the options the run was started with",
      context, name);
  current = found.to(current.device());
}

}  // namespace

const std::vector<EnumName<RunStatus>>& EnumNames<RunStatus>::all() {
  static const std::vector<EnumName<RunStatus>> names = {
      {RunStatus::kRunning, "running", "steps are left"},
      {RunStatus::kFinished, "finished", "all steps taken"},
      {RunStatus::kSteinIdentityMet, "stein-identity-met", "stopped early: Stein's identity holds"},
      {RunStatus::kTooManyNonfinite, "too-many-nonfinite",
       "stopped: the density was not finite too often"},
      {RunStatus::kNotArrived, "not-arrived",
       "stopped: all steps taken before the path reached the target"}};
  return names;
}

Run::Run(const LogDensity& target,
         const SamplerOptions& options,
         NamedTensors parameters,
         Seed seed,
         Keep keep)
    : target_(std::make_unique<CountingDensity>(target)),
      options_(options),
      seed_(seed),
      keep_(keep) {
  begin(parameters, nullptr);
}

Run::Run(const LogDensity& target,
         const SamplerOptions& options,
         std::shared_ptr<const Bijection> map,
         NamedTensors parameters,
         Seed seed)
    : target_(std::make_unique<CountingDensity>(target)), options_(options), seed_(seed) {
  begin(parameters, std::move(map));
}

void Run::begin(const NamedTensors& parameters, std::shared_ptr<const Bijection> map) {
  options_.validate();
  require(!keep_.flow_safety || makes_maps(options_.kind),
          "the steps of {} are no maps: they cannot be recorded as a flow", to_name(options_.kind));
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] :
       check_parameters(options_, target_->dim(), parameters, "sampler parameters")) {
    parameters_.emplace_back(name, tensor.detach().clone());  // restore writes into them
  }
  sampler_ = make_sampler(options_, parameters_, std::move(map));
  initial_ = InitialDistribution::from_parameters(parameters_);
  affine_ = precondition_map(parameters_);
  if (affine_) whitened_ = std::make_unique<AffineDensity>(*target_, *affine_);
  const Draws draws =
      initial_->sample_sets(options_.sets, options_.particles, seed_.child("initial").generator());
  state_ = sampler_->init(density(), draws.particles, draws.log_q);
  show_state();
  record({});
  if (options_.steps.steps == 0) status_ = RunStatus::kFinished;
  end_warmup_when_due();
}

const LogDensity& Run::density() const {
  if (whitened_) return *whitened_;
  return *target_;
}

void Run::show_state() {
  state_in_x_ = state_;
  if (!affine_) return;
  const Tensor log_det = affine_->log_det();
  state_in_x_.particles = affine_->forward(state_.particles).points;
  state_in_x_.score = affine_->push_back(state_.score);
  state_in_x_.log_density = state_.log_density - log_det;
  if (state_.log_q.defined()) state_in_x_.log_q = state_.log_q - log_det;
}

std::int64_t Run::evaluations() const {
  const EvaluationCounts counts = target_->counts();
  return counts.gradient + counts.hessian_vector;
}

// The share of the run that is behind it, by steps or by evaluations, whichever ends it.
double Run::share_done() const {
  const auto share = [](std::int64_t done, std::int64_t all) {
    return all == 0 ? 0.0 : static_cast<double>(done) / static_cast<double>(all);
  };
  return std::max(share(state_.step, options_.steps.steps),
                  share(evaluations(), options_.steps.evaluations));
}

void Run::end_warmup_when_due() {
  if (warm_ || !makes_chains(options_.kind) || share_done() < options_.chain.warmup) return;
  state_ = sampler_->end_warmup(std::move(state_));
  show_state();
  warm_ = true;
}

void Run::keep(const State& before, const Info& info) {
  if (keep_.flow_safety) {
    recorded_.push_back(record_step(before, info.bandwidth, info.step_size, *keep_.flow_safety));
  }
  if (warm_) keep_chain_draw();
}

// Every stride-th draw; once there are twice as many as asked for, every other one of them.
void Run::keep_chain_draw() {
  ++draws_since_warmup_;
  if (draws_since_warmup_ % chain_stride_ != 0) return;
  chain_draws_.push_back(
      state_in_x_.particles.reshape({-1, target_->dim()}).to(at::kDouble).clone());
  if (static_cast<std::int64_t>(chain_draws_.size()) < 2 * options_.chain.draws) return;
  std::vector<Tensor> thinned;
  for (std::size_t i = 1; i < chain_draws_.size(); i += 2) thinned.push_back(chain_draws_[i]);
  chain_draws_ = std::move(thinned);
  chain_stride_ *= 2;
}

Tensor Run::chains() const { return chain_draws_.empty() ? Tensor() : at::stack(chain_draws_, 1); }

void Run::record(const Info& info) {
  const State& state = state_in_x_;
  TraceRow row;
  row.step = state.step;
  if (state.log_q.defined()) {
    const Tensor log_q = survivors_log_q(state).to(at::kDouble);
    row.entropy = -live_mean(log_q, state.alive).mean().item<double>();
    row.elbo =
        live_mean(state.log_density.to(at::kDouble) - log_q, state.alive).mean().item<double>();
  }
  row.log_density = live_mean(state.log_density.to(at::kDouble), state.alive).mean().item<double>();
  row.stein_residual = std::abs(mean_or_none(info.stein_residual));
  row.step_size = mean_or_none(info.step_size);
  row.step_bound = mean_or_none(info.step_bound);
  row.bandwidth = mean_or_none(info.bandwidth);
  row.velocity_norm = mean_or_none(info.velocity_norm);
  row.acceptance = mean_or_none(info.acceptance);
  row.acceptance_forward = mean_or_none(info.acceptance_forward);
  row.acceptance_inverse = mean_or_none(info.acceptance_inverse);
  row.acceptance_refresh = mean_or_none(info.acceptance_refresh);
  row.swap_share = mean_or_none(info.swap_share);
  row.alive = state.alive.defined() ? mean_or_none(state.alive) : 1.0;
  row.nonfinite = info.nonfinite;
  row.noninvertible = info.noninvertible;
  if (state.log_weight.defined())
    row.log_z = log_mean_weight(state.log_weight.flatten()).item<double>();
  row.ess_share = mean_or_none(info.ess_share);
  row.inverse_temperature = mean_or_none(info.inverse_temperature);
  row.swap_acceptance = mean_or_none(info.swap_acceptance);
  row.tree_depth = mean_or_none(info.tree_depth);
  row.divergent = info.divergent;
  row.evaluations = evaluations();
  trace_.push_back(row);
}

double Run::nonfinite_share(SamplerKind kind) {
  const bool judged = !is_stein(kind) && kind != SamplerKind::kUla;
  return judged ? 0.5 : 0.05;
}

void Run::step() {
  ERGON_CHECK(status_ == RunStatus::kRunning, "a run that has ended was stepped");
  const at::NoGradGuard no_grad;
  auto [state, info] = sampler_->step(
      density(), state_, seed_.child("step", static_cast<std::uint64_t>(state_.step)).generator());
  std::swap(state_, state);
  show_state();
  record(info);
  keep(/*before=*/state, info);
  end_warmup_when_due();

  const auto particles = static_cast<double>(state_.log_density.numel());
  const bool below = trace_.back().stein_residual < options_.steps.threshold;
  steps_below_threshold_ = below ? steps_below_threshold_ + 1 : 0;
  if (static_cast<double>(info.nonfinite) > nonfinite_share(options_.kind) * particles) {
    status_ = RunStatus::kTooManyNonfinite;
  } else if (options_.steps.stopping == Stopping::kSteinIdentity &&
             steps_below_threshold_ >= options_.steps.patience) {
    status_ = RunStatus::kSteinIdentityMet;
  } else if (sampler_->arrived(state_)) {
    status_ = RunStatus::kFinished;
  } else if (state_.step >= options_.steps.steps) {
    status_ = anneals(options_.kind) ? RunStatus::kNotArrived : RunStatus::kFinished;
  } else if (options_.steps.evaluations > 0 && evaluations() >= options_.steps.evaluations) {
    status_ = RunStatus::kFinished;
  }
}

void Run::restore_kept(const NamedTensors& saved, const std::string& context, std::int64_t steps) {
  recorded_.clear();
  chain_draws_.clear();
  const auto has = [&](const char* name) {
    return std::any_of(saved.begin(), saved.end(), [&](auto& pair) { return pair.first == name; });
  };
  if (has("chain_draws")) chain_draws_ = find_tensor(saved, "chain_draws", context).unbind(0);
  if (!keep_.flow_safety || steps == 0) return;
  const Tensor points = find_tensor(saved, "recorded.points", context);
  const Tensor score = find_tensor(saved, "recorded.score", context);
  const Tensor bandwidth = find_tensor(saved, "recorded.bandwidth", context);
  const Tensor step_size = find_tensor(saved, "recorded.step_size", context);
  const Tensor alive =
      has("recorded.alive") ? find_tensor(saved, "recorded.alive", context) : Tensor();
  require(points.dim() == 4 && points.size(0) == steps && score.sizes() == points.sizes() &&
              points[0].sizes() == state_.particles.sizes() && bandwidth.dim() == 2 &&
              bandwidth.size(0) == steps && step_size.sizes() == bandwidth.sizes(),
          "{}: its recorded steps do not fit this run's options", context);
  for (std::int64_t step = 0; step < steps; ++step) {
    recorded_.push_back(
        {{points[step], score[step], bandwidth[step], alive.defined() ? alive[step] : Tensor()},
         step_size[step]});
  }
}

NamedTensors Run::checkpoint() const {
  NamedTensors saved = {{"particles", state_.particles},
                        {"log_density", state_.log_density},
                        {"score", state_.score}};
  if (state_.log_q.defined()) saved.emplace_back("log_q", state_.log_q);
  if (state_.alive.defined()) saved.emplace_back("alive", state_.alive);
  saved.emplace_back("trace", trace_tensor(trace_));
  if (state_.log_weight.defined()) saved.emplace_back("log_weight", state_.log_weight);
  for (const auto& [name, tensor] : state_.memory) saved.emplace_back("memory." + name, tensor);
  const EvaluationCounts counts = target_->counts();
  saved.emplace_back(
      "counters",
      at::tensor(std::vector<std::int64_t>{state_.step, steps_below_threshold_,
                                           static_cast<std::int64_t>(status_), warm_ ? 1 : 0,
                                           chain_stride_, draws_since_warmup_, counts.log_density,
                                           counts.gradient, counts.hessian_vector},
                 at::kLong));
  for (const auto& [name, tensor] : parameters_) saved.emplace_back("parameters." + name, tensor);
  if (!recorded_.empty()) {
    const auto stack = [this](const auto& part) {
      std::vector<Tensor> parts;
      for (const SteinStep& step : recorded_) parts.push_back(part(step));
      return at::stack(parts);
    };
    saved.emplace_back("recorded.points", stack([](auto& s) { return s.support.points; }));
    saved.emplace_back("recorded.score", stack([](auto& s) { return s.support.score; }));
    saved.emplace_back("recorded.bandwidth", stack([](auto& s) { return s.support.bandwidth; }));
    saved.emplace_back("recorded.step_size", stack([](auto& s) { return s.step_size; }));
    if (recorded_[0].support.alive.defined()) {
      saved.emplace_back("recorded.alive", stack([](auto& s) { return s.support.alive; }));
    }
  }
  if (!chain_draws_.empty()) saved.emplace_back("chain_draws", at::stack(chain_draws_));
  return saved;
}

void Run::restore(const NamedTensors& saved, const std::string& context) {
  restore_tensor(saved, "particles", context, state_.particles);
  restore_tensor(saved, "log_density", context, state_.log_density);
  restore_tensor(saved, "score", context, state_.score);
  restore_tensor(saved, "log_q", context, state_.log_q);
  restore_tensor(saved, "alive", context, state_.alive);
  restore_tensor(saved, "log_weight", context, state_.log_weight);
  for (auto& [name, tensor] : state_.memory) {
    restore_tensor(saved, ("memory." + name).c_str(), context, tensor);
  }
  for (auto& [name, tensor] : parameters_) {
    const Tensor& found = find_tensor(saved, "parameters." + name, context);
    require(found.sizes() == tensor.sizes(), "{}: {} does not fit this run's options", context,
            name);
    tensor.copy_(found);
  }
  const Tensor counters = find_tensor(saved, "counters", context);
  const Tensor rows = find_tensor(saved, "trace", context).contiguous();
  const auto columns = static_cast<std::int64_t>(trace_columns().size());
  require(counters.scalar_type() == at::kLong && counters.numel() == kCounters && rows.dim() == 2 &&
              rows.size(1) == columns && rows.scalar_type() == at::kDouble,
          "{}: not a checkpoint of a sampling run", context);
  const auto status = counters[2].item<std::int64_t>();
  require(status >= 0 && status < static_cast<std::int64_t>(EnumNames<RunStatus>::all().size()),
          "{}: not a checkpoint of a sampling run", context);
  affine_ = precondition_map(parameters_);
  if (affine_) whitened_ = std::make_unique<AffineDensity>(*target_, *affine_);
  initial_ = InitialDistribution::from_parameters(parameters_);
  restore_kept(saved, context, counters[0].item<std::int64_t>());
  state_.step = counters[0].item<std::int64_t>();
  show_state();
  const auto counter = [&](std::int64_t i) { return counters[i].item<std::int64_t>(); };
  steps_below_threshold_ = counter(1);
  status_ = static_cast<RunStatus>(status);
  warm_ = counter(3) != 0;
  chain_stride_ = counter(4);
  draws_since_warmup_ = counter(5);
  target_->set_counts({counter(6), counter(7), counter(8)});
  trace_.clear();
  for (std::int64_t row = 0; row < rows.size(0); ++row) {
    trace_.push_back(trace_row_from_numbers(rows.data_ptr<double>() + row * columns));
  }
}

}  // namespace ergon
