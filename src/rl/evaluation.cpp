#include "ergon/rl/evaluation.hpp"

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "ergon/core/denormals.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::size_t kLongestQueue = 4;

/// What episodes are run with.
struct Trial {
  Environment& environment;
  Policy& policy;
  std::int64_t episodes;
  std::uint64_t seed;
  const std::atomic<bool>& stop;  ///< looked at before every step
};

/// One episode from its own streams; false: stopped before its end.
bool run_episode(const Trial& trial, ActionMode mode, EpisodeReturns& all) {
  Environment& environment = trial.environment;
  const EnvironmentSpec& spec = environment.spec();
  const auto index = static_cast<std::uint64_t>(all.returns.size());
  environment.seed(Pcg64::stream(trial.seed, "start", index).next());
  environment.reset();
  Pcg64 random = Pcg64::stream(trial.seed, "action", index);
  std::vector<double> action(static_cast<std::size_t>(spec.action_dim));
  double sum = 0.0;
  StepResult result;
  while (!result.over()) {
    if (trial.stop.load(std::memory_order_relaxed)) return false;
    trial.policy.act(environment.observation().data(), mode, random, action.data());
    for (std::size_t i = 0; i < action.size(); ++i)
      action[i] = scale_action(action[i], spec.action_low[i], spec.action_high[i]);
    result = environment.step(action.data());
    sum += result.reward;
  }
  all.returns.push_back(sum);
  all.lengths.push_back(environment.steps());
  all.terminated.push_back(result.terminated);
  return true;
}

/// Nothing: stopped.
std::optional<EpisodeReturns> run_episodes(const Trial& trial, ActionMode mode) {
  EpisodeReturns all;
  for (std::int64_t i = 0; i < trial.episodes; ++i) {
    if (!run_episode(trial, mode, all)) return std::nullopt;
  }
  return all;
}

void require_episodes(std::int64_t episodes) {
  require(episodes >= 1, "an evaluation needs at least 1 episode, got {}", episodes);
}

}  // namespace

MeanReturn mean_return(const EpisodeReturns& episodes) {
  const auto count = static_cast<double>(episodes.returns.size());
  require(count > 0, "the mean return of no episodes was asked for; run at least one");
  MeanReturn result;
  for (const double value : episodes.returns) result.mean += value / count;
  double squares = 0.0;
  for (const double value : episodes.returns)
    squares += (value - result.mean) * (value - result.mean);
  result.standard_error = count > 1 ? std::sqrt(squares / (count - 1.0) / count)
                                    : std::numeric_limits<double>::quiet_NaN();
  return result;
}

EpisodeReturns evaluate(Environment& environment,
                        Policy& policy,
                        ActionMode mode,
                        std::int64_t episodes,
                        std::uint64_t seed) {
  require_episodes(episodes);
  const std::atomic<bool> never{false};
  return *run_episodes({environment, policy, episodes, seed, never}, mode);
}

std::uint64_t evaluation_seed(std::uint64_t seed, std::int64_t step) {
  return Pcg64::stream(seed, "evaluation", static_cast<std::uint64_t>(step)).next();
}

struct Evaluator::Members {
  struct Item {
    std::int64_t step;
    std::unique_ptr<Policy> policy;
  };

  std::unique_ptr<Environment> environment;
  std::int64_t episodes = 0;
  std::uint64_t seed = 0;
  std::atomic<bool> stop{false};

  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::deque<Item> queue;
  bool busy = false;
  std::vector<Evaluation> complete;
  std::exception_ptr error;

  std::thread thread;

  /// Nothing: stopped.
  std::optional<Evaluation> run(Item item) {
    const Trial trial{*environment, *item.policy, episodes, evaluation_seed(seed, item.step), stop};
    auto deterministic = run_episodes(trial, ActionMode::kDeterministic);
    if (!deterministic) return std::nullopt;
    auto stochastic = run_episodes(trial, ActionMode::kStochastic);
    if (!stochastic) return std::nullopt;
    return Evaluation{item.step, std::move(*deterministic), std::move(*stochastic)};
  }

  void run_one(std::unique_lock<std::mutex>& lock) {
    Item item = std::move(queue.front());
    queue.pop_front();
    busy = true;
    changed.notify_all();
    lock.unlock();
    std::optional<Evaluation> result;
    std::exception_ptr failed;
    try {
      result = run(std::move(item));
    } catch (...) {
      failed = std::current_exception();
    }
    lock.lock();
    busy = false;
    if (result) complete.push_back(std::move(*result));
    if (failed && !error) error = failed;
    changed.notify_all();
  }

  void work() {
    flush_denormals();
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return stop || !queue.empty(); });
      if (stop) return;
      run_one(lock);
    }
  }
};

Evaluator::Evaluator(const EnvironmentMaker& make, std::int64_t episodes, std::uint64_t seed)
    : members_(std::make_unique<Members>()) {
  require_episodes(episodes);
  members_->environment = make();
  members_->episodes = episodes;
  members_->seed = seed;
  try {
    members_->thread = std::thread(&Members::work, members_.get());
  } catch (const std::system_error& refused) {
    fail("the system refused a thread for evaluations ({}); run fewer at once", refused.what());
  }
}

Evaluator::~Evaluator() {
  {
    const std::lock_guard<std::mutex> lock(members_->mutex);
    members_->stop = true;
  }
  members_->changed.notify_all();
  members_->thread.join();
}

void Evaluator::submit(std::int64_t step, std::unique_ptr<Policy> snapshot) {
  std::unique_lock<std::mutex> lock(members_->mutex);
  members_->changed.wait(lock, [this] { return members_->queue.size() < kLongestQueue; });
  members_->queue.push_back({step, std::move(snapshot)});
  members_->changed.notify_all();
}

std::vector<Evaluation> Evaluator::take() {
  const std::lock_guard<std::mutex> lock(members_->mutex);
  if (members_->complete.empty() && members_->error) std::rethrow_exception(members_->error);
  return std::exchange(members_->complete, {});
}

void Evaluator::wait() {
  std::unique_lock<std::mutex> lock(members_->mutex);
  members_->changed.wait(lock, [this] { return members_->queue.empty() && !members_->busy; });
  if (members_->error) std::rethrow_exception(members_->error);
}

}  // namespace ergon
