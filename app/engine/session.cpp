#include "session.hpp"

#include <ATen/ATen.h>

#include <charconv>
#include <cmath>

#include "checkpoint_tensors.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/machine.hpp"
#include "ergon/core/progress.hpp"
#include "ergon/learn/reverse_kl.hpp"
#include "ergon/sampler/parameters.hpp"

namespace ergon::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMostFrames = 60;
constexpr double kArraysOfDraws = 6;   // points, control variates, temporaries
constexpr double kNumbersOfDraw = 12;  // weights, densities, strata
/// Thrown out of the draws by an interruption.
struct Stopped {};

constexpr std::int64_t kMostExactDraws = 2000;
constexpr double kShareOfMemory = 0.5;  // for the record of a run
constexpr std::int64_t kFitPhase = 0;
constexpr std::int64_t kRunPhase = 1;

constexpr const char kForeign[] = "{}: is not a checkpoint of this run; start the run anew";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The frame of a checkpoint's tensor `frame.<step>`.
Frame to_frame(const std::string& step, const Tensor& particles, const std::string& context) {
  Frame frame{-1, particles};
  const char* end = step.data() + step.size();
  const auto [stopped, error] = std::from_chars(step.data(), end, frame.step);
  require(error == std::errc() && stopped == end && frame.step >= 0 && particles.dim() == 2 &&
              particles.size(1) == 2 && particles.scalar_type() == at::kDouble,
          kForeign, context);
  return frame;
}

/// How far a run is, in what its end is counted in.
struct Pace {
  std::int64_t done = 0;
  std::int64_t all = 0;
  std::string note;
};

Pace pace_of(const Run& run, const SamplerOptions& options) {
  const std::int64_t step = run.state().step;
  if (anneals(options.kind) && options.tempering.ladder == TemperatureLadder::kAdaptive) {
    const double beta = run.trace().back().inverse_temperature;
    const double reached = std::isfinite(beta) ? beta : 0.0;
    return {static_cast<std::int64_t>(100 * reached), 100,
            fmt::format("step {}, inverse temperature {:.3g}", step, reached)};
  }
  const std::int64_t most = options.steps.evaluations;
  if (most == 0) return {step, options.steps.steps, {}};
  return {std::min(run.evaluations(), most), most, fmt::format("evaluations, step {}", step)};
}

/// The normalizing flow of a run's checkpoint.
std::string checkpoint_flow_path(const std::string& folder) {
  return checkpoint_folder(folder) + "/flow.npz";
}

/// The parameters of a run's checkpoint.
NamedTensors parameters_of(const NamedTensors& saved) { return extract(saved, "run.parameters."); }

}  // namespace

Session::Session(const SampleRequest& request, const Target& target, std::string folder)
    : request_(request),
      target_(target),
      folder_(std::move(folder)),
      seed_(request.settings.seed),
      density_(target) {}

void Session::use_fitted(const std::string& path) {
  const SamplerOptions& sampler = settings().sampler;
  if (sampler.kind == SamplerKind::kFlow) {
    normalizing_flow_.emplace(settings(), density_, path);
  } else {
    parameters_ = check_parameters(sampler, target_.dim(), load_tensors(path), path);
  }
}

double Session::seconds() const { return seconds_before_ + seconds_since(started_); }

ProgressStyle Session::progress_style() const {
  return request_.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic;
}

/// Of the sampler; a normalizing flow has its own.
NamedTensors Session::starting_or_given() const {
  if (!parameters_.empty()) return parameters_;
  return starting_parameters(settings().sampler, density_, seed_.child("parameters"));
}

void Session::require_room_for_record() const {
  if (!records_flow(settings())) return;
  const SamplerOptions& sampler = settings().sampler;
  const double numbers =
      2.0 * static_cast<double>(sampler.steps.steps) * static_cast<double>(sampler.sets) *
      static_cast<double>(sampler.particles) * static_cast<double>(target_.dim());
  const double needed = numbers * sizeof(double) / std::pow(1024.0, 3);
  const double memory = describe_machine().memory_gib;
  const double each = kArraysOfDraws * static_cast<double>(target_.dim()) + kNumbersOfDraw;
  const double draws =
      each * static_cast<double>(settings().flow.draws) * sizeof(double) / std::pow(1024.0, 3);
  require(memory <= 0 || draws <= kShareOfMemory * memory,
          "not enough memory for --draws {} in {} dimensions: that takes {:.3g} GiB, and half of "
          "this machine's {:.3g} GiB are for it; take fewer --draws",
          settings().flow.draws, target_.dim(), draws, memory);
  require(memory <= 0 || needed <= kShareOfMemory * memory,
          "not enough memory to record this run as a flow: that takes {:.3g} GiB, and half of this "
          "machine's {:.3g} GiB are for it; take fewer --steps, --sets or --particles, or "
          "--estimate particles",
          needed, memory);
}

std::unique_ptr<Fit> Session::make_fit() {
  const Seed seed = seed_.child("fit");
  if (normalizing_flow_) return normalizing_flow_->make_fit(settings().fit, seed);
  return std::make_unique<ReverseKlFit>(density_, settings().sampler, settings().fit,
                                        starting_or_given(),
                                        ReverseKlFit::Seeds{seed, seed_.child("run")});
}

void Session::prepare() {
  require_room_for_record();
  if (settings().sampler.kind == SamplerKind::kFlow && !normalizing_flow_)
    normalizing_flow_.emplace(settings(), density_, seed_.child("normalizing-flow"));
  if (settings().fit.iterations > 0) {
    fitting_ = make_fit();
  } else {
    begin_run(starting_or_given());
  }
}

std::unique_ptr<Run> Session::make_run(NamedTensors parameters) const {
  if (normalizing_flow_) {
    return std::make_unique<Run>(density_, settings().sampler, normalizing_flow_->map(),
                                 std::move(parameters), seed_.child("run"));
  }
  Run::Keep keep;
  if (records_flow(settings())) keep.flow_safety = settings().flow.safety;
  return std::make_unique<Run>(density_, settings().sampler, std::move(parameters),
                               seed_.child("run"), keep);
}

void Session::begin_run(NamedTensors parameters) {
  run_ = make_run(std::move(parameters));
  keep_frame();
}

SessionEnd Session::carry_out() {
  if (fitting_) {
    const SessionEnd end = carry_out_fit();
    if (end != SessionEnd::kComplete) return end;
    finish_fit();
  }
  const SessionEnd end = carry_out_run();
  if (end == SessionEnd::kComplete && normalizing_flow_) {
    const Tensor exact = exact_draws(run_->state().log_density.numel());
    if (exact.defined()) upper_bound_ = normalizing_flow_->bound_from_above(exact);
  }
  return end == SessionEnd::kComplete && records_flow(settings()) ? carry_out_draws() : end;
}

/// A failure stops the run with its checkpoint.
template <class Step>
void Session::step_or_save(const Step& step) const {
  try {
    step();
  } catch (const NumericalFailure& failure) {
    save();
    throw NumericalFailure(
        fmt::format("{} (the checkpoint is in {})", failure.what(), checkpoint_folder(folder_)));
  }
}

SessionEnd Session::carry_out_fit() {
  const auto done = [this] { return static_cast<std::int64_t>(fitting_->trace().size()); };
  Progress progress("fit", settings().fit.iterations, progress_style(), done());
  while (!fitting_->finished()) {
    if (interrupt_requested()) {
      save();
      return SessionEnd::kInterrupted;
    }
    step_or_save([this] { fitting_->step(); });
    progress.update(done(), fmt::format("objective {:.4g}", fitting_->trace().back().objective));
    save_when_due();
  }
  progress.finish();
  return SessionEnd::kComplete;
}

void Session::finish_fit() {
  save();  // should the run not begin, the fit is not lost
  FitRecord record;
  record.trace = fitting_->trace();
  record.objective = fitting_->best_objective();
  record.skipped = fitting_->skipped();
  record.evaluations = density_.counts();
  record.seconds = seconds();
  NamedTensors best = fitting_->best_parameters();
  fitting_.reset();
  fit_record_ = std::move(record);
  if (normalizing_flow_) {
    normalizing_flow_->flow().set_parameters(best, "fit");
    normalizing_flow_->flow().save(folder_ + "/flow.npz");
    write_fit_options(folder_, settings(), target_.dim(), *fit_record_);
    best = starting_or_given();
  } else {
    write_fit(folder_, settings(), target_.dim(), *fit_record_, best);
  }
  begin_run(std::move(best));
  save();
}

SessionEnd Session::carry_out_run() {
  const Pace pace = pace_of(*run_, settings().sampler);
  Progress progress("sample", pace.all, progress_style(), pace.done);
  while (run_->status() == RunStatus::kRunning) {
    if (interrupt_requested()) {
      save();
      return SessionEnd::kInterrupted;
    }
    step_or_save([this] { run_->step(); });
    keep_frame();
    const Pace now = pace_of(*run_, settings().sampler);
    progress.update(now.done, now.note);
    save_when_due();
  }
  progress.finish();
  if (run_->status() == RunStatus::kTooManyNonfinite) {
    save();
    return SessionEnd::kTooManyNonfinite;
  }
  return run_->status() == RunStatus::kNotArrived ? SessionEnd::kNotArrived : SessionEnd::kComplete;
}

/// At most `count` exact draws of the target, where it has a sampler, for the upper bound.
Tensor Session::exact_draws(std::int64_t count) const {
  const auto exact =
      target_.sample(std::min(count, kMostExactDraws), seed_.child("exact").generator());
  return exact ? exact->to(run_->state().particles.scalar_type()) : Tensor();
}

/// The draws are one piece of work, made anew after an interruption: their seed is their own.
SessionEnd Session::carry_out_draws() {
  save();
  FlowRecord record;
  Progress progress("draws", settings().flow.draws, progress_style());
  progress.update(0);
  try {
    record.flows = flows_of(*run_, settings().flow);
    const auto observer = [&](std::int64_t done) {
      if (interrupt_requested()) throw Stopped{};
      progress.update(done);
    };
    record.estimates =
        estimate_with_flows(record.flows, density_, settings().flow, seed_.child("flow"),
                            exact_draws(settings().flow.draws), observer);
  } catch (const Stopped&) {
    return SessionEnd::kInterrupted;
  } catch (const NumericalFailure& failure) {
    record.failure = failure.what();
  } catch (const InvalidInput& error) {
    record.failure = error.what();
  }
  if (interrupt_requested()) return SessionEnd::kInterrupted;
  progress.update(settings().flow.draws);
  progress.finish();
  flow_record_ = std::move(record);
  return SessionEnd::kComplete;
}

void Session::keep_frame() {
  if (!settings().animate || target_.dim() != 2) return;
  const std::int64_t step = run_->state().step;
  const std::int64_t steps = settings().sampler.steps.steps;
  const std::int64_t between = kMostFrames - 1;  // the first and the last one are always kept
  const std::int64_t stride = std::max<std::int64_t>(1, (steps + between - 1) / between);
  const bool last = run_->status() != RunStatus::kRunning;
  if (step % stride != 0 && !last) return;
  frames_.push_back({step, run_->state().particles.select(0, 0).to(at::kDouble).clone()});
}

// ---- checkpoints
// ---------------------------------------------------------------------------------------------------

NamedTensors Session::checkpoint() const {
  NamedTensors saved;
  saved.emplace_back("session.phase", integers_tensor({fitting_ ? kFitPhase : kRunPhase}));
  saved.emplace_back("session.evaluations", to_tensor(density_.counts()));
  saved.emplace_back("session.seconds", numbers_tensor({seconds()}));
  if (fitting_) {
    append(saved, "fit.", fitting_->checkpoint());
    return saved;
  }
  append(saved, "run.", run_->checkpoint());
  if (fit_record_) append(saved, "fit_record.", to_tensors(*fit_record_));
  for (const Frame& frame : frames_) {
    saved.emplace_back(fmt::format("frame.{}", frame.step), frame.particles);
  }
  return saved;
}

void Session::save() const {
  if (normalizing_flow_ && !fitting_)
    normalizing_flow_->flow().save(
        checkpoint_flow_path(folder_));  // before the state that needs it
  save_tensors(checkpoint_state_path(folder_), checkpoint());
}

void Session::save_when_due() {
  if (seconds_since(saved_) < request_.checkpoint_every) return;
  save();
  saved_ = Clock::now();
}

void Session::resume() {
  const std::string path = checkpoint_state_path(folder_);
  const NamedTensors saved = load_tensors(path);
  try {
    const bool fitting = single_integer(saved, "session.phase", path) == kFitPhase;
    fitting ? restore_fit(saved, path) : restore_run(saved, path);
    density_.set_counts(to_counts(find_tensor(saved, "session.evaluations", path), path));
    seconds_before_ = single_number(saved, "session.seconds", path);
  } catch (const c10::Error&) {
    fail(kForeign, path);
  }
}

void Session::restore_fit(const NamedTensors& saved, const std::string& context) {
  require(settings().fit.iterations > 0, "{}: is a checkpoint of a fit, but the run has none",
          context);
  prepare();
  fitting_->restore(extract(saved, "fit."), context);
}

void Session::restore_run(const NamedTensors& saved, const std::string& context) {
  if (settings().sampler.kind == SamplerKind::kFlow)
    normalizing_flow_.emplace(settings(), density_, checkpoint_flow_path(folder_));
  run_ = make_run(parameters_of(saved));
  run_->restore(extract(saved, "run."), context);
  const NamedTensors record = extract(saved, "fit_record.");
  if (!record.empty()) fit_record_ = to_fit_record(record, context);
  for (const auto& [step, particles] : extract(saved, "frame.")) {
    frames_.push_back(to_frame(step, particles, context));
  }
}

void write_fit(const std::string& folder,
               const RunSettings& settings,
               std::int64_t dim,
               const FitRecord& record,
               const NamedTensors& parameters) {
  save_tensors(folder + "/fit.npz", parameters);
  write_fit_options(folder, settings, dim, record);
}

void write_fit_options(const std::string& folder,
                       const RunSettings& settings,
                       std::int64_t dim,
                       const FitRecord& record) {
  Json json;
  json["format"] = "ergon-fit/1";
  json["ergon"] = ergon_version();
  json["dim"] = dim;
  json["objective"] = record.objective;
  json["options"] = to_json(settings);
  write_file(folder + "/fit.json", json.dump(2) + "\n");
}

}  // namespace ergon::app
