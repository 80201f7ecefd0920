#include "ergon/rl/sac_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "ergon/core/errors.hpp"
#include "ergon/core/option_json.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

/// The message with which the changed options are refused, or "" when they are not.
std::string refusal_of(const std::function<void(SacOptions&)>& change) {
  SacOptions options;
  change(options);
  try {
    options.validate();
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return "";
}

TEST(RlSacOptions, TheirDefaultsAreValid) { EXPECT_NO_THROW(SacOptions().validate()); }

TEST(RlSacOptions, EachFieldIsRefusedOutsideItsRangeByItsName) {
  const double nan = std::nan(""), infinite = INFINITY;
  const struct {
    const char* name;
    std::function<void(SacOptions&)> change;
  } cases[] = {{"--actor-hidden", [](SacOptions& o) { o.actor_hidden = {}; }},
               {"--actor-hidden",
                [](SacOptions& o) {
                  o.actor_hidden = {64, 0};
                }},
               {"--critic-hidden", [](SacOptions& o) { o.critic_hidden = {1 << 20}; }},
               {"--batch", [](SacOptions& o) { o.batch = 0; }},
               {"--actor-learning-rate", [](SacOptions& o) { o.actor_learning_rate = 0; }},
               {"--critic-learning-rate", [=](SacOptions& o) { o.critic_learning_rate = nan; }},
               {"--discount", [](SacOptions& o) { o.discount = 1; }},
               {"--discount", [](SacOptions& o) { o.discount = -0.1; }},
               {"--target-rate", [](SacOptions& o) { o.target_rate = 0; }},
               {"--target-rate", [](SacOptions& o) { o.target_rate = 1.01; }},
               {"--initial-temperature", [](SacOptions& o) { o.initial_temperature = 0; }},
               {"--temperature-learning-rate",
                [=](SacOptions& o) { o.temperature_learning_rate = infinite; }},
               {"--target-entropy", [=](SacOptions& o) { o.target_entropy = infinite; }},
               {"--log-stddev-low", [=](SacOptions& o) { o.log_stddev_low = nan; }},
               {"--log-stddev-high", [](SacOptions& o) { o.log_stddev_high = o.log_stddev_low; }},
               {"--policy-delay", [](SacOptions& o) { o.policy_delay = 0; }}};
  for (const auto& entry : cases) {
    EXPECT_THAT(refusal_of(entry.change), HasSubstr(entry.name)) << entry.name;
  }
}

TEST(RlSacOptions, EndsOfTheRangesAreTaken) {
  EXPECT_EQ(refusal_of([](SacOptions& o) { o.discount = 0; }), "");
  EXPECT_EQ(refusal_of([](SacOptions& o) { o.target_rate = 1; }), "");
  EXPECT_EQ(refusal_of([](SacOptions& o) { o.batch = 1; }), "");
  EXPECT_EQ(refusal_of([](SacOptions& o) { o.target_entropy = -3; }), "");
}

TEST(RlSacOptions, GoThroughJsonUnchanged) {
  SacOptions options;
  options.actor_hidden = {64, 32, 16};
  options.activation = MlpActivation::kElu;
  options.actor_learning_rate = 1.0 / 3.0;
  options.temperature = TemperatureRule::kFixed;
  options.temperature_loss = TemperatureLoss::kTemperature;
  options.target_entropy = -2.5;
  options.log_stddev_map = LogStddevMap::kTanh;
  options.policy_delay = 2;
  Json json;
  visit_sac_fields(options, JsonWriter{json});
  SacOptions read;
  const Json parsed = Json::parse(json.dump());
  JsonReader reader(parsed, "test");
  visit_sac_fields(read, reader);
  EXPECT_EQ(read.actor_hidden, options.actor_hidden);
  EXPECT_EQ(read.activation, options.activation);
  EXPECT_EQ(read.actor_learning_rate, options.actor_learning_rate);
  EXPECT_EQ(read.temperature, options.temperature);
  EXPECT_EQ(read.temperature_loss, options.temperature_loss);
  EXPECT_EQ(read.target_entropy, options.target_entropy);
  EXPECT_EQ(read.log_stddev_map, options.log_stddev_map);
  EXPECT_EQ(read.policy_delay, options.policy_delay);
  Json again;
  visit_sac_fields(read, JsonWriter{again});
  EXPECT_EQ(again, json);
}

}  // namespace
}  // namespace ergon::testing
