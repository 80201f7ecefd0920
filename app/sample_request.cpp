#include "sample_request.hpp"

#include "checkpoint_options.hpp"
#include "ergon/core/files.hpp"
#include "ergon/sampler/option_fields.hpp"

namespace ergon::app {
namespace {

constexpr const char* kCheckpointFormat = "ergon-sample-checkpoint/2";

std::string name_of(const Json& json, const std::string& context) {
  require(json.contains("name") && json.at("name").is_string(), "{}: lacks a name", context);
  return json.at("name").get<std::string>();
}

}  // namespace

bool names_a_file(const std::string& target_option) {
  return target_option == "data" || target_option == "covariance-file" ||
         target_option == "means-file" || target_option == "weights-file" ||
         target_option == "model";
}

void MetricOptions::validate() const {
  require(draws >= 25 && draws <= 5000, "--metric-draws must be between 25 and 5000, got {}",
          draws);
  require(reference.empty() || file_exists(reference), "--reference-draws: there is no file {}",
          reference);
}

bool records_flow(const RunSettings& settings) {
  return settings.flow.estimate == EstimateSource::kFlow && makes_maps(settings.sampler.kind);
}

std::string target_text(const TargetOptions& options) {
  Json given;
  Json defaults;
  visit_target_fields(options, JsonWriter{given});
  const TargetOptions untouched;
  visit_target_fields(untouched, JsonWriter{defaults});
  std::string text = options.name;
  for (const auto& [name, value] : given.items()) {
    if (value == defaults.at(name)) continue;
    text +=
        fmt::format(" --{} {}", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

Json sampler_to_json(const SamplerOptions& options) {
  Json json;
  json["name"] = std::string(to_name(options.kind));
  visit_sampler_fields(options, JsonWriter{json});
  return json;
}

SamplerOptions sampler_from_json(const Json& json, const std::string& context) {
  SamplerOptions options;
  options.kind = from_name<SamplerKind>(context + ": sampler", name_of(json, context));
  visit_sampler_fields(options, JsonReader(json, context));
  return options;
}

Json to_json(const RunSettings& settings) {
  Json target;
  target["name"] = settings.target.name;
  visit_target_fields(settings.target, JsonWriter{target});
  Json fit;
  visit_fit_fields(settings.fit, JsonWriter{fit});
  Json estimate;
  visit_flow_fields(settings.flow, JsonWriter{estimate});
  Json run;
  run["seed"] = settings.seed;
  run["threads"] = settings.threads;
  run["figures"] = settings.figures;
  run["animate"] = settings.animate;
  run["fitted"] = settings.fitted;
  run["fitted_target"] = settings.fitted_target;
  Json json;
  json["target"] = target;
  json["sampler"] = sampler_to_json(settings.sampler);
  json["flow"] = nullptr;
  if (settings.sampler.kind == SamplerKind::kFlow)
    visit_normalizing_flow_fields(settings.normalizing_flow, JsonWriter{json["flow"]});
  json["fit"] = fit;
  json["estimate"] = estimate;
  visit_metric_fields(settings.metrics, JsonWriter{json["metrics"]});
  json["run"] = run;
  return json;
}

RunSettings settings_from_json(const Json& json, const std::string& context) {
  RunSettings settings;
  const Json& target = block(json, "target", context);
  settings.target.name = name_of(target, context);
  visit_target_fields(settings.target, JsonReader(target, context));
  settings.sampler = sampler_from_json(block(json, "sampler", context), context);
  if (settings.sampler.kind == SamplerKind::kFlow)
    visit_normalizing_flow_fields(settings.normalizing_flow,
                                  JsonReader(block(json, "flow", context), context));
  visit_fit_fields(settings.fit, JsonReader(block(json, "fit", context), context));
  visit_flow_fields(settings.flow, JsonReader(block(json, "estimate", context), context));
  visit_metric_fields(settings.metrics, JsonReader(block(json, "metrics", context), context));
  const Json& run = block(json, "run", context);
  settings.seed = entry<std::uint64_t>(run, "seed", context);
  settings.threads = entry<int>(run, "threads", context);
  settings.figures = entry<bool>(run, "figures", context);
  settings.animate = entry<bool>(run, "animate", context);
  settings.fitted = entry<std::string>(run, "fitted", context);
  settings.fitted_target = entry<std::string>(run, "fitted_target", context);
  return settings;
}

std::string why_nothing_is_estimated(const Json& result) {
  const bool asked_for_flow =
      result.at("options").at("estimate").at("estimate") == to_name(EstimateSource::kFlow);
  const auto sampler = result.at("sampler").at("name").get<std::string>();
  if (asked_for_flow && makes_maps(from_name<SamplerKind>("sampler", sampler)))
    return "The flow's draws failed, and nothing is estimated: the warnings say why.";
  return "This sampler tracks no density: log Z, entropy and ELBO are not estimated.";
}

std::string standardized_error(const Json& estimate, const Json& known) {
  const Json& value = estimate.at("estimate");
  const Json& error = estimate.at("standard_error");
  if (!known.is_number() || !value.is_number() || !error.is_number()) return "-";
  if (error.get<double>() <= 0) return "-";
  return fmt::format("{:+.1f}", (value.get<double>() - known.get<double>()) / error.get<double>());
}

Json read_json_file(const std::string& path) {
  const std::string text = read_file(path);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception&) {
    fail("{}: is not valid JSON; it is damaged or was not written by this program", path);
  }
}

std::string result_path(const std::string& folder) { return folder + "/result.json"; }
std::string checkpoint_folder(const std::string& folder) { return folder + "/checkpoint"; }
std::string checkpoint_options_path(const std::string& folder) {
  return checkpoint_folder(folder) + "/options.json";
}
std::string checkpoint_state_path(const std::string& folder) {
  return checkpoint_folder(folder) + "/state.npz";
}

RunSettings read_checkpoint_settings(const std::string& folder) {
  const std::string path = checkpoint_options_path(folder);
  const Json json = read_checkpoint_options(folder, kCheckpointFormat);
  RunSettings settings = settings_from_json(block(json, "options", path), path);
  require_same_inputs(json, input_paths(settings.target), folder);
  return settings;
}

void write_checkpoint_settings(const std::string& folder, const RunSettings& settings) {
  write_checkpoint_options(folder, kCheckpointFormat, to_json(settings),
                           input_paths(settings.target));
}

}  // namespace ergon::app
