#include "fit_flow_request.hpp"

#include <cctype>
#include <filesystem>
#include <fstream>

#include "checkpoint_options.hpp"
#include "ergon/core/files.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpointFormat = "ergon-fit-flow-checkpoint/1";

InputPaths paths_of(const FitFlowSettings& settings) {
  InputPaths paths = input_paths(settings.target);
  paths.emplace_back("samples", settings.data.samples);
  paths.emplace_back("held-out-samples", settings.data.held_out_samples);
  paths.emplace_back("test-samples", settings.data.test_samples);
  return paths;
}

/// "patients" of "data/patients.csv.gz", with nothing that a folder's name should not have.
std::string stem_of(const std::string& path) {
  std::string stem = fs::path(path).filename().string();
  stem = stem.substr(0, stem.find('.', 1));
  for (char& c : stem) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_') c = '-';
  }
  return stem;
}

}  // namespace

SamplesKind samples_kind(const std::string& path) {
  std::error_code error;
  require(fs::exists(path, error), "--samples: there is no file {}", path);
  require(!fs::is_directory(path, error), "--samples: {} is a folder; give a CSV, NPZ or IDX file",
          path);
  std::ifstream file(path, std::ios::binary);
  char first[4] = {};
  file.read(first, sizeof first);
  require(file.gcount() > 0, "--samples: {} is empty or cannot be read", path);
  const std::string_view bytes(first, static_cast<std::size_t>(file.gcount()));
  if (bytes.substr(0, 2) == "PK") return SamplesKind::kArrays;
  // IDX begins with two zero bytes, gzip with 1f 8b (RFC 1952).
  const bool image = bytes.substr(0, 2) == std::string_view("\0\0", 2) ||
                     bytes.substr(0, 2) == std::string_view("\x1f\x8b", 2);
  return image ? SamplesKind::kImages : SamplesKind::kTable;
}

void FlowDataOptions::validate() const {
  require(image_pool >= 1, "--image-pool must be at least 1, got {}", image_pool);
  require(held_out_share > 0 && held_out_share < 1,
          "--held-out-share must be between 0 and 1, got {}", held_out_share);
  require(train_draws == 0 || train_draws >= 2, "--train-draws must be at least 2, got {}",
          train_draws);
}

Json to_json(const FitFlowSettings& settings) {
  Json json;
  json["target"] = {{"name", settings.target.name}};
  visit_target_fields(settings.target, JsonWriter{json["target"]});
  visit_flow_data_fields(settings.data, JsonWriter{json["data"]});
  visit_normalizing_flow_fields(settings.flow, JsonWriter{json["flow"]});
  visit_normalizing_flow_fit_fields(settings.fit, JsonWriter{json["fit"]});
  visit_fit_flow_fields(settings, JsonWriter{json["run"]});
  json["run"]["seed"] = settings.seed;
  json["run"]["threads"] = settings.threads;
  json["run"]["figures"] = settings.figures;
  return json;
}

FitFlowSettings fit_flow_settings_from_json(const Json& json, const std::string& context) {
  FitFlowSettings settings;
  const Json& target = block(json, "target", context);
  settings.target.name = entry<std::string>(target, "name", context);
  visit_target_fields(settings.target, JsonReader(target, context));
  visit_flow_data_fields(settings.data, JsonReader(block(json, "data", context), context));
  visit_normalizing_flow_fields(settings.flow, JsonReader(block(json, "flow", context), context));
  visit_normalizing_flow_fit_fields(settings.fit, JsonReader(block(json, "fit", context), context));
  const Json& run = block(json, "run", context);
  visit_fit_flow_fields(settings, JsonReader(run, context));
  settings.seed = entry<std::uint64_t>(run, "seed", context);
  settings.threads = entry<int>(run, "threads", context);
  settings.figures = entry<bool>(run, "figures", context);
  return settings;
}

std::string fit_flow_folder_name(const FitFlowSettings& settings) {
  const std::string subject =
      settings.has_target() ? settings.target.name : stem_of(settings.data.samples);
  return fmt::format("{}-{}", subject, to_name(settings.flow.architecture));
}

std::vector<LabelledEstimate> fit_flow_estimates(const Json& result) {
  const std::pair<const char*, const char*> names[] = {
      {"log_z", "log Z"},
      {"entropy", "entropy"},
      {"elbo", "ELBO"},
      {"eubo", "EUBO"},
      {"reverse_kl", "KL(q||p)"},
      {"forward_kl", "KL(p||q)"},
      {"forward_ess_share", "forward ESS"},
      {"negative_log_likelihood", "NLL"},
      {"train_negative_log_likelihood", "NLL, training"},
      {"nll_minus_entropy", "NLL - entropy"},
      {"bits_per_dimension", "bits/dimension"}};
  const Json& target = result.at("target");
  std::vector<LabelledEstimate> found;
  for (const auto& [key, label] : names) {
    if (!result.at(key).is_object()) continue;
    const bool is_known = target.is_object() && target.contains(key);
    found.push_back({label, result.at(key), is_known ? target.at(key) : Json(nullptr)});
  }
  return found;
}

FitFlowSettings read_fit_flow_checkpoint(const std::string& folder) {
  const std::string path = checkpoint_options_path(folder);
  const Json json = read_checkpoint_options(folder, kCheckpointFormat);
  FitFlowSettings settings = fit_flow_settings_from_json(block(json, "options", path), path);
  require_same_inputs(json, paths_of(settings), folder);
  return settings;
}

void write_fit_flow_checkpoint(const std::string& folder, const FitFlowSettings& settings) {
  write_checkpoint_options(folder, kCheckpointFormat, to_json(settings), paths_of(settings));
}

}  // namespace ergon::app
