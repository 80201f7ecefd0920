#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "ergon/core/errors.hpp"
#include "rl/rl_commands.hpp"

namespace ergon::app {
namespace {

using ::testing::HasSubstr;

TrainSettings settings_of(const std::vector<std::string>& words) { return train_settings(words); }

TrainSettings preset_settings(RlPreset preset) {
  return settings_of({"Walker2d-v4", "--preset", std::string(to_name(preset))});
}

TEST(AppRlPresets, EveryRecipeIsComplete) {
  for (const auto& preset : EnumNames<RlPreset>::all()) {
    const TrainSettings settings = preset_settings(preset.value);
    EXPECT_EQ(settings.preset, preset.value);
    EXPECT_NO_THROW(settings.validate());
    Json agent;
    visit_sac_fields(settings.sac, JsonWriter{agent});
    for (const auto& [option, value] : agent.items()) {
      const bool left_open =
          option == "target-entropy" ||
          (settings.sac.temperature == TemperatureRule::kFixed &&
           (option == "temperature-learning-rate" || option == "temperature-loss"));
      if (left_open) continue;
      EXPECT_THAT(preset_text(preset.value), HasSubstr("\n" + option + " = ")) << preset.name;
    }
  }
  EXPECT_EQ(preset_texts().size(), EnumNames<RlPreset>::all().size()) << "a file without a name";
}

// The numbers of the published programs.
TEST(AppRlPresets, SpinningUpHasABatchOf100AFixedTemperatureAndFiftyUpdatesEveryFiftySteps) {
  const TrainSettings settings = preset_settings(RlPreset::kSpinningUp);
  EXPECT_EQ(settings.sac.actor_hidden, (std::vector<std::int64_t>{256, 256}));
  EXPECT_EQ(settings.sac.batch, 100);
  EXPECT_EQ(settings.sac.actor_learning_rate, 1e-3);
  EXPECT_EQ(settings.sac.critic_learning_rate, 1e-3);
  EXPECT_EQ(settings.sac.temperature, TemperatureRule::kFixed);
  EXPECT_EQ(settings.sac.initial_temperature, 0.2);
  EXPECT_EQ(settings.sac.target_rate, 0.005);
  EXPECT_EQ(settings.training.random_steps, 10000);
  EXPECT_EQ(settings.training.update_after, 1000);
  EXPECT_EQ(settings.training.update_every, 50);
  EXPECT_EQ(settings.training.updates_per_round, 0) << "as many as steps";
  EXPECT_EQ(settings.training.evaluate_every, 4000);
}

TEST(AppRlPresets, S2acIsSpinningUpWithAThirdLayerInTheActor) {
  const TrainSettings settings = preset_settings(RlPreset::kS2ac);
  Json mine, other;
  visit_sac_fields(settings.sac, JsonWriter{mine});
  const TrainSettings spinning_up = preset_settings(RlPreset::kSpinningUp);
  visit_sac_fields(spinning_up.sac, JsonWriter{other});
  EXPECT_EQ(mine["actor-hidden"], Json::array({256, 256, 256}));
  mine.erase("actor-hidden");
  other.erase("actor-hidden");
  EXPECT_EQ(mine, other);
}

TEST(AppRlPresets, CleanrlLearnsTheTemperatureItselfAndDelaysTheActor) {
  const TrainSettings settings = preset_settings(RlPreset::kCleanrl);
  EXPECT_EQ(settings.sac.batch, 256);
  EXPECT_EQ(settings.sac.actor_learning_rate, 3e-4);
  EXPECT_EQ(settings.sac.critic_learning_rate, 1e-3);
  EXPECT_EQ(settings.sac.temperature_learning_rate, 1e-3);
  EXPECT_EQ(settings.sac.temperature_loss, TemperatureLoss::kTemperature);
  EXPECT_EQ(settings.sac.policy_delay, 2);
  EXPECT_EQ(settings.sac.log_stddev_map, LogStddevMap::kTanh);
  EXPECT_EQ(settings.sac.log_stddev_low, -5);
  EXPECT_EQ(settings.training.random_steps, 5000);
  EXPECT_EQ(settings.training.update_after, 5000);
}

TEST(AppRlPresets, StableBaselines3LearnsTheLogarithmOfTheTemperature) {
  const TrainSettings settings = preset_settings(RlPreset::kStableBaselines3);
  EXPECT_EQ(settings.sac.batch, 256);
  EXPECT_EQ(settings.sac.actor_learning_rate, 3e-4);
  EXPECT_EQ(settings.sac.critic_learning_rate, 3e-4);
  EXPECT_EQ(settings.sac.temperature_loss, TemperatureLoss::kLogTemperature);
  EXPECT_EQ(settings.sac.initial_temperature, 1.0);
  EXPECT_EQ(settings.sac.policy_delay, 1);
  EXPECT_EQ(settings.training.random_steps, 10000);
  EXPECT_EQ(settings.training.update_every, 1);
}

TEST(AppRlPresets, TheEnvironmentChoosesTheRecipeUnlessOneIsNamed) {
  EXPECT_EQ(settings_of({"Pendulum-v1"}).preset, RlPreset::kPendulum);
  EXPECT_EQ(settings_of({"Pendulum-v1"}).training.steps, 10000);
  EXPECT_EQ(settings_of({"Hopper-v4"}).preset, RlPreset::kStableBaselines3);
  EXPECT_EQ(settings_of({"Pendulum-v1", "--preset", "cleanrl"}).sac.batch, 256);
}

/// A file that is removed at the end.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) : path_(::testing::TempDir() + "rl_presets.toml") {
    std::ofstream(path_) << text;
  }
  ~ConfigFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(AppRlPresets, TheCommandLineIsOverTheFileAndTheFileOverTheRecipe) {
  const ConfigFile file(
      "[rl.train]\nenvironment = \"Hopper-v4\"\npreset = \"cleanrl\"\nbatch = 77\n"
      "discount = 0.9\nactor-hidden = [8, 9]\n");
  const TrainSettings settings = settings_of({"--config", file.path(), "--batch", "5"});
  EXPECT_EQ(settings.environment.name, "Hopper-v4");
  EXPECT_EQ(settings.sac.batch, 5) << "command line";
  EXPECT_EQ(settings.sac.discount, 0.9) << "file";
  EXPECT_EQ(settings.sac.actor_hidden, (std::vector<std::int64_t>{8, 9})) << "file";
  EXPECT_EQ(settings.sac.policy_delay, 2) << "recipe named in the file";
  EXPECT_EQ(settings.training.environments, 1) << "default";
  EXPECT_EQ(settings_of({"--config", file.path(), "--preset", "s2ac"}).sac.policy_delay, 1);
}

TEST(AppRlPresets, ATableOfAnotherCommandIsRefusedWithTheOneThatIsRead) {
  const ConfigFile file("[train]\nbatch = 5\n");
  try {
    settings_of({"Hopper-v4", "--config", file.path()});
    FAIL() << "was taken";
  } catch (const InvalidInput& error) {
    EXPECT_THAT(error.what(), HasSubstr("[rl.train]"));
  }
}

TEST(AppRlPresets, JsonHoldsEveryOption) {
  const TrainSettings settings =
      settings_of({"Hopper-v4", "--preset", "s2ac", "--actor-hidden", "7,8,9", "--target-entropy",
                   "-1.5", "--steps", "123", "--max-episode-steps", "45", "--seed",
                   "18446744073709551615", "--no-figures"});
  const Json json = to_json(settings);
  const TrainSettings back = train_settings_from_json(json, "test");
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.seed, 18446744073709551615ULL);
  EXPECT_EQ(back.sac.target_entropy, -1.5);
  EXPECT_EQ(back.sac.actor_hidden, (std::vector<std::int64_t>{7, 8, 9}));
  EXPECT_EQ(back.environment.max_episode_steps, 45);
  EXPECT_FALSE(back.figures);
  Json lacking = json;
  lacking["sac"].erase("batch");
  EXPECT_THROW(train_settings_from_json(lacking, "test"), InvalidInput);
}

TEST(AppRlPresets, TheFolderIsNamedInLowerCaseAfterEnvironmentAndRecipe) {
  EXPECT_EQ(train_folder_name(settings_of({"Walker2d-v4"})), "rl-walker2d-v4-stable-baselines3");
}

}  // namespace
}  // namespace ergon::app
