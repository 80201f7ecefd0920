#include "rl_engine/train_session.hpp"

#include <algorithm>
#include <filesystem>

#include "checkpoint_options.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "rl_engine/train_tables.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

constexpr auto kLookInterval = std::chrono::milliseconds(100);
constexpr auto kPublishInterval = std::chrono::seconds(10);

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What a process that was killed while it wrote has left beside the files (write_file's temporary
/// names): with a large replay, over a hundred megabytes each.
void remove_halves(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().find(".tmp-") == std::string::npos) continue;
    fs::remove(entry.path(), error);
  }
}

}  // namespace

TrainSession::Parts TrainSession::parts_for(const TrainSettings& settings) {
  Parts parts;
  parts.make = [options = settings.environment] { return make_environment(options); };
  const EnvironmentSpec spec = parts.make()->spec();
  parts.agent = std::make_unique<Sac<float>>(spec.observation_dim, spec.action_dim, settings.sac,
                                             settings.seed);
  return parts;
}

TrainSession::TrainSession(const TrainRequest& request, std::string folder)
    : TrainSession(request, std::move(folder), parts_for(request.settings)) {}

TrainSession::TrainSession(const TrainRequest& request, std::string folder, Parts parts)
    : request_(request),
      folder_(std::move(folder)),
      agent_(parts.agent.get()),
      training_(
          parts.make, std::move(parts.agent), request.settings.training, request.settings.seed),
      record_(&training_.record()),
      log_(folder_) {}

double TrainSession::seconds() const { return seconds_before_ + seconds_since(started_); }

PolicyDescription TrainSession::policy() const {
  PolicyDescription policy = agent_->describe_policy();
  const EnvironmentSpec& environment = spec();
  policy.environment = environment.name;
  policy.steps = training_.steps();
  policy.seed = request_.settings.seed;
  policy.model_hash = environment.model_hash;
  policy.action_low = environment.action_low;
  policy.action_high = environment.action_high;
  return policy;
}

TrainEnd TrainSession::carry_out() {
  log_.begin(*record_, seconds(), training_.steps());
  Progress progress("train", request_.settings.training.steps,
                    request_.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic,
                    training_.steps());
  try {
    while (!training_.done()) {
      if (interrupt_requested()) {
        save();
        return TrainEnd::kInterrupted;
      }
      advance();
      look_after(progress);
    }
    save();
    training_.finish();
  } catch (const NumericalFailure& error) {
    failure_ = error.what();
    training_.save(failed_state_path(folder_));
    return TrainEnd::kFailed;
  }
  take_evaluations();
  log_.publish(*record_);
  progress.update(training_.steps(), note());
  progress.finish();
  return TrainEnd::kComplete;
}

void TrainSession::advance() {
  const std::int64_t before = training_.steps();
  training_.step();
  if (evaluation_began(before)) save_policy_file(policy(), candidate_path(training_.steps()));
}

bool TrainSession::evaluation_began(std::int64_t before) const {
  const std::int64_t every = request_.settings.training.evaluate_every;
  return training_.done() || (every > 0 && training_.steps() / every > before / every);
}

/// The policy of an evaluation that is under way lies beside the checkpoint, which may be resumed
/// before the evaluation is over.
std::string TrainSession::candidate_path(std::int64_t step) const {
  return fmt::format("{}/candidate-{}.safetensors", checkpoint_folder(folder_), step);
}

/// A resumed run judges again what it has recorded. Candidates that were judged are gone then: the
/// best of them has its place already, or a later and better one, which will come again.
void TrainSession::take_evaluations() {
  for (; judged_ < record_->evaluations.size(); ++judged_) {
    const Evaluation& evaluation = record_->evaluations[judged_];
    const double mean = mean_return(evaluation.deterministic).mean;
    const std::string candidate = candidate_path(evaluation.step);
    std::error_code error;
    if (!best_ || mean > best_->mean) {
      best_ = BestEvaluation{evaluation.step, judged_, mean};
      if (!file_exists(candidate)) continue;
      fs::rename(candidate, best_agent_path(folder_), error);
      require(!error, "{} cannot be written: {}", best_agent_path(folder_), error.message());
    } else {
      fs::remove(candidate, error);
    }
  }
}

void TrainSession::look_after(Progress& progress) {
  const Clock::time_point now = Clock::now();
  if (now - looked_ < kLookInterval && request_.checkpoint_every > 0) return;
  looked_ = now;
  training_.record();  // moves the evaluations that are complete into it
  const bool evaluated = judged_ < record_->evaluations.size();
  take_evaluations();
  if (evaluated || now - published_ > kPublishInterval) {
    log_.publish(*record_);
    published_ = now;
  }
  progress.update(training_.steps(), note());
  if (seconds_since(saved_) >= request_.checkpoint_every) {
    save();
    saved_ = Clock::now();
  }
}

std::string TrainSession::note() const {
  std::string note;
  if (!record_->episodes.empty()) note = fmt::format("return {:.5g}", last_returns(*record_).mean);
  if (!record_->evaluations.empty()) {
    const Evaluation& last = record_->evaluations.back();
    note += fmt::format("{}evaluation {:.5g} at {}", note.empty() ? "" : ", ",
                        mean_return(last.deterministic).mean, last.step);
  }
  return note;
}

// ---- checkpoints
// ---------------------------------------------------------------------------------------------------

void TrainSession::save() {
  training_.save(training_state_path(folder_));
  write_file(training_seconds_path(folder_), Json{{"seconds", seconds()}}.dump() + "\n");
}

void TrainSession::resume() {
  remove_halves(checkpoint_folder(folder_));
  training_.load(training_state_path(folder_));
  const std::string path = training_seconds_path(folder_);
  if (file_exists(path)) seconds_before_ = entry<double>(read_json_file(path), "seconds", path);
  record_ = &training_.record();
}

}  // namespace ergon::app
