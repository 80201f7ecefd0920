#include "ergon/rl/training_options.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "ergon/core/option_json.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

TEST(RlTrainingOptions, DefaultsAreValid) { EXPECT_NO_THROW(TrainingOptions{}.validate()); }

TEST(RlTrainingOptions, EveryFieldHasALeastValueThatItsMessageNames) {
  const auto refuses = [](std::int64_t TrainingOptions::*field, std::int64_t least,
                          const std::string& name) {
    TrainingOptions options;
    options.*field = least;
    EXPECT_NO_THROW(options.validate()) << name;
    options.*field = least - 1;
    EXPECT_THAT(message_of([&] { options.validate(); }),
                AllOf(HasSubstr("--" + name + " "), HasSubstr(std::to_string(least)),
                      HasSubstr("got " + std::to_string(least - 1))));
  };
  refuses(&TrainingOptions::steps, 1, "steps");
  refuses(&TrainingOptions::random_steps, 0, "random-steps");
  refuses(&TrainingOptions::update_after, 1, "update-after");
  refuses(&TrainingOptions::update_every, 1, "update-every");
  refuses(&TrainingOptions::updates_per_round, 0, "updates-per-round");
  refuses(&TrainingOptions::replay, 1, "replay");
  refuses(&TrainingOptions::environments, 1, "environments");
  refuses(&TrainingOptions::evaluate_every, 0, "evaluate-every");
  refuses(&TrainingOptions::evaluation_episodes, 1, "evaluation-episodes");
}

TEST(RlTrainingOptions, TheyComeBackFromJson) {
  TrainingOptions options;
  std::int64_t next = 11;
  visit_training_fields(options,
                        [&](const char*, std::int64_t& value, const char*) { value = next++; });
  Json json = Json::object();
  visit_training_fields(options, JsonWriter{json});
  TrainingOptions back;
  visit_training_fields(back, JsonReader(json, "here"));
  std::int64_t expected = 11;
  visit_training_fields(back, [&](const char* name, std::int64_t value, const char*) {
    EXPECT_EQ(value, expected++) << name;
  });
  EXPECT_EQ(expected, 20);
}

}  // namespace
}  // namespace ergon
