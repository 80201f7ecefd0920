#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ergon/core/progress.hpp"
#include "ergon/rl/policy_file.hpp"
#include "ergon/rl/sac.hpp"
#include "ergon/rl/training.hpp"
#include "rl/train_request.hpp"
#include "rl_engine/training_log.hpp"

namespace ergon::app {

enum class TrainEnd { kComplete, kInterrupted, kFailed };

/// The evaluation whose deterministic episodes had the highest mean return, the first of equals.
struct BestEvaluation {
  std::int64_t step = 0;
  std::size_t index = 0;  ///< in the record
  double mean = 0.0;
};

/// A training carried out in a folder with checkpoints: stopped at any moment and resumed, it ends
/// with the same bits as one that was never stopped.
class TrainSession {
 public:
  /// `request` must outlive the session; `folder` exists. Throws InvalidInput: what environment,
  /// agent or training refuse.
  TrainSession(const TrainRequest& request, std::string folder);

  /// Instead of a fresh start: goes back to the checkpoint in the folder. Throws InvalidInput:
  /// missing, damaged or foreign.
  void resume();
  /// Writes the checkpoint from which `resume` goes on.
  void save();
  /// Trains and evaluates, with checkpoints now and then and before it returns. Keeps the policy of
  /// the best evaluation in best-agent.safetensors, and the tables and events up to date.
  TrainEnd carry_out();

  /// After kFailed: what was not finite, and where.
  const std::string& failure() const { return failure_; }
  /// What is recorded; complete after carry_out.
  const TrainingRecord& record() const { return *record_; }
  const std::optional<BestEvaluation>& best() const { return best_; }
  const EnvironmentSpec& spec() const { return training_.spec(); }
  const Sac<float>& agent() const { return *agent_; }
  std::int64_t steps() const { return training_.steps(); }
  std::int64_t updates() const { return training_.updates(); }
  double seconds() const;
  /// The policy as it is now.
  PolicyDescription policy() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Parts {  ///< made together, since the training owns the agent
    std::unique_ptr<Sac<float>> agent;
    EnvironmentMaker make;
  };
  static Parts parts_for(const TrainSettings& settings);
  TrainSession(const TrainRequest& request, std::string folder, Parts parts);

  void advance();
  bool evaluation_began(std::int64_t before) const;
  std::string candidate_path(std::int64_t step) const;
  void take_evaluations();
  void look_after(Progress& progress);
  std::string note() const;

  const TrainRequest& request_;
  std::string folder_;
  const Sac<float>* agent_;
  Training training_;
  const TrainingRecord* record_;
  TrainingLog log_;
  std::optional<BestEvaluation> best_;
  std::size_t judged_ = 0;  ///< evaluations of the record that best_ knows
  std::string failure_;
  double seconds_before_ = 0.0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point saved_ = started_;
  Clock::time_point looked_ = started_;
  Clock::time_point published_ = started_;
};

}  // namespace ergon::app
