#include "rl/train_words.hpp"

#include "cells.hpp"
#include "ergon/core/errors.hpp"

namespace ergon::app {
namespace {

constexpr const char* kSeedOption = "seed";

void add_run_fields(std::vector<Field>& fields, TrainOptions& options) {
  TrainRequest& request = options.request;
  add_field(fields, "Run", kSeedOption, request.settings.seed,
            "seed of every random number of the run");
  add_field(fields, "Run", "seeds", options.seeds,
            "several runs, such as 0-4 or 1,2,7, each in a process and a folder of its own, and a "
            "summary; what is finished is not computed again, what was interrupted goes on");
  add_field(fields, "Run", "jobs", options.jobs, "of --seeds: runs at the same time");
  add_field(fields, "Run", "config", options.config,
            "TOML file with options as keys; the command line has the last word");
  add_field(fields, "Run", "resume", options.resume,
            "folder of an interrupted run to continue; takes no other settings");
  add_field(fields, "Run", "checkpoint-every", request.checkpoint_every,
            "seconds between checkpoints (0: always)");
  add_field(fields, "Output", "out", request.out,
            "folder of the run (default: out/rl-ENVIRONMENT-PRESET-seedN, -2, -3, … when taken; "
            "under --seeds out/rl-ENVIRONMENT-PRESET)");
  add_field(fields, "Output", "overwrite", request.overwrite, "replace an earlier run in --out");
  add_field(fields, "Output", "json", options.json,
            "print result.json (of --seeds: summary.json), and nothing else, on standard output");
  add_field(fields, "Output", "quiet", request.quiet, "no progress on standard error");
  add_field(fields, "Output", "no-figures", options.no_figures, "neither pictures nor report.html");
}

std::string word_of(const Words& words, const char* name) {
  const auto word = words.find(name);
  return word == words.end() ? "" : word->second;
}

void check(const Words& words, const TrainOptions& options) {
  require(!options.request.settings.environment.name.empty(),
          "train in which environment? 'ergon envs' lists them");
  options.request.settings.validate();
  require(options.request.checkpoint_every >= 0, "--checkpoint-every must not be negative, got {}",
          options.request.checkpoint_every);
  if (options.seeds.empty()) {
    require(words.count("jobs") == 0, "--jobs would do nothing without --seeds; leave it out");
  } else {
    require(words.count(kSeedOption) == 0,
            "--seed and --seeds contradict each other; leave one out");
    parse_seeds(options.seeds);
  }
}

}  // namespace

CommandShape train_shape(TrainOptions& options) {
  CommandShape shape;
  shape.name = "rl train";
  shape.description =
      "Trains an agent by soft actor-critic in ENVIRONMENT, one of 'ergon envs'. Evaluates it with "
      "and without noise in an environment of its own, in a second thread. Writes the agent, "
      "returns with standard errors, tables, events for TensorBoard, and pictures. A run that was "
      "killed at any moment and resumed ends with the same bits. Defaults in brackets are those of "
      "--preset.";
  shape.positional = "[ENVIRONMENT]";
  shape.positional_help = "one of 'ergon envs', such as Hopper-v4";
  auto& fields = shape.fields;
  TrainSettings& settings = options.request.settings;
  add_field(fields, "Recipe", "preset", settings.preset,
            "published recipe from which the options start (pendulum for Pendulum-v1)");
  const auto group = [](const char* name) {
    return [name](const std::string&) { return std::string(name); };
  };
  visit_sac_fields(settings.sac, FieldCollector(fields, group("Agent")));
  visit_training_fields(settings.training, FieldCollector(fields, group("Training")));
  add_field(fields, "Environment", "max-episode-steps", settings.environment.max_episode_steps,
            "steps after which an episode is truncated (0: as the environment says)");
  add_run_fields(fields, options);
  shape.examples =
      "  ergon rl train Pendulum-v1\n"
      "  ergon rl train Hopper-v4 --preset cleanrl --steps 300000 --seed 1\n"
      "  ergon rl train Walker2d-v4 --seeds 0-4 --jobs 2 --out out/walker\n"
      "  ergon rl train --resume out/rl-hopper-v4-cleanrl-seed1\n";
  return shape;
}

Words train_words(const std::vector<std::string>& arguments) {
  TrainOptions scratch;
  const CommandShape shape = train_shape(scratch);
  Words words = parse_words(shape, arguments);
  if (words.count("config") > 0 && words.count("help") == 0)
    add_config_words(shape, words.at("config"), words);
  return words;
}

void set_train_starting_point(const Words& words, TrainSettings& settings) {
  TrainOptions scratch;
  const CommandShape shape = train_shape(scratch);
  settings.environment.name = word_of(words, "environment");
  settings.preset = default_preset(settings.environment.name);
  if (words.count("preset") > 0) {
    apply_words(shape, {{"preset", words.at("preset")}});
    settings.preset = scratch.request.settings.preset;
  }
  Words recipe;
  add_words(shape,
            parse_config(preset_text(settings.preset),
                         fmt::format("preset {}", to_name(settings.preset)), shape.name),
            recipe);
  apply_words(shape, recipe);
  settings.sac = scratch.request.settings.sac;
  settings.training = scratch.request.settings.training;
}

TrainOptions to_train_options(const Words& words) {
  TrainOptions options;
  set_train_starting_point(words, options.request.settings);
  apply_words(train_shape(options), words);
  options.request.settings.figures = !options.no_figures;
  check(words, options);
  return options;
}

}  // namespace ergon::app
