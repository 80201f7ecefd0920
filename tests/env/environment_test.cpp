#include "ergon/env/environment.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "env/bare_mujoco.hpp"
#include "env/sha256.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Counts its steps; the reward is the action, the episode is final at `last`.
class Counter final : public Environment {
 public:
  explicit Counter(std::int64_t limit = 5, int last = 100)
      : Environment(made(limit)), last_(last) {}

  double reward_factor = 1.0;
  double observed_extra = 0.0;
  Image8 picture(PictureSize) const override { return {}; }

 private:
  static EnvironmentSpec made(std::int64_t limit) {
    EnvironmentSpec spec;
    spec.name = "Counter-v0";
    spec.observation_dim = 2;
    spec.action_dim = 1;
    spec.action_low = {-1.0};
    spec.action_high = {1.0};
    spec.max_episode_steps = limit;
    return spec;
  }
  void begin(Pcg64& random, std::vector<double>& observation) override {
    count_ = 0;
    observation = {random.uniform(), observed_extra};
  }
  Outcome advance(const double* action, std::vector<double>& observation) override {
    ++count_;
    observation = {static_cast<double>(count_), observed_extra};
    return {reward_factor * action[0], count_ >= last_};
  }
  std::vector<double> numbers() const override { return {static_cast<double>(count_)}; }
  void set_numbers(const std::vector<double>& numbers) override {
    count_ = static_cast<int>(numbers[0]);
  }

  int last_;
  int count_ = 0;
};

template <class Exception, class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

StepResult step(Environment& environment, double action) { return environment.step(&action); }

TEST(EnvEnvironment, TruncatesAtItsLimitAndOnlyThere) {
  Counter counter(3);
  counter.reset();
  EXPECT_FALSE(step(counter, 0.5).over());
  EXPECT_FALSE(step(counter, 0.5).over());
  const StepResult last = step(counter, 0.5);
  EXPECT_TRUE(last.truncated);
  EXPECT_FALSE(last.terminated);
  EXPECT_EQ(last.reward, 0.5);
  EXPECT_EQ(counter.steps(), 3);
}

TEST(EnvEnvironment, AFinalStateAtTheLimitIsTerminatedAndNotTruncated) {
  Counter counter(3, 3);
  counter.reset();
  step(counter, 0.0);
  step(counter, 0.0);
  const StepResult last = step(counter, 0.0);
  EXPECT_TRUE(last.terminated);
  EXPECT_FALSE(last.truncated);
}

TEST(EnvEnvironment, RefusesStepsOutsideAnEpisode) {
  Counter counter(1);
  const auto one = [&] { step(counter, 0.0); };
  EXPECT_THAT(message_of<InvalidInput>(one),
              AllOf(HasSubstr("Counter-v0"), HasSubstr("call reset")));
  counter.reset();
  one();
  EXPECT_THAT(message_of<InvalidInput>(one), HasSubstr("no episode is under way"));
}

TEST(EnvEnvironment, NamesTheStepAndTheNumberThatIsNotFinite) {
  Counter counter(100);
  counter.reset();
  for (int i = 0; i < 16; ++i) step(counter, 0.0);
  counter.reward_factor = kNaN;
  const auto one = [&] { step(counter, 1.0); };
  EXPECT_EQ(message_of<NumericalFailure>(one),
            "Counter-v0: the reward at step 17 of an episode is nan");
  EXPECT_THAT(message_of<InvalidInput>(one), HasSubstr("call reset")) << "the episode is lost";

  counter.reward_factor = 1.0;
  counter.reset();
  EXPECT_EQ(message_of<NumericalFailure>([&] { step(counter, kNaN); }),
            "Counter-v0: action 0 at step 1 of an episode is nan");
  counter.reset();
  counter.observed_extra = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(message_of<NumericalFailure>(one),
            "Counter-v0: observation 1 at step 1 of an episode is -inf");
  EXPECT_EQ(message_of<NumericalFailure>([&] { counter.reset(); }),
            "Counter-v0: observation 1 at the start of an episode is -inf");
}

TEST(EnvEnvironment, RefusesStatesOfOthers) {
  Counter counter(5);
  counter.reset();
  const EnvironmentState good = counter.state();
  const auto refused = [&](auto change) {
    EnvironmentState bad = good;
    change(bad);
    return message_of<InvalidInput>([&] { counter.restore(bad); });
  };
  using State = EnvironmentState;
  EXPECT_THAT(refused([](State& s) { s.numbers.push_back(0.0); }), HasSubstr("2 numbers"));
  EXPECT_THAT(refused([](State& s) { s.observation.pop_back(); }), HasSubstr("1 observed"));
  EXPECT_THAT(refused([](State& s) { s.numbers[0] = kNaN; }), HasSubstr("physics is nan"));
  EXPECT_THAT(refused([](State& s) { s.observation[1] = kNaN; }), HasSubstr("observation is nan"));
  EXPECT_THAT(refused([](State& s) { s.steps = 5; }), HasSubstr("5 steps"));
  EXPECT_THAT(refused([](State& s) { s.steps = -1; }), HasSubstr("step -1"));
  EXPECT_THAT(refused([](State& s) {
                s.numbers[0] += 1.0;
                s.observation[0] += 1.0;
                s.random[3] = 2;
              }),
              HasSubstr("odd increment"));
  EXPECT_EQ(counter.state().numbers, good.numbers) << "a refusal changes nothing";
  EXPECT_EQ(counter.observation(), good.observation);
  counter.restore(good);
  EXPECT_FALSE(step(counter, 0.0).over());
}

TEST(EnvRegistry, ListsEveryVersion) {
  EXPECT_THAT(environment_names(),
              ::testing::IsSupersetOf({"Walker2d-v2", "Walker2d-v3", "Walker2d-v4", "Walker2d-v5",
                                       "Humanoid-v5", "Reacher-v2", "InvertedDoublePendulum-v4"}));
  EXPECT_THAT(environment_names(), ::testing::Not(Contains("Reacher-v3")));
}

TEST(EnvRegistry, SuggestsTheNearestNames) {
  const auto refused = [](const std::string& name) {
    return message_of<InvalidInput>([&] { make_environment({name}); });
  };
  EXPECT_THAT(refused("halfcheeta-v4"),
              AllOf(HasSubstr("'halfcheeta-v4' (did you mean HalfCheetah-v4?)"),
                    HasSubstr("choose one of: Walker2d-v2, ")));
  EXPECT_THAT(refused("Walker2d-v6"), HasSubstr("Walker2d-v4 or Walker2d-v5?"));
  EXPECT_THAT(refused("xyzzy"), ::testing::Not(HasSubstr("did you mean")));
  EXPECT_THAT(message_of<InvalidInput>([] {
                make_environment({"Ant-v4", -1});
              }),
              HasSubstr("max_episode_steps is -1"));
  EXPECT_THAT(message_of<InvalidInput>([] { model_text("none.xml"); }), HasSubstr("walker2d.xml"));
}

struct Sizes {
  std::string name;
  std::int64_t observation, action, limit;
  double high;
};

TEST(EnvRegistry, SpecsAreGymnasiums) {
  const Sizes expected[] = {{"Walker2d-v2", 17, 6, 1000, 1.0},
                            {"Walker2d-v5", 17, 6, 1000, 1.0},
                            {"Hopper-v4", 11, 3, 1000, 1.0},
                            {"HalfCheetah-v5", 17, 6, 1000, 1.0},
                            {"Ant-v3", 111, 8, 1000, 1.0},
                            {"Ant-v4", 27, 8, 1000, 1.0},
                            {"Ant-v5", 105, 8, 1000, 1.0},
                            {"Humanoid-v4", 376, 17, 1000, 0.4},
                            {"Humanoid-v5", 348, 17, 1000, 0.4},
                            {"Swimmer-v4", 8, 2, 1000, 1.0},
                            {"Reacher-v4", 11, 2, 50, 1.0},
                            {"Reacher-v5", 10, 2, 50, 1.0},
                            {"InvertedPendulum-v4", 4, 1, 1000, 3.0},
                            {"InvertedDoublePendulum-v4", 11, 1, 1000, 1.0},
                            {"InvertedDoublePendulum-v5", 9, 1, 1000, 1.0}};
  for (const Sizes& sizes : expected) {
    const auto environment = make_environment({sizes.name});
    const EnvironmentSpec& spec = environment->spec();
    EXPECT_EQ(spec.name, sizes.name);
    EXPECT_EQ(spec.observation_dim, sizes.observation) << sizes.name;
    EXPECT_EQ(spec.action_dim, sizes.action) << sizes.name;
    EXPECT_EQ(spec.max_episode_steps, sizes.limit) << sizes.name;
    const std::vector<double> high(static_cast<std::size_t>(sizes.action), sizes.high);
    EXPECT_THAT(spec.action_high, ::testing::Pointwise(::testing::DoubleEq(), high));
    EXPECT_FALSE(spec.rules.empty()) << sizes.name;
    EXPECT_FALSE(spec.summary.empty()) << sizes.name;
    EXPECT_EQ(spec.model_hash, internal::sha256(model_text(spec.model))) << sizes.name;
  }
  EXPECT_EQ(make_environment({"Hopper-v4"})->spec().reward_threshold, 3800.0);
  EXPECT_EQ(make_environment({"Hopper-v4", 7})->spec().max_episode_steps, 7);
}

/// Everything that one step and a reset after an end show.
struct Shown {
  StepResult result;
  std::vector<double> observation;
};

Shown advance(Environment& environment, const std::vector<double>& action) {
  if (environment.state().over) environment.reset();
  return {environment.step(action.data()), environment.observation()};
}

class EnvResume : public ::testing::TestWithParam<std::string> {};

// One environment goes on; two others take turns, each restored from the other before every step.
TEST_P(EnvResume, ARestoredEnvironmentGoesOnWithTheSameBits) {
  const EnvironmentOptions options{GetParam(), 45};
  const auto whole = make_environment(options);
  std::unique_ptr<Environment> turns[] = {make_environment(options), make_environment(options)};
  whole->seed(3);
  turns[0]->seed(3);
  int ends = 0;
  std::size_t now = 0;
  for (const auto& action : testing::random_actions(whole->spec(), 200)) {
    turns[1 - now]->restore(turns[now]->state());
    now = 1 - now;
    ASSERT_EQ(turns[now]->observation(), turns[1 - now]->observation());
    const Shown expected = advance(*whole, action);
    const Shown shown = advance(*turns[now], action);
    ASSERT_EQ(shown.observation, expected.observation);
    ASSERT_EQ(shown.result.reward, expected.result.reward);
    ASSERT_EQ(shown.result.terminated, expected.result.terminated);
    ASSERT_EQ(shown.result.truncated, expected.result.truncated);
    ASSERT_EQ(turns[now]->state().numbers, whole->state().numbers);
    ends += expected.result.over() ? 1 : 0;
  }
  EXPECT_GE(ends, 4);
}

INSTANTIATE_TEST_SUITE_P(, EnvResume, ::testing::ValuesIn(environment_names()), testing::test_name);

}  // namespace
}  // namespace ergon
