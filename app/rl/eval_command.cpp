#include <cstdio>

#include "engine_loader.hpp"
#include "ergon/core/files.hpp"
#include "field.hpp"
#include "rl/eval_request.hpp"
#include "rl/rl_commands.hpp"
#include "sample_request.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

constexpr const char* kColumns = "{:<30}{:>12}{:>10}{:>12}{:>24}{:>12}{:>12}{:>9}{:>12}\n";

CommandShape eval_shape(EvalRequest& request, bool& json) {
  CommandShape shape;
  shape.name = "rl eval";
  shape.description =
      "Judges trained agents by whole episodes: mean return with its standard error, interquartile "
      "mean with a bootstrap interval, least and greatest, length, and how many episodes ended in "
      "a final state rather than at the time limit. Several agents have the same starts.";
  shape.positional = "AGENT…";
  shape.positional_help =
      "runs of 'ergon rl train', folders of runs, or files such as agent.safetensors";
  shape.fields = {
      option_field("Agents", "best", request.best,
                   "of runs, the policy of the best evaluation instead of the last one"),
      option_field(
          "Episodes", "environment", request.environment,
          "one of 'ergon envs' (default: the agent's own; with it, another model than the one it "
          "was trained on is allowed)"),
      option_field(
          "Episodes", "max-episode-steps", request.max_episode_steps,
          "steps after which an episode is truncated (0: as in the agent's run, else as the "
          "environment says)"),
      option_field("Episodes", "episodes", request.episodes, "episodes of each agent in each mode"),
      option_field("Episodes", "mode", request.modes, "how the agents act"),
      option_field("Episodes", "seed", request.seed, "of starts and of sampled actions"),
      option_field("Episodes", "jobs", request.jobs,
                   "threads, over agents and modes; the numbers do not depend on it"),
      option_field("Output", "out", request.out,
                   "folder (default: out/rl-eval, -2, -3, … when taken)"),
      option_field("Output", "overwrite", request.overwrite,
                   "replace an earlier evaluation in --out"),
      option_field("Output", "json", json,
                   "print result.json, and nothing else, on standard output"),
      option_field("Output", "quiet", request.quiet, "no progress on standard error")};
  shape.examples =
      "  ergon rl eval out/rl-hopper-v4-cleanrl-seed1\n"
      "  ergon rl eval out/walker --best --episodes 20 --jobs 2\n"
      "  ergon rl eval agent.safetensors --environment Walker2d-v5 --mode deterministic\n";
  return shape;
}

std::string interval_of(const Json& mean) {
  const Json& ends = mean.at("interval");
  return fmt::format("{} to {}", number(ends[0]), number(ends[1]));
}

std::string mode_line(const char* mode, const Json& returns) {
  if (!returns.is_object()) return "";
  const Json& middle = returns.at("interquartile_mean");
  return fmt::format(kColumns, fmt::format("  {}", mode), number(returns.at("value")),
                     number(returns.at("standard_error")), number(middle.at("value")),
                     interval_of(middle), number(returns.at("min")), number(returns.at("max")),
                     number(returns.at("mean_length")),
                     fmt::format("{:.0f} %", 100 * returns.at("terminated_share").get<double>()));
}

std::string all_line(const char* mode, const Json& mean) {
  if (!mean.is_object()) return "";
  return fmt::format(kColumns, fmt::format("  {}", mode), "", "", number(mean.at("value")),
                     interval_of(mean), "", "", "", "");
}

std::string eval_table(const Json& result, const std::string& folder) {
  const Json& agents = result.at("agents");
  std::string text = fmt::format(kColumns, "", "mean return", "s.e.", "IQM", "95 % interval", "min",
                                 "max", "length", "terminated");
  for (const Json& agent : agents) {
    const Json& trained = agent.at("trained");
    text += fmt::format("{}: {}, {} after {} steps, seed {}\n", agent.at("name").get<std::string>(),
                        agent.at("environment").at("name").get<std::string>(),
                        trained.at("algorithm").get<std::string>(),
                        grouped(trained.at("steps").get<std::int64_t>()),
                        trained.at("seed").get<std::uint64_t>());
    text += mode_line("deterministic", agent.at("deterministic")) +
            mode_line("stochastic", agent.at("stochastic"));
  }
  const Json& all = result.at("all");
  if (all.is_object()) {
    text += fmt::format("all {} agents, of their mean returns\n", agents.size()) +
            all_line("deterministic", all.at("deterministic")) +
            all_line("stochastic", all.at("stochastic"));
  }
  for (const auto& warning : result.at("warnings"))
    text += labelled_line("warning", warning.get<std::string>());
  return text + fmt::format("{:<16}{}/result.json, returns.csv\n", "files", folder);
}

}  // namespace

int run_rl_eval(const std::vector<std::string>& arguments) {
  EvalRequest request;
  bool json = false;
  const CommandShape shape = eval_shape(request, json);
  const SplitArguments split = split_arguments(shape, arguments);
  const Words words = parse_words(shape, split.options);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  for (const std::string& subject : split.subjects) {
    for (AgentSource& source : agent_sources(subject, request.best))
      request.agents.push_back(std::move(source));
  }
  request.validate();
  const int status = run_engine(EngineLibrary::kReinforcementLearning, kEvalSymbol, request);
  if (status != kExitOk) return status;
  const std::string text = read_file(result_path(request.out));
  std::fputs(json ? text.c_str() : eval_table(Json::parse(text), request.out).c_str(), stdout);
  return kExitOk;
}

}  // namespace ergon::app
