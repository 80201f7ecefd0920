#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "engine_loader.hpp"
#include "rl/envs_request.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

constexpr const char* kColumns = "{:<34}{:>12}{:>8}{:>8}{:>11}  {}\n";

CommandShape envs_shape(bool& json) {
  CommandShape shape;
  shape.name = "envs";
  shape.description =
      "Lists the environments of 'ergon rl', or describes the one that is named: its version's "
      "rules, ranges, times, and the model behind it.";
  shape.positional = "[NAME]";
  shape.positional_help = "an environment, or a family such as Hopper; all of them without it";
  Field field = make_field("json", json);
  field.group = "Output";
  field.help = "print JSON";
  shape.fields.push_back(field);
  shape.examples = "  ergon envs Walker2d-v4\n";
  return shape;
}

std::string text(const Json& environment, const char* key) {
  return environment.at(key).get<std::string>();
}

void print_list(const Json& environments) {
  fmt::print(kColumns, "name", "observation", "action", "limit", "threshold", "task");
  for (const auto& environment : environments) {
    fmt::print(kColumns, text(environment, "name"), environment.at("observation_dim").dump(),
               environment.at("action_dim").dump(), environment.at("max_episode_steps").dump(),
               number(environment.at("reward_threshold")), text(environment, "summary"));
  }
}

void print_line(const char* label, const std::string& text) {
  fmt::print("  {:<16}{}\n", label, wrap(text, 82, 18));
}

/// "-1 to 1", or "-1 to 1, -0.4 to 0.4": every interval once.
std::string action_range(const Json& environment) {
  std::string range;
  const Json& low = environment.at("action_low");
  const Json& high = environment.at("action_high");
  for (std::size_t i = 0; i < low.size(); ++i) {
    const std::string interval =
        fmt::format("{} to {}", low[i].get<double>(), high[i].get<double>());
    if (range.find(interval) != std::string::npos) continue;
    range += (range.empty() ? "" : ", ") + interval;
  }
  return range;
}

void print_environment(const Json& environment, const std::string& mujoco_version) {
  fmt::print("{}\n", text(environment, "name"));
  print_line("task", text(environment, "summary"));
  print_line("rules", text(environment, "rules"));
  print_line("observation", environment.at("observation_dim").dump() + " numbers");
  const auto actions = environment.at("action_dim").get<std::int64_t>();
  print_line("action", fmt::format("{} number{} from {}", actions, actions == 1 ? "" : "s",
                                   action_range(environment)));
  print_line("episode", fmt::format("at most {} steps of {:.4g} s",
                                    environment.at("max_episode_steps").get<std::int64_t>(),
                                    environment.at("seconds_per_step").get<double>()));
  if (environment.at("reward_threshold").is_number())
    print_line("solved from", number(environment.at("reward_threshold")));
  if (environment.at("model").is_string()) {
    print_line("model", text(environment, "model"));
    print_line("SHA-256", text(environment, "model_hash"));
    print_line("simulator", "MuJoCo " + mujoco_version);
  }
}

}  // namespace

int run_envs_command(const std::vector<std::string>& arguments) {
  bool json = false;
  const CommandShape shape = envs_shape(json);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  EnvsRequest request;
  const auto name = words.find("name");
  if (name != words.end()) request.name = name->second;
  const int status = run_engine(EngineLibrary::kReinforcementLearning, kEnvsSymbol, request);
  if (status != kExitOk) return status;
  if (json) {
    const Json all = {{"mujoco", request.mujoco_version}, {"environments", request.environments}};
    fmt::print("{}\n", all.dump(2));
  } else if (request.name.empty()) {
    print_list(request.environments);
  } else {
    for (const auto& environment : request.environments)
      print_environment(environment, request.mujoco_version);
  }
  return kExitOk;
}

}  // namespace ergon::app
