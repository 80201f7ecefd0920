#include <cstdio>

#include "command_line.hpp"
#include "engine_loader.hpp"
#include "field.hpp"
#include "rl/render_request.hpp"
#include "rl/rl_commands.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

Field size_field(PictureSize& size) {
  Field made;
  made.name = "size";
  made.group = "Pictures";
  made.help = "columns and rows of a picture";
  made.value_word = "COLUMNSxROWS";
  made.default_text = fmt::format("{}x{}", size.columns, size.rows);
  made.set = [&size](const std::string& word) { size = picture_size(word); };
  return made;
}

CommandShape render_shape(RenderRequest& request, bool& json) {
  CommandShape shape;
  shape.name = "rl render";
  shape.description =
      "Runs episodes of AGENT and draws them, on the CPU and without a display: strip.png, "
      "pictures "
      "of the first episode side by side; animation.png, which browsers play; episode.csv; in "
      "multigoal planes also trajectories.png. AGENT is the folder of an 'ergon rl train', an "
      "agent.safetensors, or, with --policy random or zero, an environment of 'ergon envs'.";
  shape.positional = "[AGENT]";
  shape.positional_help = "a run's folder, an agent's file, or an environment";
  shape.fields = {
      option_field("Episodes", "policy", request.policy, "what acts"),
      option_field("Episodes", "mode", request.mode, "how a trained agent acts"),
      option_field("Episodes", "episodes", request.episodes, "how many; the first one is drawn"),
      option_field("Episodes", "steps", request.steps,
                   "most steps of an episode (0: the environment's own limit)"),
      option_field("Episodes", "seed", request.seed, "of starts and of sampled actions"),
      option_field("Pictures", "frames", request.frames, "pictures in strip.png"),
      size_field(request.size),
      option_field("Pictures", "animation", request.animation,
                   "pictures a second in animation.png (0: no animation; default: 25, and 6 in the "
                   "multigoal planes)"),
      option_field("Pictures", "animation-seconds", request.animation_seconds,
                   "longest animation, from the episode's start"),
      option_field("Output", "out", request.out,
                   "folder (default: out/render-ENVIRONMENT-POLICY, -2, -3, … when taken)"),
      option_field("Output", "overwrite", request.overwrite, "replace earlier pictures in --out"),
      option_field("Output", "json", json, "print render.json instead of the table"),
      option_field("Output", "quiet", request.quiet, "no progress on standard error")};
  shape.examples =
      "  ergon rl render Walker2d-v4 --policy random\n"
      "  ergon rl render out/rl-pendulum-v1-pendulum-seed0\n";
  return shape;
}

constexpr std::size_t kMostLines = 10;

void print_episodes(const Json& episodes) {
  fmt::print("{:<10}{:>14}{:>10}  {}\n", "episode", "return", "steps", "end");
  for (std::size_t i = 0; i < episodes.size() && i < kMostLines; ++i) {
    fmt::print("{:<10}{:>14}{:>10}  {}\n", i + 1, number(episodes[i].at("return")),
               episodes[i].at("steps").dump(),
               episodes[i].at("terminated").get<bool>() ? "a final state" : "the step limit");
  }
  if (episodes.size() > kMostLines) fmt::print("… {} more\n", episodes.size() - kMostLines);
}

void print_plane(const Json& plane) {
  for (const auto& goal : plane.at("goals")) {
    fmt::print("goal ({}, {}): {} episodes\n", number(goal.at("x")), number(goal.at("y")),
               goal.at("episodes").dump());
  }
  fmt::print("no goal: {} episodes; met a wall: {}\n", plane.at("missed").dump(),
             plane.at("hit_a_wall").dump());
}

void print_result(const Json& result, const std::string& folder) {
  fmt::print("{}, {}, seed {}\n", result.at("environment").get<std::string>(),
             result.at("policy").get<std::string>(), result.at("seed").dump());
  print_episodes(result.at("episodes"));
  const Json& mean = result.at("mean_return");
  if (mean.at("standard_error").is_number())
    fmt::print("mean return {} ± {}\n", number(mean.at("value")),
               number(mean.at("standard_error")));
  if (result.contains("plane")) print_plane(result.at("plane"));
  for (const auto& warning : result.at("warnings"))
    fmt::print("{}", labelled_line("warning", warning.get<std::string>()));
  std::string files;
  for (const auto& file : result.at("files")) {
    files += (files.empty() ? "" : ", ") + file.get<std::string>();
  }
  fmt::print("{:<16}{}/{}\n", "files", folder, files);
}

}  // namespace

int run_rl_render(const std::vector<std::string>& arguments) {
  RenderRequest request;
  bool json = false;
  const CommandShape shape = render_shape(request, json);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  const auto subject = words.find("agent");
  if (subject != words.end()) request.subject = subject->second;
  request.validate();
  const int status = run_engine(EngineLibrary::kReinforcementLearning, kRenderSymbol, request);
  if (status != kExitOk) return status;
  if (json) {
    fmt::print("{}\n", request.result.dump(2));
  } else {
    print_result(request.result, request.out);
  }
  return kExitOk;
}

}  // namespace ergon::app
