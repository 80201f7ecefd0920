#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "earlier_fit.hpp"
#include "engine_loader.hpp"
#include "ergon/core/files.hpp"
#include "ergon/sampler/option_fields.hpp"
#include "result_table.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

/// What the command line decides beside the request.
struct SampleOptions {
  SampleRequest request;
  std::string config;
  std::string resume;
  bool json = false;
  bool no_figures = false;
};

std::string target_group(const std::string&) { return "Target"; }
std::string flow_group(const std::string&) { return "Normalizing flow"; }
std::string fit_group(const std::string&) { return "Fit"; }
std::string estimates_group(const std::string&) { return "Estimates"; }
std::string metrics_group(const std::string&) { return "Metrics"; }

std::string sampler_group(const std::string& name) {
  const std::pair<const char*, const char*> groups[] = {{"initial", "Initial distribution"},
                                                        {"bandwidth", "Bandwidth"},
                                                        {"step-size", "Step size"},
                                                        {"steps", "Number of steps"},
                                                        {"stopping", "Number of steps"},
                                                        {"stein", "Number of steps"},
                                                        {"hessian", "Trace of the Hessian"},
                                                        {"bound", "Step bound"},
                                                        {"density", "Density at the particles"},
                                                        {"control", "Divergence control"},
                                                        {"precondition", "Coordinates"},
                                                        {"evaluations", "Number of steps"},
                                                        {"warmup", "Markov chains"},
                                                        {"chain", "Markov chains"},
                                                        {"target-acceptance", "Markov chains"},
                                                        {"mass", "Markov chains"},
                                                        {"leapfrog", "Markov chains"},
                                                        {"path-length", "Markov chains"},
                                                        {"tree-depth", "Markov chains"},
                                                        {"ladder", "Temperatures"},
                                                        {"resample", "Temperatures"},
                                                        {"moves", "Temperatures"},
                                                        {"replicas", "Temperatures"},
                                                        {"halves", "Exact Metropolis-Hastings"},
                                                        {"refresh", "Exact Metropolis-Hastings"}};
  for (const auto& [beginning, group] : groups) {
    if (name.rfind(beginning, 0) == 0) return group;
  }
  return "Particles";
}

void add_run_fields(std::vector<Field>& fields, SampleOptions& options) {
  SampleRequest& request = options.request;
  add_field(fields, "Run", "seed", request.settings.seed, "seed of every random number of the run");
  add_field(fields, "Run", "threads", request.settings.threads,
            "threads of a pass over particles and of a tensor operation");
  add_field(fields, "Run", "config", options.config,
            "TOML file with options as keys; the command line has the last word");
  add_field(fields, "Run", "resume", options.resume,
            "folder of an interrupted run to continue; takes no other settings");
  add_field(fields, "Run", "checkpoint-every", request.checkpoint_every,
            "seconds between checkpoints (0: always)");
  add_field(fields, "Output", "out", request.out,
            "folder of the run (default: out/TARGET-SAMPLER, -2, -3, … when taken)");
  add_field(fields, "Output", "overwrite", request.overwrite, "replace an earlier run in --out");
  add_field(fields, "Output", "json", options.json,
            "print result.json, and nothing else, on standard output");
  add_field(fields, "Output", "quiet", request.quiet, "no progress on standard error");
  add_field(fields, "Output", "no-figures", options.no_figures, "neither pictures nor report.html");
  add_field(fields, "Output", "animate", request.settings.animate,
            "also particles.gif, the particles along the steps (two dimensions)");
}

CommandShape sample_shape(SampleOptions& options) {
  CommandShape shape;
  shape.name = "sample";
  shape.description =
      "Moves particles from a simple distribution to TARGET, a density known up to its normaliser, "
      "and estimates log Z, the entropy and the evidence lower bound, with standard errors and 95 "
      "% "
      "intervals: Stein samplers from fresh draws through their steps read as a normalizing flow, "
      "laplace, flow, ais and smc from importance weights. Markov chains (hmc, nuts, ...) give "
      "draws, "
      "moments and diagnostics. Defaults in brackets are those of --sampler.";
  shape.positional = "TARGET";
  shape.positional_help = "one of 'ergon targets'";
  auto& fields = shape.fields;
  RunSettings& settings = options.request.settings;
  add_field(fields, "Sampler", "sampler", settings.sampler.kind,
            "published configuration that the other options then change");
  visit_target_fields(settings.target, FieldCollector(fields, target_group));
  visit_sampler_fields(settings.sampler, FieldCollector(fields, sampler_group));
  visit_normalizing_flow_fields(settings.normalizing_flow, FieldCollector(fields, flow_group));
  visit_flow_fields(settings.flow, FieldCollector(fields, estimates_group));
  visit_metric_fields(settings.metrics, FieldCollector(fields, metrics_group));
  visit_fit_fields(settings.fit, FieldCollector(fields, fit_group));
  add_field(fields, "Fit", "fitted", settings.fitted,
            "reuse the parameters of an earlier fit: a run's folder, its fit.npz or flow.npz");
  add_run_fields(fields, options);
  shape.examples =
      "  ergon sample gaussian-worked --fit 200\n"
      "  ergon sample mixture-4 --sampler p-svgd --estimate particles --seed 1 --json\n"
      "  ergon sample funnel --sampler nuts\n"
      "  ergon sample mixture-4 --sampler flow --flow spline-coupling --initial-stddev 3\n"
      "  ergon sample brownian --sampler smc --particles 1000\n"
      "  ergon sample logistic --data patients.csv --label-column sick --fit 300 --out "
      "out/patients\n"
      "  ergon sample gaussian-worked --fitted out/gaussian-worked-stein-flow --draws 100000\n"
      "  ergon sample --resume out/patients\n";
  return shape;
}

// ---- words to a request
// --------------------------------------------------------------------------------------------

void require_known_target(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& entry : target_catalogue()) names.emplace_back(entry.name);
  for (const auto& known : names) {
    if (known == name) return;
  }
  require(!name.empty(), "which target? choose one of: {}", join(names));
  fail("unknown target '{}'{}; choose one of: {}", name, did_you_mean(name, names), join(names));
}

std::string word_or(const Words& words, const char* name, const std::string& otherwise = "") {
  const auto word = words.find(name);
  return word == words.end() ? otherwise : word->second;
}

/// The settings from which the words start: those of the earlier fit, or the sampler's published
/// ones.
void set_starting_point(const Words& words,
                        SampleOptions& options,
                        std::optional<EarlierFit>& fit) {
  RunSettings& settings = options.request.settings;
  if (words.count("fitted") > 0) {
    fit = read_earlier_fit(words.at("fitted"));
    settings.sampler = fit->settings.sampler;
    settings.normalizing_flow = fit->settings.normalizing_flow;
    const TargetOptions& target = fit->settings.target;
    if (fit->target_known && word_or(words, "target", target.name) == target.name)
      settings.target = target;
    require(word_or(words, "sampler", std::string(to_name(settings.sampler.kind))) ==
                to_name(settings.sampler.kind),
            "--fitted: the parameters were fitted with --sampler {}, not {}",
            to_name(settings.sampler.kind), word_or(words, "sampler"));
    return;
  }
  SampleOptions scratch;
  CommandShape shape = sample_shape(scratch);
  for (const char* choice : {"sampler", "flow"}) {
    if (words.count(choice) > 0) apply_words(shape, {{choice, words.at(choice)}});
  }
  const RunSettings& chosen = scratch.request.settings;
  settings.sampler = sampler_preset(chosen.sampler.kind);
  settings.fit = fit_preset(chosen.sampler.kind);
  settings.normalizing_flow = normalizing_flow_preset(chosen.normalizing_flow.architecture);
}

/// Options of a normalizing flow that the sampler, or the architecture, does not read.
void refuse_foreign_flow_words(const Words& words, const RunSettings& settings) {
  NormalizingFlowOptions scratch;
  const FlowArchitecture architecture = settings.normalizing_flow.architecture;
  const bool flow = settings.sampler.kind == SamplerKind::kFlow;
  visit_normalizing_flow_fields(scratch, [&](const char* name, auto&, const char*) {
    if (words.count(name) == 0) return;
    require(flow,
            "--{} belongs to --sampler flow and would do nothing under --sampler {}; leave it "
            "out",
            name, to_name(settings.sampler.kind));
    require(takes_flow_option(architecture, name),
            "--{} does nothing under --flow {}; leave it out", name, to_name(architecture));
  });
  if (!flow) return;
  for (const char* name : {"fit-particles", "fit-sets"}) {
    require(words.count(name) == 0,
            "--{} belongs to samplers whose particles are fitted, not to --sampler flow; choose "
            "--fit-draws",
            name);
  }
  require(settings.fit.iterations == 0 || settings.fit.draws >= 2,
          "--fit-draws must be at least 2 for --sampler flow, got {}", settings.fit.draws);
  settings.normalizing_flow.validate();
}

/// Options of the estimates that would do nothing.
void refuse_idle_words(const Words& words, const RunSettings& settings) {
  const auto refuse = [&words](const std::vector<const char*>& names, const std::string& why) {
    for (const char* name : names) {
      require(words.count(name) == 0, "--{} would do nothing {}; leave it out", name, why);
    }
  };
  const FlowOptions& flow = settings.flow;
  std::vector<std::string> all;
  FlowOptions scratch;
  visit_flow_fields(scratch, [&all](const char* name, auto&, const char*) { all.push_back(name); });
  const bool mapless = !makes_maps(settings.sampler.kind);
  for (const std::string& name : all) {
    if (name == "estimate" && !mapless) continue;
    if (mapless) {
      refuse({name.c_str()}, fmt::format("under --sampler {}, which makes no flow",
                                         to_name(settings.sampler.kind)));
    }
    if (flow.estimate == EstimateSource::kParticles)
      refuse({name.c_str()}, "under --estimate particles");
  }
  if (!settings.metrics.metrics) refuse({"metric-draws", "reference-draws"}, "without --metrics");
  if (flow.defensive == DefensiveProposal::kNone)
    refuse({"defensive-share", "defensive-scale"}, "under --defensive none");
  if (flow.defensive == DefensiveProposal::kInitial)
    refuse({"defensive-scale"}, "under --defensive initial");
  if (flow.determinant != FlowDeterminant::kSeries)
    refuse({"flow-terms", "flow-probes"}, "without --flow-determinant series");
  if (settings.sampler.refresh == Refresh::kNone)
    refuse({"refresh-step-size"}, "without --refresh langevin (stein-mh)");
}

/// What would show only after a long fit.
void check_flow(const RunSettings& settings) {
  const SamplerOptions& sampler = settings.sampler;
  const FlowOptions& flow = settings.flow;
  if (!records_flow(settings)) return;
  const std::int64_t least = flow.defensive == DefensiveProposal::kNone ? 2 : 4;
  require(flow.draws / sampler.sets >= least,
          "--draws {} leaves {} for each of {} sets, at least {} are needed{}; take more --draws",
          flow.draws, flow.draws / sampler.sets, sampler.sets, least,
          least > 2 ? " with a --defensive proposal" : "");
  require(sampler.kind != SamplerKind::kSteinFlow || sampler.bound.safety <= flow.safety,
          "--bound-safety {} is above --flow-safety {}: the recorded flow would not be the fitted "
          "one",
          sampler.bound.safety, flow.safety);
}

/// A run that ends by its evaluations is not ended earlier by steps that nobody asked for. What is
/// learned per step keeps its number of steps.
void let_evaluations_decide(const Words& words, SamplerOptions& sampler) {
  constexpr std::int64_t kEndless = 10'000'000;
  const bool decides = words.count("steps") == 0 && sampler.steps.evaluations > 0;
  if (decides && !can_be_fitted(sampler.kind)) sampler.steps.steps = kEndless;
}

void finish_request(const Words& words,
                    const std::optional<EarlierFit>& fit,
                    SampleOptions& options) {
  SampleRequest& request = options.request;
  RunSettings& settings = request.settings;
  if (words.count("target") > 0) settings.target.name = words.at("target");
  settings.figures = !options.no_figures;
  require_known_target(settings.target.name);
  let_evaluations_decide(words, settings.sampler);
  settings.target.validate();
  settings.sampler.validate();
  settings.fit.validate();
  settings.flow.validate();
  settings.metrics.validate();
  require(request.checkpoint_every >= 0, "--checkpoint-every must not be negative, got {}",
          request.checkpoint_every);
  require(!settings.animate || settings.figures,
          "--animate and --no-figures contradict each other");
  require(can_be_fitted(settings.sampler.kind) || settings.fit.iterations == 0,
          "--fit needs something to learn: use --sampler stein-flow, met-svgd, p-svgd or flow");
  require(!fit || settings.fit.iterations == 0,
          "--fit and --fitted contradict each other: fit anew or reuse");
  check_flow(settings);
  refuse_idle_words(words, settings);
  refuse_foreign_flow_words(words, settings);
  if (!fit) return;
  check_against_fit(*fit, settings);
  settings.fitted = fit->parameters_path;
  if (fit->target_known) settings.fitted_target = target_text(fit->settings.target);
}

/// Words of the command line (and of --config) to options; resuming is handled elsewhere.
SampleOptions to_options(const Words& words) {
  SampleOptions options;
  std::optional<EarlierFit> fit;
  set_starting_point(words, options, fit);
  apply_words(sample_shape(options), words);
  finish_request(words, fit, options);
  return options;
}

Words words_of(const std::vector<std::string>& arguments) {
  SampleOptions scratch;
  const CommandShape shape = sample_shape(scratch);
  Words words = parse_words(shape, arguments);
  if (words.count("config") > 0 && words.count("help") == 0) {
    add_config_words(shape, words.at("config"), words);
  }
  return words;
}

SampleOptions resume_options(const Words& words) {
  require_resume_words(words, "target");
  SampleOptions options;
  apply_words(sample_shape(options), words);
  options.request.resume = true;
  options.request.out = options.resume;
  return options;
}

int help(const Words& words) {
  SampleOptions options;
  std::optional<EarlierFit> fit;
  set_starting_point(words, options, fit);
  std::fputs(help_text(sample_shape(options)).c_str(), stdout);
  return kExitOk;
}

void print_result(const std::string& folder, bool json) {
  const std::string path = result_path(folder);
  std::fputs(json ? read_file(path).c_str() : result_table(read_json_file(path), folder).c_str(),
             stdout);
}

}  // namespace

RunSettings sample_settings(const std::vector<std::string>& arguments) {
  return to_options(words_of(arguments)).request.settings;
}

int run_sample_command(const std::vector<std::string>& arguments) {
  const Words words = words_of(arguments);
  if (words.count("help") > 0) return help(words);
  SampleOptions options = words.count("resume") > 0 ? resume_options(words) : to_options(words);
  SampleRequest& request = options.request;
  if (request.resume) {
    const bool interrupted = file_exists(checkpoint_options_path(request.out));
    if (!interrupted && file_exists(result_path(request.out))) {
      fmt::print(stderr, "ergon: the run in {} is finished; there is nothing to resume\n",
                 request.out);
      print_result(request.out, options.json);
      return kExitOk;
    }
    request.settings = read_checkpoint_settings(request.out);
  }
  const int status = run_engine(request);
  if (status == kExitOk) print_result(request.out, options.json);
  return status;
}

}  // namespace ergon::app
