#include "ergon/rl/training.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/workers.hpp"
#include "rl/support/line_environment.hpp"
#include "rl/support/linear_agent.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LinearAgent;
using testing::LinearAgentOptions;
using testing::LineEnvironment;
using testing::LineOptions;
using testing::make_line;
using testing::message_of;

constexpr std::uint64_t kSeed = 5;

TrainingOptions short_run() {
  TrainingOptions options;
  options.steps = 60;
  options.random_steps = 10;
  options.update_after = 8;
  options.replay = 1000;
  options.evaluate_every = 0;
  options.evaluation_episodes = 2;
  return options;
}

Training training(const TrainingOptions& options,
                  const LineOptions& line = {},
                  const LinearAgentOptions& agent = {}) {
  return Training(make_line(line), std::make_unique<LinearAgent>(agent), options, kSeed);
}

void run_to_end(Training& run) {
  while (!run.done()) run.step();
  run.finish();
}

std::vector<std::int64_t> evaluation_steps(Training& run) {
  std::vector<std::int64_t> steps;
  for (const Evaluation& evaluation : run.record().evaluations) steps.push_back(evaluation.step);
  return steps;
}

TEST(RlTraining, FirstActionsAreUniformInTheEnvironmentsRangeThenThePolicysOwn) {
  LineOptions line;
  line.max_episode_steps = 1000;
  line.actions = std::make_shared<std::vector<double>>();
  TrainingOptions options = short_run();
  options.update_after = 1000;  // the policy stays what it was
  Training run = training(options, line);
  LineEnvironment twin{LineOptions{}};
  twin.seed(Pcg64::stream(kSeed, "environment").next());
  twin.reset();
  testing::LinearPolicy policy(run.agent().policy_parameters());
  Pcg64 random = Pcg64::stream(kSeed, "action", 0);
  for (int i = 0; i < 15; ++i) {
    double action = 0.0;
    if (i < 10) action = random.uniform(-1.0, 1.0);
    if (i >= 10) policy.act(twin.observation().data(), ActionMode::kStochastic, random, &action);
    run.step();
    EXPECT_DOUBLE_EQ(line.actions->back(), -2.0 + 2.5 * (action + 1.0)) << i;
    if (twin.step(&line.actions->back()).over()) twin.reset();
  }
  EXPECT_EQ(line.actions->size(), 15U);
}

TEST(RlTraining, KeptTransitionsFollowTheDynamicsAlsoWhereAnEpisodeEnds) {
  LineOptions line;
  line.max_episode_steps = 4;
  TrainingOptions options = short_run();
  options.environments = 3;
  int finals = 0;
  int rows = 0;
  LinearAgentOptions agent;
  agent.before_update = [&](const Replay& replay, std::int64_t) {
    Batch<double> batch;
    Pcg64 random(rows);
    replay.sample(50, random, batch);
    for (std::size_t i = 0; i < 50; ++i, ++rows) {
      const double* now = batch.input.data() + 3 * i;
      const double* next = batch.next_input.data() + 3 * i;
      const double action = scale_action(now[2], -2.0, 3.0);
      const double velocity = LineEnvironment::next_velocity(now[1], action);
      ASSERT_NEAR(next[1], velocity, 1e-6);
      ASSERT_NEAR(next[0], now[0] + velocity, 1e-6);
      ASSERT_NEAR(batch.reward[i], LineEnvironment::reward(next[0], action), 1e-5);
      ASSERT_EQ(batch.continues[i], LineEnvironment::final(next[0]) ? 0.0 : 1.0);
      finals += batch.continues[i] == 0.0;
    }
  };
  Training run = training(options, line, agent);
  run_to_end(run);
  EXPECT_GT(rows, 1000);
  EXPECT_GT(finals, 0);
}

struct Schedule {
  std::int64_t environments, update_after, update_every, updates_per_round, expected;
};

TEST(RlTraining, UpdatesComeWhenTheyAreDue) {
  // Of 60 steps:
  const std::vector<Schedule> schedules = {
      {1, 8, 1, 0, 53},    // at 8, 9, ..., 60
      {1, 61, 1, 0, 0},    // never
      {1, 60, 1, 0, 1},    // at 60
      {1, 1, 10, 0, 60},   // at 10, 20, ..., 60, ten each
      {1, 11, 10, 0, 50},  // at 20, ..., 60
      {1, 10, 10, 3, 18},  // at 10, ..., 60, three each
      {4, 8, 1, 0, 53},    // at 8: one; at 12, ..., 60: four each
      {4, 7, 1, 0, 54},    // at 8: for 7 and 8
      {4, 1, 6, 1, 10},    // at 8 (6), 12, 20 (18), 24, ...
  };
  for (const Schedule& schedule : schedules) {
    TrainingOptions options = short_run();
    options.environments = schedule.environments;
    options.update_after = schedule.update_after;
    options.update_every = schedule.update_every;
    options.updates_per_round = schedule.updates_per_round;
    std::int64_t first = -1;
    LinearAgentOptions agent;
    Training* watched = nullptr;
    agent.before_update = [&](const Replay&, std::int64_t) {
      if (first < 0) first = watched->steps();
    };
    Training run = training(options, {}, agent);
    watched = &run;
    run_to_end(run);
    EXPECT_EQ(run.updates(), schedule.expected)
        << schedule.environments << " environments, after " << schedule.update_after << ", every "
        << schedule.update_every;
    if (schedule.expected > 0) EXPECT_GE(first, schedule.update_after);
  }
}

TEST(RlTraining, EvaluationsComeAtMultiplesAndAtTheEnd) {
  TrainingOptions options = short_run();
  options.evaluate_every = 25;
  Training single = training(options);
  run_to_end(single);
  EXPECT_THAT(evaluation_steps(single), ElementsAre(25, 50, 60));

  options.evaluate_every = 30;
  options.environments = 7;  // 63 steps
  Training several = training(options);
  run_to_end(several);
  EXPECT_THAT(evaluation_steps(several), ElementsAre(35, 63));

  options.evaluate_every = 0;
  Training last = training(options);
  run_to_end(last);
  EXPECT_THAT(evaluation_steps(last), ElementsAre(63));
}

TEST(RlTraining, AnEvaluationIsThatOfThePolicyAtItsStep) {
  TrainingOptions options = short_run();
  options.evaluate_every = 20;
  Training run = training(options);
  std::vector<std::unique_ptr<Policy>> policies;
  while (!run.done()) {
    run.step();
    if (run.steps() % 20 == 0) policies.push_back(run.agent().snapshot());
  }
  run.finish();
  const auto& evaluations = run.record().evaluations;
  ASSERT_EQ(evaluations.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    LineEnvironment twin{LineOptions{}};
    const std::uint64_t seed = evaluation_seed(kSeed, evaluations[i].step);
    EXPECT_EQ(evaluations[i].deterministic.returns,
              evaluate(twin, *policies[i], ActionMode::kDeterministic, 2, seed).returns);
    EXPECT_EQ(evaluations[i].stochastic.returns,
              evaluate(twin, *policies[i], ActionMode::kStochastic, 2, seed).returns);
  }
}

TEST(RlTraining, EpisodesAreRecordedWithTheirReturns) {
  LineOptions line;
  line.max_episode_steps = 7;
  line.actions = std::make_shared<std::vector<double>>();
  TrainingOptions options = short_run();
  options.steps = 200;
  Training run = training(options, line);
  while (!run.done()) run.step();  // the evaluation at the end begins in the last step
  const std::vector<TrainingEpisode> episodes = run.record().episodes;

  LineEnvironment twin{LineOptions{}};
  Pcg64 starts = Pcg64::stream(kSeed, "environment");
  twin.seed(starts.next());
  std::size_t at = 0;
  std::int64_t step = 0;
  for (const TrainingEpisode& episode : episodes) {
    twin.reset();
    double sum = 0.0;
    StepResult result;
    for (std::int64_t i = 0; i < episode.length; ++i, ++at, ++step)
      sum += (result = twin.step(&line.actions->at(at))).reward;
    EXPECT_DOUBLE_EQ(episode.episode_return, sum);
    EXPECT_EQ(episode.step, step);
    EXPECT_EQ(episode.terminated, result.terminated);
    EXPECT_TRUE(episode.terminated || episode.length == 7);
  }
  EXPECT_GT(step, 192);
}

TEST(RlTraining, UpdateRowsHoldTheMeansOfAThousandSteps) {
  TrainingOptions options = short_run();
  options.steps = 3500;
  options.update_after = 1001;  // no row for the first thousand
  Training run = training(options);
  run_to_end(run);
  const auto& rows = run.record().updates;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].step, 2000);
  EXPECT_EQ(rows[0].updates, 1000);
  ASSERT_EQ(rows[0].means.size(), 3U);
  EXPECT_EQ(rows[0].means[0].first, "loss");
  EXPECT_EQ(rows[0].means[1].first, "count");
  EXPECT_DOUBLE_EQ(rows[0].means[1].second, 500.5);  // of 1, ..., 1000
  EXPECT_EQ(rows[0].means[2].first, "fourth");       // that only every fourth update gives
  EXPECT_EQ(rows[1].step, 3000);
  EXPECT_EQ(rows[1].updates, 2000);
  EXPECT_DOUBLE_EQ(rows[1].means.at(1).second, 1500.5);
}

TEST(RlTraining, ResultsDoNotDependOnTheNumberOfThreads) {
  const testing::TemporaryFolder folder;
  TrainingOptions options = short_run();
  options.steps = 500;
  options.environments = 5;
  for (const int threads : {1, 3}) {
    set_worker_threads(threads);
    Training run = training(options);
    run_to_end(run);
    run.save(folder.file(std::to_string(threads)));
  }
  set_worker_threads(1);
  EXPECT_EQ(read_file(folder.file("1")), read_file(folder.file("3")));
}

TEST(RlTraining, TheFirstEnvironmentsActionsDoNotDependOnHowManyThereAre) {
  std::vector<std::vector<double>> first;
  for (const std::int64_t count : {1, 3}) {
    LineOptions line;
    line.actions = std::make_shared<std::vector<double>>();
    TrainingOptions options = short_run();
    options.environments = count;
    options.random_steps = options.steps = 20 * count;
    Training run = training(options, line);
    std::vector<double> taken;
    for (std::size_t i = 0; i < 20; ++i) {
      run.step();
      taken.push_back(line.actions->at(i * static_cast<std::size_t>(count)));
    }
    first.push_back(taken);
  }
  EXPECT_EQ(first[0], first[1]);
}

TEST(RlTraining, WhatDoesNotFitIsRefused) {
  LinearAgentOptions wide;
  wide.observation_dim = 3;
  EXPECT_THAT(message_of([&] { training(short_run(), {}, wide); }),
              AllOf(HasSubstr("3 observations"), HasSubstr("Line has 2 and 1")));
  EXPECT_THAT(message_of([] { Training(make_line(), nullptr, short_run(), 1); }),
              HasSubstr("none was given"));
  TrainingOptions options = short_run();
  options.update_every = 0;
  EXPECT_THAT(message_of([&] { training(options); }), HasSubstr("--update-every"));
}

TEST(RlTraining, AStepAfterTheLastIsRefused) {
  Training run = training(short_run());
  run_to_end(run);
  EXPECT_THAT(message_of([&] { run.step(); }), HasSubstr("over after 60 steps"));
}

}  // namespace
}  // namespace ergon
