#include "flow_session.hpp"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <cmath>

#include "checkpoint_tensors.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/interrupt.hpp"

namespace ergon::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kFewestJudged = 50;  // iterations, before skipped ones end the training
constexpr double kMostSkipped = 0.5;        // share of the iterations

constexpr const char kForeign[] = "{}: is not a checkpoint of this run; start the run anew";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

at::ScalarType type_of(Precision precision) {
  return precision == Precision::kSingle ? at::kFloat : at::kDouble;
}

/// "objective 1.234, held out 1.25 (best 1.25)".
std::string note_of(const NormalizingFlowFit& fit, double held_out) {
  std::string note = fmt::format("objective {:.4g}", fit.trace().back().objective);
  if (std::isfinite(held_out))
    note += fmt::format(", held out {:.4g} (best {:.4g})", held_out, fit.best_objective());
  return note;
}

/// The last objective on held-out draws or data, NaN before the first.
double last_held_out(const std::vector<FitRow>& trace) {
  for (auto row = trace.rbegin(); row != trace.rend(); ++row) {
    if (std::isfinite(row->held_out)) return row->held_out;
  }
  return std::nan("");
}

}  // namespace

FlowSession::FlowSession(const FitFlowRequest& request, const FlowInput& input, std::string folder)
    : request_(request),
      input_(input),
      folder_(std::move(folder)),
      seed_(request.settings.seed),
      flow_(request.settings.flow,
            input.dim,
            type_of(request.settings.precision),
            seed_.child("flow").generator()) {
  if (input.target) density_ = std::make_unique<CountingDensity>(*input.target);
  fit_ = std::make_unique<NormalizingFlowFit>(flow_, density_.get(), input.data, settings().fit,
                                              seed_.child("fit"));
}

std::optional<EvaluationCounts> FlowSession::evaluations() const {
  return density_ ? std::optional(density_->counts()) : std::nullopt;
}

double FlowSession::seconds() const { return seconds_before_ + seconds_since(started_); }

ProgressStyle FlowSession::progress_style() const {
  return request_.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic;
}

FlowSessionEnd FlowSession::carry_out() {
  const FlowSessionEnd end = train();
  if (end != FlowSessionEnd::kComplete) return end;
  save();
  training_seconds_ = seconds();
  return draw();
}

FlowSessionEnd FlowSession::train() {
  const auto done = [this] { return static_cast<std::int64_t>(fit_->trace().size()); };
  Progress progress("fit", settings().fit.iterations, progress_style(), done());
  double held_out = last_held_out(fit_->trace());
  while (!fit_->finished()) {
    if (interrupt_requested()) {
      save();
      return FlowSessionEnd::kInterrupted;
    }
    fit_->step();
    if (too_many_skipped()) {
      save();
      return FlowSessionEnd::kTooManySkipped;
    }
    const double now = fit_->trace().back().held_out;
    if (std::isfinite(now)) held_out = now;
    progress.update(done(), note_of(*fit_, held_out));
    save_when_due();
  }
  progress.finish();
  return FlowSessionEnd::kComplete;
}

bool FlowSession::too_many_skipped() const {
  const auto done = static_cast<double>(fit_->trace().size());
  return fit_->skipped() >= kFewestJudged &&
         static_cast<double>(fit_->skipped()) > kMostSkipped * done;
}

/// The draws are one piece of work, made anew after an interruption: their seed is their own.
FlowSessionEnd FlowSession::draw() {
  flow_.set_parameters(fit_->best_parameters(), "the best parameters of the fit");
  findings_ =
      judge_flow(flow_, density_.get(), input_, settings(), [] { return interrupt_requested(); });
  return findings_ ? FlowSessionEnd::kComplete : FlowSessionEnd::kInterrupted;
}

// ---- checkpoints
// ---------------------------------------------------------------------------------------------------

void FlowSession::save() const {
  NamedTensors saved;
  saved.emplace_back("session.evaluations", to_tensor(evaluations().value_or(EvaluationCounts{})));
  saved.emplace_back("session.seconds", numbers_tensor({seconds()}));
  append(saved, "fit.", fit_->checkpoint());
  save_tensors(checkpoint_state_path(folder_), saved);
}

void FlowSession::save_when_due() {
  if (seconds_since(saved_) < request_.checkpoint_every) return;
  save();
  saved_ = Clock::now();
}

void FlowSession::resume() {
  const std::string path = checkpoint_state_path(folder_);
  const NamedTensors saved = load_tensors(path);
  try {
    fit_->restore(extract(saved, "fit."), path);
    const EvaluationCounts counts =
        to_counts(find_tensor(saved, "session.evaluations", path), path);
    if (density_) density_->set_counts(counts);
    seconds_before_ = single_number(saved, "session.seconds", path);
  } catch (const c10::Error&) {
    fail(kForeign, path);
  }
}

}  // namespace ergon::app
