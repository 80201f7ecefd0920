#include <cstdio>
#include <filesystem>

#include "engine_loader.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "field.hpp"
#include "rl/agent_source.hpp"
#include "rl/export_request.hpp"
#include "rl/rl_commands.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  ExportRequest request;
  std::string agent;
  bool best = false;
  bool overwrite = false;
};

CommandShape export_shape(ExportOptions& options) {
  CommandShape shape;
  shape.name = "rl export";
  shape.description =
      "Writes a trained agent's policy for other programs, with the scaling of actions to the "
      "environment's own range inside: what goes in is the observation, what comes out is the "
      "action. TorchScript and ONNX also give mean and log standard deviation of the Gaussian.";
  shape.positional = "AGENT";
  shape.positional_help = "a run of 'ergon rl train', or a file such as agent.safetensors";
  shape.fields = {
      option_field("Export", "format", options.request.format, "what is written"),
      option_field("Export", "best", options.best,
                   "of a run, the policy of the best evaluation instead of the last"),
      option_field("Export", "out", options.request.out,
                   "the file (default: policy.pt, policy.onnx or policy.safetensors "
                   "beside the agent)"),
      option_field("Export", "overwrite", options.overwrite, "replace a file at --out")};
  shape.examples =
      "  ergon rl export out/rl-hopper-v4-cleanrl-seed1\n"
      "  ergon rl export out/walker/seed-0 --best --format onnx --out walker.onnx\n";
  return shape;
}

std::string agent_file(const ExportOptions& options) {
  require(!options.agent.empty(),
          "export which agent? give a run's folder or an agent.safetensors");
  const std::vector<AgentSource> sources = agent_sources(options.agent, options.best);
  require(sources.size() == 1, "{} holds {} runs; export one of them, such as {}", options.agent,
          sources.size(), sources.front().name);
  return sources.front().file;
}

void settle(ExportOptions& options) {
  ExportRequest& request = options.request;
  request.agent = agent_file(options);
  if (request.out.empty()) {
    request.out =
        (fs::path(request.agent).parent_path() / export_file_name(request.format)).string();
  }
  std::error_code error;
  require(!fs::equivalent(request.out, request.agent, error),
          "--out {} is the agent itself; choose another file", request.out);
  require(!fs::is_directory(request.out, error), "--out {} is a folder; give the file's name too",
          request.out);
  require(options.overwrite || !file_exists(request.out),
          "{} exists; replace it with --overwrite, or choose another file with --out", request.out);
}

void print_use(const ExportRequest& request) {
  fmt::print("{}\n", request.out);
  if (request.format == ExportFormat::kTorchScript) {
    fmt::print(
        "  forward(observation) -> action\n  sample(observation, noise) -> action\n"
        "  distribution(observation) -> mean, log_stddev\n");
  } else if (request.format == ExportFormat::kOnnx) {
    fmt::print("  observation -> action, mean, log_stddev\n");
  }
}

}  // namespace

int run_rl_export(const std::vector<std::string>& arguments) {
  ExportOptions options;
  const CommandShape shape = export_shape(options);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  const auto agent = words.find("agent");
  if (agent != words.end()) options.agent = agent->second;
  settle(options);
  ExportRequest& request = options.request;
  const int status =
      request.format == ExportFormat::kTorchScript
          ? run_engine(EngineLibrary::kTensors, kExportScriptSymbol, request)
          : run_engine(EngineLibrary::kReinforcementLearning, kExportSymbol, request);
  if (status == kExitOk) print_use(request);
  return status;
}

}  // namespace ergon::app
