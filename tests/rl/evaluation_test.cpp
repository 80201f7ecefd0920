#include "ergon/rl/evaluation.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/temporary_folder.hpp"
#include "rl/support/line_environment.hpp"
#include "rl/support/linear_agent.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LinearPolicy;
using testing::LineEnvironment;
using testing::LineFault;
using testing::LineOptions;
using testing::make_line;
using testing::message_of;

constexpr ActionMode kDeterministic = ActionMode::kDeterministic;
constexpr ActionMode kStochastic = ActionMode::kStochastic;

/// The same action in both modes.
class ConstantPolicy : public Policy {
 public:
  explicit ConstantPolicy(double action) : action_(action) {}
  void act(const double*, ActionMode, Pcg64&, double* action) override { *action = action_; }

 private:
  double action_;
};

LinearPolicy policy() { return LinearPolicy({-0.6, -0.4, -0.2}); }

EpisodeReturns run(Policy& acting, ActionMode mode, std::int64_t episodes, std::uint64_t seed) {
  LineEnvironment environment{LineOptions{}};
  return evaluate(environment, acting, mode, episodes, seed);
}

TEST(RlEvaluation, ReturnsAreTheSumsOfRewardsFromTheDocumentedStarts) {
  LineEnvironment environment{LineOptions{}};
  ConstantPolicy constant(0.5);  // 1.75 in [-2, 3]
  const EpisodeReturns all = evaluate(environment, constant, kDeterministic, 3, 7);
  ASSERT_EQ(all.returns.size(), 3U);
  for (std::size_t episode = 0; episode < 3; ++episode) {
    Pcg64 random(Pcg64::stream(7, "start", episode).next());
    double position = random.uniform(-1.0, 1.0);
    double velocity = random.uniform(-0.2, 0.2);
    double sum = 0.0;
    std::int64_t length = 0;
    while (length < 20 && !LineEnvironment::final(position)) {
      velocity = LineEnvironment::next_velocity(velocity, 1.75);
      position += velocity;
      sum += LineEnvironment::reward(position, 1.75);
      ++length;
    }
    EXPECT_DOUBLE_EQ(all.returns[episode], sum);
    EXPECT_EQ(all.lengths[episode], length);
    EXPECT_TRUE(all.terminated[episode]);  // pushed over the end within 20 steps
  }
}

TEST(RlEvaluation, AnEpisodeCutByTheTimeLimitIsNotTerminated) {
  LineOptions options;
  options.max_episode_steps = 2;  // from |x| < 1 too few to come to 1.5 without a push
  LineEnvironment environment(options);
  ConstantPolicy still(-0.2);  // 0 in [-2, 3]
  const EpisodeReturns all = evaluate(environment, still, kDeterministic, 4, 1);
  EXPECT_THAT(all.terminated, Each(false));
  EXPECT_THAT(all.lengths, Each(2));
}

TEST(RlEvaluation, TheSamePolicyEnvironmentAndSeedGiveTheSameReturns) {
  LinearPolicy acting = policy();
  const auto first = run(acting, kStochastic, 4, 3);
  EXPECT_EQ(run(acting, kStochastic, 4, 3).returns, first.returns);
  EXPECT_NE(run(acting, kStochastic, 4, 4).returns, first.returns);
  EXPECT_NE(run(acting, kDeterministic, 4, 3).returns, first.returns);
}

TEST(RlEvaluation, EpisodesDependNeitherOnTheirNumberNorOnWhatRanBefore) {
  LinearPolicy acting = policy();
  LineEnvironment environment{LineOptions{}};
  environment.seed(99);
  environment.reset();
  const auto five = evaluate(environment, acting, kStochastic, 5, 3).returns;
  const auto three = run(acting, kStochastic, 3, 3).returns;
  EXPECT_THAT(three, ElementsAre(five[0], five[1], five[2]));
  EXPECT_NE(five[0], five[1]);
}

TEST(RlEvaluation, BothModesBeginAtTheSameStarts) {
  ConstantPolicy still(-0.2);
  EXPECT_EQ(run(still, kDeterministic, 5, 3).returns, run(still, kStochastic, 5, 3).returns);
}

TEST(RlEvaluation, NoEpisodesAreRefused) {
  ConstantPolicy still(0.0);
  EXPECT_THAT(message_of([&] { run(still, kDeterministic, 0, 3); }), HasSubstr("got 0"));
  EXPECT_THAT(message_of([&] { Evaluator(make_line(), 0, 3); }), HasSubstr("got 0"));
}

TEST(RlEvaluation, TheMeanReturnHasItsStandardError) {
  const MeanReturn mean = mean_return({{1.0, 2.0, 3.0, 6.0}, {}, {}});
  EXPECT_DOUBLE_EQ(mean.mean, 3.0);
  EXPECT_DOUBLE_EQ(mean.standard_error, std::sqrt((4.0 + 1.0 + 0.0 + 9.0) / 3.0 / 4.0));
  EXPECT_DOUBLE_EQ(mean_return({{5.0}, {}, {}}).mean, 5.0);
  EXPECT_TRUE(std::isnan(mean_return({{5.0}, {}, {}}).standard_error));
  EXPECT_THAT(message_of([] { mean_return({}); }), HasSubstr("no episodes"));
}

TEST(RlEvaluator, GivesWhatEvaluateGivesWhateverTheOrder) {
  LinearPolicy acting = policy();
  for (const bool upwards : {true, false}) {
    Evaluator evaluator(make_line(), 3, 11);
    const std::vector<std::int64_t> steps =
        upwards ? std::vector<std::int64_t>{100, 200} : std::vector<std::int64_t>{200, 100};
    for (const auto step : steps)
      evaluator.submit(step, std::make_unique<LinearPolicy>(acting.parameters()));
    evaluator.wait();
    const auto results = evaluator.take();
    ASSERT_EQ(results.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::uint64_t seed = evaluation_seed(11, steps[i]);
      EXPECT_EQ(results[i].step, steps[i]);
      EXPECT_EQ(results[i].deterministic.returns, run(acting, kDeterministic, 3, seed).returns);
      EXPECT_EQ(results[i].stochastic.returns, run(acting, kStochastic, 3, seed).returns);
    }
    EXPECT_NE(results[0].stochastic.returns, results[1].stochastic.returns);
    EXPECT_TRUE(evaluator.take().empty());
  }
}

TEST(RlEvaluator, CarriesAFailureAndGoesOn) {
  LineOptions options;
  options.fault = LineFault::kReward;
  options.fault_step = 3 * 2 * 2 + 1;  // the first step of the second evaluation
  options.max_episode_steps = 3;
  const auto still = [] { return std::make_unique<ConstantPolicy>(-0.2); };
  Evaluator evaluator(make_line(options), 2, 11);
  for (const std::int64_t step : {1, 2, 3}) evaluator.submit(step, still());
  EXPECT_THROW(evaluator.wait(), NumericalFailure);
  const auto results = evaluator.take();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].step, 1);
  EXPECT_EQ(results[1].step, 3);
  for (int again = 0; again < 2; ++again) {
    try {
      evaluator.take();
      ADD_FAILURE() << "the failure was swallowed";
    } catch (const NumericalFailure& failed) {
      EXPECT_THAT(failed.what(), AllOf(HasSubstr("Line"), HasSubstr("reward")));
    }
  }
}

TEST(RlEvaluator, ItsEndDoesNotWaitForEpisodes) {
  LineOptions options;
  options.max_episode_steps = 1'000'000'000'000;
  const auto begin = std::chrono::steady_clock::now();
  {
    Evaluator evaluator(make_line(options), 1, 11);
    // Pulls towards the middle: the episode is in effect without an end.
    for (const std::int64_t step : {1, 2, 3})
      evaluator.submit(step, std::make_unique<LinearPolicy>(std::vector<double>{-0.3, -0.5, -0.2}));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(evaluator.take().empty());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

/// Acts only once the gate is open.
class GatedPolicy : public Policy {
 public:
  explicit GatedPolicy(std::atomic<bool>& open) : open_(open) {}
  void act(const double*, ActionMode, Pcg64&, double* action) override {
    while (!open_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    *action = 0.0;
  }

 private:
  std::atomic<bool>& open_;
};

TEST(RlEvaluator, SubmissionWaitsWhileFourAreQueued) {
  std::atomic<bool> open{false};
  std::atomic<int> submitted{0};
  Evaluator evaluator(make_line(), 1, 11);
  std::thread submitter([&] {
    for (std::int64_t step = 0; step < 7; ++step) {
      evaluator.submit(step, std::make_unique<GatedPolicy>(open));
      ++submitted;
    }
  });
  while (submitted < 5) std::this_thread::yield();  // one runs, four wait
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(submitted, 5);
  open = true;
  submitter.join();
  evaluator.wait();
  EXPECT_EQ(evaluator.take().size(), 7U);
}

}  // namespace
}  // namespace ergon
