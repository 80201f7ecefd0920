#include "ergon/env/vector_environment.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/workers.hpp"

namespace ergon {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

/// One thread again after each test.
class EnvVector : public ::testing::Test {
 protected:
  ~EnvVector() override { set_worker_threads(1); }
};

/// Observes {start, steps}: start is drawn at a reset. The action is the reward; an action of at
/// least 100 ends the episode, one below -100 breaks the simulation.
class Counter final : public Environment {
 public:
  Counter() : Environment(counter_spec()) {}
  Image8 picture(PictureSize) const override { return {}; }

 private:
  static EnvironmentSpec counter_spec() {
    EnvironmentSpec spec;
    spec.name = "Counter";
    spec.observation_dim = 2;
    spec.action_dim = 1;
    spec.action_low = {-1000};
    spec.action_high = {1000};
    spec.max_episode_steps = 5;
    return spec;
  }
  void begin(Pcg64& random, std::vector<double>& observation) override {
    start_ = random.uniform();
    taken_ = 0;
    observation = {start_, taken_};
  }
  Outcome advance(const double* action, std::vector<double>& observation) override {
    if (*action < -100) throw NumericalFailure("broke at " + std::to_string(*action));
    observation = {start_, ++taken_};
    return {*action, *action >= 100};
  }
  std::vector<double> numbers() const override { return {start_, taken_}; }
  void set_numbers(const std::vector<double>& numbers) override {
    start_ = numbers[0];
    taken_ = numbers[1];
  }

  double start_ = 0.0;
  double taken_ = 0.0;
};

std::unique_ptr<Environment> make_counter() { return std::make_unique<Counter>(); }

EnvironmentMaker maker_of(const std::string& name, std::int64_t limit) {
  return [name, limit] { return make_environment({name, limit}); };
}

/// Everything that a number of steps showed, after one another.
std::vector<double> record(VectorEnvironment& environments, std::int64_t steps, Pcg64 actions) {
  const std::int64_t width = environments.count() * environments.spec().action_dim;
  std::vector<double> action(static_cast<std::size_t>(width));
  std::vector<double> shown;
  for (std::int64_t t = 0; t < steps; ++t) {
    for (double& a : action) a = actions.uniform(-1.0, 1.0);
    environments.step(action.data());
    for (const StepResult& result : environments.results()) {
      shown.insert(shown.end(), {result.reward, double(result.terminated)});
      shown.push_back(result.truncated);
    }
    for (const auto* rows : {&environments.observations(), &environments.final_observations()}) {
      shown.insert(shown.end(), rows->begin(), rows->end());
    }
  }
  return shown;
}

TEST_F(EnvVector, GivesTheSameBitsWithOneTwoAndThreeThreads) {
  std::vector<std::vector<double>> shown;
  for (int threads : {1, 2, 3}) {
    set_worker_threads(threads);
    VectorEnvironment environments(maker_of("Hopper-v4", 30), 5, 7);
    environments.reset();
    shown.push_back(record(environments, 80, Pcg64(1)));
  }
  EXPECT_EQ(shown[1], shown[0]);
  EXPECT_EQ(shown[2], shown[0]);
}

TEST_F(EnvVector, StepsEachEnvironmentAsItStepsAlone) {
  VectorEnvironment environments(maker_of("Hopper-v4", 0), 2, 7);
  environments.reset();
  const std::vector<double> actions = {0.1, -0.2, 0.3, -0.4, 0.5, -0.6};
  for (int t = 0; t < 3; ++t) environments.step(actions.data());
  Pcg64 seeds = Pcg64::stream(7, "environment");
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto alone = make_environment({"Hopper-v4", 0});
    alone->seed(seeds.next());
    alone->reset();
    StepResult last;
    for (int t = 0; t < 3; ++t) last = alone->step(actions.data() + 3 * i);
    EXPECT_EQ(environments.at(i).observation(), alone->observation()) << i;
    EXPECT_EQ(environments.results()[static_cast<std::size_t>(i)].reward, last.reward) << i;
  }
}

TEST_F(EnvVector, ShowsTheLastObservationOfAnEpisodeBesideTheFirstOfTheNext) {
  VectorEnvironment environments(make_counter, 2, 0);
  environments.reset();
  const std::vector<double> start = environments.observations();
  const double end_the_second[] = {1.0, 100.0};
  environments.step(end_the_second);

  EXPECT_THAT(environments.final_observations(), ElementsAre(start[0], 1, start[2], 1));
  EXPECT_EQ(environments.observations()[1], 1);
  EXPECT_EQ(environments.observations()[3], 0);
  EXPECT_NE(environments.observations()[2], start[2]) << "a new start is drawn";
  EXPECT_FALSE(environments.results()[0].over());
  EXPECT_TRUE(environments.results()[1].terminated);
  EXPECT_FALSE(environments.results()[1].truncated);
  EXPECT_EQ(environments.results()[1].reward, 100);
  EXPECT_EQ(environments.at(1).steps(), 0);
}

TEST_F(EnvVector, TruncatesAtTheTimeLimitWithoutTerminating) {
  VectorEnvironment environments(make_counter, 1, 0);
  environments.reset();
  const double action = 0.0;
  for (int t = 1; t <= 4; ++t) {
    environments.step(&action);
    EXPECT_FALSE(environments.results()[0].over()) << t;
    EXPECT_EQ(environments.final_observations(), environments.observations()) << t;
  }
  environments.step(&action);
  EXPECT_TRUE(environments.results()[0].truncated);
  EXPECT_FALSE(environments.results()[0].terminated);
  EXPECT_EQ(environments.final_observations()[1], 5);
  EXPECT_EQ(environments.observations()[1], 0);
}

TEST_F(EnvVector, GoesOnWithTheSameBitsAfterARestore) {
  VectorEnvironment first(maker_of("Walker2d-v4", 25), 3, 11);
  first.reset();
  record(first, 40, Pcg64(2));
  const std::vector<EnvironmentState> states = first.states();
  const std::vector<double> observations = first.observations();
  const std::vector<double> expected = record(first, 60, Pcg64(3));

  VectorEnvironment second(maker_of("Walker2d-v4", 25), 3, 99);
  second.restore(states);
  EXPECT_EQ(second.observations(), observations);
  EXPECT_EQ(second.final_observations(), observations);
  EXPECT_EQ(second.results()[0].reward, 0);
  EXPECT_EQ(record(second, 60, Pcg64(3)), expected);
}

TEST_F(EnvVector, ThrowsWhatTheLowestEnvironmentThrewWhateverTheThreads) {
  for (int threads : {1, 2, 3}) {
    set_worker_threads(threads);
    VectorEnvironment environments(make_counter, 6, 0);
    environments.reset();
    const double actions[] = {0, 0, -300, 0, -500, -600};
    try {
      environments.step(actions);
      ADD_FAILURE() << "NumericalFailure was expected";
    } catch (const NumericalFailure& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("-300")) << threads;
    }
    environments.reset();
    const std::vector<double> zeros(6);
    environments.step(zeros.data());
    for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(environments.at(i).steps(), 1);
  }
}

TEST_F(EnvVector, RefusesStatesThatDoNotFitAndIsAsBefore) {
  VectorEnvironment environments(make_counter, 2, 0);
  environments.reset();
  const std::vector<double> zeros(2);
  environments.step(zeros.data());
  std::vector<EnvironmentState> states = environments.states();

  states.pop_back();
  EXPECT_THAT(message_of([&] { environments.restore(states); }),
              HasSubstr("states of 1 environments cannot be restored into 2"));
  states = environments.states();
  states[0].steps = 0;
  states[1].numbers.push_back(0.0);
  EXPECT_THAT(message_of([&] { environments.restore(states); }), HasSubstr("3 numbers"));
  EXPECT_EQ(environments.at(0).steps(), 1);
  EXPECT_EQ(environments.at(1).steps(), 1);
}

TEST_F(EnvVector, NeedsAReset) {
  VectorEnvironment environments(make_counter, 2, 0);
  const std::vector<double> zeros(2);
  EXPECT_THAT(message_of([&] { environments.step(zeros.data()); }), HasSubstr("reset"));
}

TEST_F(EnvVector, NeedsAtLeastOneEnvironment) {
  EXPECT_THAT(message_of([] { VectorEnvironment(make_counter, 0, 0); }), HasSubstr("at least 1"));
  const VectorEnvironment environments(make_counter, 1, 0);
  EXPECT_THAT(environments.observations(), Each(0.0));
  EXPECT_THAT(message_of([&] { environments.at(1); }), HasSubstr("environment 1 of 1"));
}

}  // namespace
}  // namespace ergon
