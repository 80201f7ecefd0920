#include "earlier_fit.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "ergon/core/files.hpp"
#include "ergon/core/npz.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOptionsMember = "options";  // of a normalizing flow's file

/// A normalizing flow in a file.
struct StoredFlow {
  NormalizingFlowOptions options;
  Precision precision = Precision::kDouble;
};

/// The normalizing flow in an .npz; none: it holds no such flow.
std::optional<StoredFlow> flow_in_file(const std::string& path) {
  const std::vector<NpzArray> arrays = read_npz(path);
  const auto found = std::find_if(arrays.begin(), arrays.end(), [](const NpzArray& array) {
    return array.name == kOptionsMember && array.type == ElementType::kUInt8;
  });
  if (found == arrays.end()) return std::nullopt;
  const Json json = Json::parse(found->bytes.begin(), found->bytes.end(), nullptr, false);
  require(!json.is_discarded(), "{}: the description of its flow is damaged", path);
  StoredFlow flow;
  visit_normalizing_flow_fields(flow.options, JsonReader(json, path));
  std::string type;
  JsonReader(json, path)("type", type, "");
  if (type == "float32") flow.precision = Precision::kSingle;
  return flow;
}

bool is_flow_run(const RunSettings& settings) {
  return settings.sampler.kind == SamplerKind::kFlow;
}

/// The settings in the description of a fit.
RunSettings described(const std::string& path) {
  const Json json = read_json_file(path);
  require(json.is_object() && json.contains("options"), "{}: is not the description of a fit",
          path);
  RunSettings settings = settings_from_json(json.at("options"), path);
  settings.fit.iterations = 0;
  return settings;
}

Json flow_json(const NormalizingFlowOptions& options) {
  Json json;
  visit_normalizing_flow_fields(options, JsonWriter{json});
  return json;
}

/// A flow.npz, with the fit.json that `ergon sample` writes beside it or without.
EarlierFit read_flow(const fs::path& path, const StoredFlow& flow) {
  const std::string description = (path.parent_path() / "fit.json").string();
  if (file_exists(description)) {
    const RunSettings settings = described(description);
    if (is_flow_run(settings)) {
      require(flow_json(settings.normalizing_flow) == flow_json(flow.options),
              "--fitted: {} describes another flow than that of {}; keep a fit's files together",
              description, path.string());
      return {path.string(), settings};
    }
  }
  EarlierFit fit;
  fit.parameters_path = path.string();
  fit.settings.sampler = sampler_preset(SamplerKind::kFlow);
  fit.settings.sampler.precision = flow.precision;
  fit.settings.normalizing_flow = flow.options;
  fit.target_known = false;
  return fit;
}

/// The parameters of a fit in a run's folder.
fs::path parameters_in(const fs::path& folder) {
  const fs::path flow = folder / "flow.npz";
  if (!file_exists((folder / "fit.npz").string()) && file_exists(flow.string())) return flow;
  return folder / "fit.npz";
}

/// Options that say where parameters start, which a fit has moved on from.
std::vector<std::string> replaced_by_fit(const SamplerOptions& options) {
  if (options.kind == SamplerKind::kFlow) return {};
  std::vector<std::string> names = {"initial-mean", "initial-stddev", "initial-spread"};
  if (options.bandwidth.rule == BandwidthRule::kLearned ||
      options.bandwidth.rule == BandwidthRule::kLearnedPerStep) {
    names.emplace_back("bandwidth-value");
  }
  if (options.step_size.rule == StepSizeRule::kLearned ||
      options.step_size.rule == StepSizeRule::kLearnedPerStep ||
      options.step_size.rule == StepSizeRule::kLearnedBoundFraction) {
    names.emplace_back("step-size-value");
  }
  return names;
}

/// What the learned parameters are shaped by, or mean something with. The coordinates of a flow
/// are known with its target alone.
std::vector<std::string> shaping_options(const SamplerOptions& options, bool target_known) {
  if (options.kind == SamplerKind::kFlow && !target_known) return {};
  if (options.kind == SamplerKind::kFlow) return {"initial-mean", "initial-stddev"};
  std::vector<std::string> names = {"initial",     "initial-components", "bandwidth",
                                    "step-size",   "bandwidth-hidden",   "step-size-hidden",
                                    "precondition"};
  if (options.bandwidth.rule == BandwidthRule::kLearnedPerStep ||
      options.step_size.rule == StepSizeRule::kLearnedPerStep ||
      options.step_size.rule == StepSizeRule::kLearnedBoundFraction) {
    names.emplace_back("steps");
  }
  // A network multiplies the value, which is not among the learned parameters.
  if (options.bandwidth.rule == BandwidthRule::kNetwork) names.emplace_back("bandwidth-value");
  if (options.step_size.rule == StepSizeRule::kNetwork) names.emplace_back("step-size-value");
  return names;
}

void require_as_fitted(const std::vector<std::string>& names, const Json& before, const Json& now) {
  for (const auto& name : names) {
    require(before.at(name) == now.at(name),
            "--fitted: the parameters were fitted with --{} {}, the run asks for {}; leave the "
            "option out or fit again",
            name, before.at(name).dump(), now.at(name).dump());
  }
}

}  // namespace

EarlierFit read_earlier_fit(const std::string& folder_or_file) {
  fs::path path = folder_or_file;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) path = parameters_in(path);
  require(file_exists(path.string()),
          "--fitted: there is no {}; give the folder of a run made with --fit, its fit.npz, or the "
          "flow.npz of a normalizing flow",
          path.string());
  if (const auto flow = flow_in_file(path.string())) return read_flow(path, *flow);
  const std::string description = fs::path(path).replace_extension(".json").string();
  require(
      file_exists(description),
      "--fitted: there is no {} beside the parameters; it says which options they were fitted with",
      description);
  const RunSettings settings = described(description);
  require(!is_flow_run(settings), "--fitted: {} holds no normalizing flow; give its flow.npz",
          path.string());
  return {path.string(), settings};
}

void check_against_fit(const EarlierFit& fit, const RunSettings& settings) {
  const Json before = sampler_to_json(fit.settings.sampler);
  const Json now = sampler_to_json(settings.sampler);
  require_as_fitted(shaping_options(settings.sampler, fit.target_known), before, now);
  if (is_flow_run(settings)) {
    std::vector<std::string> names;
    const Json flow = flow_json(settings.normalizing_flow);
    for (const auto& entry : flow.items()) names.push_back(entry.key());
    require_as_fitted(names, flow_json(fit.settings.normalizing_flow), flow);
  }
  for (const auto& name : replaced_by_fit(settings.sampler)) {
    require(before.at(name) == now.at(name),
            "--fitted: --{} {} would change nothing, since the fitted parameters take its place; "
            "leave the option out or fit again",
            name, now.at(name).dump());
  }
}

}  // namespace ergon::app
