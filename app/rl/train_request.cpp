#include "rl/train_request.hpp"

#include <algorithm>
#include <cctype>

#include "checkpoint_options.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

constexpr const char* kCheckpointFormat = "ergon-rl-train-checkpoint/1";

}  // namespace

void TrainSettings::validate() const {
  require(environment.max_episode_steps >= 0, "--max-episode-steps must not be negative, got {}",
          environment.max_episode_steps);
  sac.validate();
  training.validate();
}

Json to_json(const TrainSettings& settings) {
  Json json;
  json["environment"] = {{"name", settings.environment.name},
                         {"max-episode-steps", settings.environment.max_episode_steps}};
  visit_sac_fields(settings.sac, JsonWriter{json["sac"]});
  visit_training_fields(settings.training, JsonWriter{json["training"]});
  json["run"] = {{"preset", to_json_value(settings.preset)},
                 {"seed", settings.seed},
                 {"figures", settings.figures}};
  return json;
}

TrainSettings train_settings_from_json(const Json& json, const std::string& context) {
  TrainSettings settings;
  const Json& environment = block(json, "environment", context);
  settings.environment.name = entry<std::string>(environment, "name", context);
  settings.environment.max_episode_steps =
      entry<std::int64_t>(environment, "max-episode-steps", context);
  visit_sac_fields(settings.sac, JsonReader(block(json, "sac", context), context));
  visit_training_fields(settings.training, JsonReader(block(json, "training", context), context));
  const Json& run = block(json, "run", context);
  settings.preset =
      from_name<RlPreset>(context + ": preset", entry<std::string>(run, "preset", context));
  settings.seed = entry<std::uint64_t>(run, "seed", context);
  settings.figures = entry<bool>(run, "figures", context);
  return settings;
}

std::string train_folder_name(const TrainSettings& settings) {
  std::string name = fmt::format("rl-{}-{}", settings.environment.name, to_name(settings.preset));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' ? std::tolower(c) : '-';
  });
  return name;
}

std::string training_state_path(const std::string& folder) {
  return checkpoint_folder(folder) + "/state.safetensors";
}
std::string failed_state_path(const std::string& folder) {
  return checkpoint_folder(folder) + "/state-at-failure.safetensors";
}

std::string training_seconds_path(const std::string& folder) {
  return checkpoint_folder(folder) + "/seconds.json";
}

std::string agent_path(const std::string& folder) { return folder + "/agent.safetensors"; }

std::string best_agent_path(const std::string& folder) {
  return folder + "/best-agent.safetensors";
}

TrainSettings read_train_checkpoint(const std::string& folder) {
  const std::string path = checkpoint_options_path(folder);
  const Json json = read_checkpoint_options(folder, kCheckpointFormat);
  return train_settings_from_json(block(json, "options", path), path);
}

void write_train_checkpoint(const std::string& folder, const TrainSettings& settings) {
  write_checkpoint_options(folder, kCheckpointFormat, to_json(settings), {});
}

}  // namespace ergon::app
