#include "ergon/sampler/run.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/stein_samplers.hpp"

namespace ergon {
namespace {

double mean_or_none(const Tensor& values) {
  return values.defined() ? values.detach().to(at::kDouble).nanmean().item<double>()
                          : TraceRow::kNone;
}

TraceRow from_numbers(const double* v) {
  TraceRow row;
  row.step = static_cast<std::int64_t>(v[0]);
  row.entropy = v[1];
  row.elbo = v[2];
  row.log_density = v[3];
  row.stein_residual = v[4];
  row.step_size = v[5];
  row.step_bound = v[6];
  row.bandwidth = v[7];
  row.velocity_norm = v[8];
  row.acceptance = v[9];
  row.acceptance_forward = v[10];
  row.acceptance_inverse = v[11];
  row.acceptance_refresh = v[12];
  row.swap_share = v[13];
  row.alive = v[14];
  row.nonfinite = static_cast<std::int64_t>(v[15]);
  row.noninvertible = static_cast<std::int64_t>(v[16]);
  return row;
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
       "stopped: the density was not finite too often"}};
  return names;
}

const std::vector<std::string>& trace_columns() {
  static const std::vector<std::string> columns = {"step",
                                                   "entropy",
                                                   "elbo",
                                                   "log_density",
                                                   "stein_residual",
                                                   "step_size",
                                                   "step_bound",
                                                   "bandwidth",
                                                   "velocity_norm",
                                                   "acceptance",
                                                   "acceptance_forward",
                                                   "acceptance_inverse",
                                                   "acceptance_refresh",
                                                   "swap_share",
                                                   "alive",
                                                   "nonfinite",
                                                   "noninvertible"};
  return columns;
}

std::vector<double> to_numbers(const TraceRow& row) {
  return {static_cast<double>(row.step),
          row.entropy,
          row.elbo,
          row.log_density,
          row.stein_residual,
          row.step_size,
          row.step_bound,
          row.bandwidth,
          row.velocity_norm,
          row.acceptance,
          row.acceptance_forward,
          row.acceptance_inverse,
          row.acceptance_refresh,
          row.swap_share,
          row.alive,
          static_cast<double>(row.nonfinite),
          static_cast<double>(row.noninvertible)};
}

Run::Run(const LogDensity& target,
         const SamplerOptions& options,
         NamedTensors parameters,
         Seed seed,
         Keep keep)
    : target_(target), options_(options), seed_(seed), keep_(keep) {
  options_.validate();
  require(!keep_.flow_safety || options_.kind != SamplerKind::kSteinMh,
          "the steps of stein-mh are accepted or rejected: they cannot be recorded as a flow");
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] :
       check_parameters(options_, target.dim(), parameters, "sampler parameters")) {
    parameters_.emplace_back(name, tensor.detach().clone());  // restore writes into them
  }
  sampler_ = make_sampler(options_, parameters_);
  initial_ = InitialDistribution::from_parameters(parameters_);
  affine_ = precondition_map(parameters_);
  if (affine_) whitened_ = std::make_unique<AffineDensity>(target_, *affine_);
  const Draws draws =
      initial_->sample_sets(options_.sets, options_.particles, seed_.child("initial").generator());
  state_ = sampler_->init(density(), draws.particles, draws.log_q);
  show_state();
  record({});
  if (options_.steps.steps == 0) status_ = RunStatus::kFinished;
}

const LogDensity& Run::density() const {
  if (whitened_) return *whitened_;
  return target_;
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

// Draws are kept every so many steps of the second half.
std::int64_t Run::chain_stride() const {
  const std::int64_t half = options_.steps.steps - options_.steps.steps / 2;
  return std::max<std::int64_t>(1, (half + keep_.chain_draws - 1) / keep_.chain_draws);
}

void Run::keep(const State& before, const Info& info) {
  if (keep_.flow_safety) {
    recorded_.push_back(record_step(before, info.bandwidth, info.step_size, *keep_.flow_safety));
  }
  if (keep_.chain_draws == 0) return;
  const std::int64_t steps = options_.steps.steps;
  if (state_.step <= steps / 2 || (steps - state_.step) % chain_stride() != 0) return;
  chain_draws_.push_back(
      state_in_x_.particles.reshape({-1, target_.dim()}).to(at::kDouble).clone());
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
  trace_.push_back(row);
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

  const auto particles = static_cast<double>(state_.log_density.numel());
  const bool below = trace_.back().stein_residual < options_.steps.threshold;
  steps_below_threshold_ = below ? steps_below_threshold_ + 1 : 0;
  if (static_cast<double>(info.nonfinite) > kNonfiniteShare * particles) {
    status_ = RunStatus::kTooManyNonfinite;
  } else if (options_.steps.stopping == Stopping::kSteinIdentity &&
             steps_below_threshold_ >= options_.steps.patience) {
    status_ = RunStatus::kSteinIdentityMet;
  } else if (state_.step >= options_.steps.steps) {
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
  saved.emplace_back("counters",
                     at::tensor(std::vector<std::int64_t>{state_.step, steps_below_threshold_,
                                                          static_cast<std::int64_t>(status_)},
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
  for (auto& [name, tensor] : parameters_) {
    const Tensor& found = find_tensor(saved, "parameters." + name, context);
    require(found.sizes() == tensor.sizes(), "{}: {} does not fit this run's options", context,
            name);
    tensor.copy_(found);
  }
  const Tensor counters = find_tensor(saved, "counters", context);
  const Tensor rows = find_tensor(saved, "trace", context).contiguous();
  const auto columns = static_cast<std::int64_t>(trace_columns().size());
  require(counters.scalar_type() == at::kLong && counters.numel() == 3 && rows.dim() == 2 &&
              rows.size(1) == columns && rows.scalar_type() == at::kDouble,
          "{}: not a checkpoint of a sampling run", context);
  const auto status = counters[2].item<std::int64_t>();
  require(status >= 0 && status < static_cast<std::int64_t>(EnumNames<RunStatus>::all().size()),
          "{}: not a checkpoint of a sampling run", context);
  affine_ = precondition_map(parameters_);
  if (affine_) whitened_ = std::make_unique<AffineDensity>(target_, *affine_);
  initial_ = InitialDistribution::from_parameters(parameters_);
  restore_kept(saved, context, counters[0].item<std::int64_t>());
  state_.step = counters[0].item<std::int64_t>();
  show_state();
  steps_below_threshold_ = counters[1].item<std::int64_t>();
  status_ = static_cast<RunStatus>(status);
  trace_.clear();
  for (std::int64_t row = 0; row < rows.size(0); ++row) {
    trace_.push_back(from_numbers(rows.data_ptr<double>() + row * columns));
  }
}

}  // namespace ergon
