#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "engine_loader.hpp"
#include "ergon/core/files.hpp"
#include "fit_flow_table.hpp"
#include "sample_request.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kDrawsWithoutTarget = 1000;

/// What the command line decides beside the request.
struct FitFlowOptions {
  FitFlowRequest request;
  std::string config;
  std::string resume;
  bool json = false;
  bool no_figures = false;
};

std::string data_group(const std::string&) { return "Points to learn from"; }
std::string target_group(const std::string&) { return "Target"; }
std::string flow_group(const std::string&) { return "Flow"; }
std::string fit_group(const std::string&) { return "Training"; }
std::string result_group(const std::string&) { return "After the training"; }

void add_run_fields(std::vector<Field>& fields, FitFlowOptions& options) {
  FitFlowRequest& request = options.request;
  add_field(fields, "Run", "seed", request.settings.seed, "seed of every random number of the run");
  add_field(fields, "Run", "threads", request.settings.threads, "threads of a tensor operation");
  add_field(fields, "Run", "config", options.config,
            "TOML file with options as keys; the command line has the last word");
  add_field(fields, "Run", "resume", options.resume,
            "folder of an interrupted run to continue; takes no other settings");
  add_field(fields, "Run", "checkpoint-every", request.checkpoint_every,
            "seconds between checkpoints (0: always)");
  add_field(fields, "Output", "out", request.out,
            "folder of the run (default: out/TARGET-FLOW or out/FILE-FLOW, -2, -3, … when taken)");
  add_field(fields, "Output", "overwrite", request.overwrite, "replace an earlier run in --out");
  add_field(fields, "Output", "json", options.json,
            "print result.json, and nothing else, on standard output");
  add_field(fields, "Output", "quiet", request.quiet, "no progress on standard error");
  add_field(fields, "Output", "no-figures", options.no_figures, "neither pictures nor report.html");
}

CommandShape fit_flow_shape(FitFlowOptions& options) {
  CommandShape shape;
  shape.name = "fit-flow";
  shape.description =
      "Trains a normalizing flow, a distribution with an exact density and exact draws. Given "
      "TARGET, a density known up to its normaliser, it minimises the reverse KL divergence on the "
      "flow's own draws. Given --samples, it maximises their likelihood. Given both, or "
      "--train-draws, it fits to points with a known log-density (forward KL). Path gradients are "
      "the default wherever a log-density is known. Writes flow.npz, fresh draws, estimates with "
      "standard errors, and pictures. Defaults in brackets are those of --flow.";
  shape.positional = "[TARGET]";
  shape.positional_help = "one of 'ergon targets'";
  auto& fields = shape.fields;
  FitFlowSettings& settings = options.request.settings;
  visit_flow_data_fields(settings.data, FieldCollector(fields, data_group));
  visit_normalizing_flow_fields(settings.flow, FieldCollector(fields, flow_group));
  visit_normalizing_flow_fit_fields(settings.fit, FieldCollector(fields, fit_group));
  visit_fit_flow_fields(settings, FieldCollector(fields, result_group));
  visit_target_fields(settings.target, FieldCollector(fields, target_group));
  add_run_fields(fields, options);
  shape.examples =
      "  ergon fit-flow mixture-4\n"
      "  ergon fit-flow phi4 --flow-mask checkerboard --gradient reverse-total --seed 1\n"
      "  ergon fit-flow --samples patients.csv --flow maf --patience 10\n"
      "  ergon fit-flow mixture-4 --train-draws 16 --iterations 500\n"
      "  ergon fit-flow --samples train-images-idx3-ubyte.gz --image-pool 2 \\\n"
      "    --test-samples t10k-images-idx3-ubyte.gz --out out/fashion\n"
      "  ergon fit-flow --resume out/fashion\n";
  return shape;
}

bool is_given(const Words& words, const std::string& name) { return words.count(name) > 0; }

std::string word_of(const Words& words, const char* name) {
  const auto word = words.find(name);
  return word == words.end() ? "" : word->second;
}

void require_known_target(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& known : target_catalogue()) {
    if (known.name == name) return;
    names.emplace_back(known.name);
  }
  require(!file_exists(name),
          "unknown target '{}': to fit a flow to the points in that file, give "
          "it as --samples {}",
          name, name);
  fail("unknown target '{}'{}; choose one of: {}", name, did_you_mean(name, names), join(names));
}

bool has_images(const FitFlowSettings& settings) {
  return !settings.data.samples.empty() &&
         samples_kind(settings.data.samples) == SamplesKind::kImages;
}

FlowGradient default_gradient(const FitFlowSettings& settings) {
  if (!settings.has_data()) return FlowGradient::kReversePath;
  return settings.has_target() ? FlowGradient::kForwardPath : FlowGradient::kForwardTotal;
}

/// The settings from which the words start: what suits the architecture and what it is fitted to.
void set_starting_point(const Words& words, FitFlowSettings& settings) {
  FitFlowOptions scratch;
  const CommandShape shape = fit_flow_shape(scratch);
  Words deciding;
  for (const char* name : {"flow", "samples", "train-draws"}) {
    if (is_given(words, name)) deciding[name] = words.at(name);
  }
  apply_words(shape, deciding);
  const FitFlowSettings& decided = scratch.request.settings;
  settings.target.name = word_of(words, "target");
  settings.data = decided.data;
  const bool images = has_images(settings);
  const FlowArchitecture architecture =
      images && !is_given(words, "flow") ? FlowArchitecture::kGlow : decided.flow.architecture;
  settings.flow = normalizing_flow_preset(architecture);
  if (takes_flow_option(architecture, "flow-support"))
    settings.flow.support = images ? FlowSupport::kPixels : FlowSupport::kReal;
  settings.levels_may_shrink = images && !is_given(words, "flow-levels");
  settings.fit.gradient = default_gradient(settings);
  if (!settings.has_target()) settings.draws = kDrawsWithoutTarget;
}

// ---- what does not go together
// -------------------------------------------------------------------------------------

void refuse(const Words& words, const std::vector<std::string>& names, const std::string& why) {
  for (const auto& name : names) {
    require(!is_given(words, name), "--{} would do nothing {}; leave it out", name, why);
  }
}

template <class Visit>
std::vector<std::string> names_by(const Visit& visit) {
  std::vector<std::string> names;
  visit([&names](const char* name, const auto&, const char*) { names.emplace_back(name); });
  return names;
}

void refuse_idle_flow_options(const Words& words, const NormalizingFlowOptions& flow) {
  const auto names =
      names_by([&flow](auto&& visitor) { visit_normalizing_flow_fields(flow, visitor); });
  for (const auto& name : names) {
    if (!takes_flow_option(flow.architecture, name))
      refuse(words, {name}, fmt::format("under --flow {}", to_name(flow.architecture)));
  }
  if (flow.support != FlowSupport::kBox)
    refuse(words, {"flow-lower", "flow-upper"}, "without --flow-support box");
}

void refuse_idle_words(const Words& words, const FitFlowSettings& settings) {
  const FlowDataOptions& data = settings.data;
  refuse_idle_flow_options(words, settings.flow);
  if (!settings.has_target()) {
    const TargetOptions untouched;
    const auto visit = [&](auto&& visitor) { visit_target_fields(untouched, visitor); };
    refuse(words, names_by(visit), "without a TARGET");
  }
  if (data.samples.empty()) {
    refuse(words,
           {"samples-array", "image-pool", "held-out-samples", "held-out-share", "test-samples"},
           "without --samples");
    return;
  }
  const SamplesKind kind = samples_kind(data.samples);
  if (kind != SamplesKind::kArrays)
    refuse(words, {"samples-array"}, fmt::format("for {}, which is no NPZ file", data.samples));
  if (kind != SamplesKind::kImages) {
    refuse(words, {"image-pool"}, fmt::format("for {}, which is no IDX file", data.samples));
  } else {
    refuse(words, {"flow-channels", "flow-rows"}, "for images, whose file says it");
  }
  if (!data.held_out_samples.empty()) refuse(words, {"held-out-share"}, "with --held-out-samples");
  refuse(words, {"held-out-draws"}, "with --samples, whose held-out rows are taken");
}

void check_sources(const FitFlowSettings& settings) {
  const FlowDataOptions& data = settings.data;
  require(settings.has_target() || data.train_draws == 0,
          "--train-draws needs a TARGET to draw from; to learn from a file take --samples");
  require(settings.has_target() || settings.has_data(),
          "fit a flow to what? give a TARGET (one of 'ergon targets'), points (--samples FILE), or "
          "both");
  require(data.samples.empty() || data.train_draws == 0,
          "--samples and --train-draws contradict each other: learn from the file or from draws of "
          "the target");
  require(!settings.has_target() || !has_images(settings),
          "{} holds images, for which a TARGET has no log-density: leave {} out", data.samples,
          settings.target.name);
  for (const auto& [option, path] : {std::pair{"--held-out-samples", data.held_out_samples},
                                     std::pair{"--test-samples", data.test_samples}}) {
    if (path.empty() || data.samples.empty()) continue;
    const bool same = (samples_kind(data.samples) == SamplesKind::kImages) ==
                      (samples_kind(path) == SamplesKind::kImages);
    require(same, "{} {} must hold what --samples {} holds: images or numbers", option, path,
            data.samples);
  }
}

void check_gradient(const FitFlowSettings& settings) {
  const auto gradient = to_name(settings.fit.gradient);
  if (!settings.has_data()) {
    require(is_reverse(settings.fit.gradient),
            "--gradient {} needs points to learn from: add --samples FILE or --train-draws N, or "
            "take reverse-path, reverse-path-two-pass or reverse-total",
            gradient);
  } else if (!settings.has_target()) {
    require(!needs_target(settings.fit.gradient),
            "--gradient {} needs a log-density: name a TARGET, or take forward-total (maximum "
            "likelihood), which alone learns from --samples without one",
            gradient);
  } else {
    require(!is_reverse(settings.fit.gradient),
            "--gradient {} learns from the flow's own draws and would not read {}: leave that out, "
            "or take forward-path, forward-path-two-pass or forward-total",
            gradient, settings.data.samples.empty() ? "--train-draws" : "--samples");
  }
}

void finish_request(const Words& words, FitFlowOptions& options) {
  FitFlowRequest& request = options.request;
  FitFlowSettings& settings = request.settings;
  settings.figures = !options.no_figures;
  if (settings.has_target()) require_known_target(settings.target.name);
  check_sources(settings);
  check_gradient(settings);
  refuse_idle_words(words, settings);
  if (settings.has_target()) settings.target.validate();
  settings.data.validate();
  settings.flow.validate();
  settings.fit.validate();
  require(settings.draws >= 2, "--draws must be at least 2, got {}", settings.draws);
  constexpr std::int64_t kMostBatches = 10'000;  // their gradients are kept side by side
  require(settings.gradient_batches == 0 ||
              (settings.gradient_batches >= 2 && settings.gradient_batches <= kMostBatches),
          "--gradient-batches must be 0, or from 2 to {}, got {}", kMostBatches,
          settings.gradient_batches);
  require(
      settings.gradient_batches == 0 || settings.has_target(),
      "--gradient-batches compares gradients at a TARGET with a known log-density: name one, or "
      "leave it out");
  require(request.checkpoint_every >= 0, "--checkpoint-every must not be negative, got {}",
          request.checkpoint_every);
}

// ---- words to a request
// --------------------------------------------------------------------------------------------

FitFlowOptions to_options(const Words& words) {
  FitFlowOptions options;
  set_starting_point(words, options.request.settings);
  apply_words(fit_flow_shape(options), words);
  finish_request(words, options);
  return options;
}

Words words_of(const std::vector<std::string>& arguments) {
  FitFlowOptions scratch;
  const CommandShape shape = fit_flow_shape(scratch);
  Words words = parse_words(shape, arguments);
  if (is_given(words, "config") && !is_given(words, "help"))
    add_config_words(shape, words.at("config"), words);
  return words;
}

FitFlowOptions resume_options(const Words& words) {
  require_resume_words(words, "target");
  FitFlowOptions options;
  apply_words(fit_flow_shape(options), words);
  options.request.resume = true;
  options.request.out = options.resume;
  return options;
}

int help(const Words& words) {
  FitFlowOptions options;
  set_starting_point(words, options.request.settings);
  std::fputs(help_text(fit_flow_shape(options)).c_str(), stdout);
  return kExitOk;
}

void print_result(const std::string& folder, bool json) {
  const std::string path = result_path(folder);
  std::fputs(json ? read_file(path).c_str() : fit_flow_table(read_json_file(path), folder).c_str(),
             stdout);
}

}  // namespace

FitFlowSettings fit_flow_settings(const std::vector<std::string>& arguments) {
  return to_options(words_of(arguments)).request.settings;
}

int run_fit_flow_command(const std::vector<std::string>& arguments) {
  const Words words = words_of(arguments);
  if (is_given(words, "help")) return help(words);
  FitFlowOptions options = is_given(words, "resume") ? resume_options(words) : to_options(words);
  FitFlowRequest& request = options.request;
  if (request.resume) {
    const bool interrupted = file_exists(checkpoint_options_path(request.out));
    if (!interrupted && file_exists(result_path(request.out))) {
      fmt::print(stderr, "ergon: the run in {} is finished; there is nothing to resume\n",
                 request.out);
      print_result(request.out, options.json);
      return kExitOk;
    }
    request.settings = read_fit_flow_checkpoint(request.out);
  }
  const int status = run_engine(request);
  if (status == kExitOk) print_result(request.out, options.json);
  return status;
}

}  // namespace ergon::app
