#include "rl/comparison.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "checkpoint_options.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "rl/agent_source.hpp"
#include "rl/train_request.hpp"
#include "sample_request.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

/// A run and the group it belongs to.
struct NamedRun {
  std::string label;  ///< that was given, or empty
  RunCurve curve;
  Json options;  ///< what decides its numbers, without seed and length
};

std::string environment_of(const RunCurve& run) {
  return run.result.at("environment").at("name").get<std::string>();
}

std::uint64_t seed_of(const RunCurve& run) { return run.result.at("seed").get<std::uint64_t>(); }

bool finished(const RunCurve& run) { return run.result.at("status") == "finished"; }

/// A run under way, up to its last evaluation.
RunCurve read_unfinished(const std::string& folder) {
  const TrainSettings settings = read_train_checkpoint(folder);
  RunCurve run;
  run.folder = folder;
  run.result = {{"status", "unfinished"},
                {"environment", {{"name", settings.environment.name}}},
                {"agent", {{"preset", to_name(settings.preset)}}},
                {"seed", settings.seed},
                {"final", nullptr},
                {"best", nullptr},
                {"seconds", nullptr},
                {"options", to_json(settings)}};
  require(file_exists(folder + "/evaluations.csv"),
          "{}: the run has no evaluation yet; wait, or leave it out", folder);
  try {
    read_evaluations(run);
  } catch (const InvalidInput&) {
    fail("{}: the run has no evaluation yet; wait, or leave it out", folder);
  }
  return run;
}

NamedRun read_run(const std::string& label, const std::string& folder) {
  NamedRun run;
  run.label = label;
  const bool unfinished = file_exists(checkpoint_options_path(folder));
  run.curve = unfinished ? read_unfinished(folder) : read_run_curve(folder);
  run.options = block(run.curve.result, "options", folder);
  run.options["run"].erase("seed");
  run.options["run"].erase("figures");
  run.options["training"].erase("steps");
  return run;
}

void require_different(const std::vector<NamedRun>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const RunCurve &a = runs[j].curve, &b = runs[i].curve;
      std::error_code error;
      require(!fs::equivalent(a.folder, b.folder, error), "{} is given twice", b.folder);
      require(seed_of(a) != seed_of(b) || runs[i].options != runs[j].options,
              "{} and {} are runs of the same options and seed {}, and tell the same twice; leave "
              "one out",
              a.folder, b.folder, seed_of(b));
    }
  }
}

using Group = std::vector<NamedRun>;

/// Of one environment.
std::vector<Group> groups_of(const std::vector<NamedRun>& runs) {
  std::vector<Group> groups;
  for (const NamedRun& run : runs) {
    const auto same = [&](const Group& group) {
      const NamedRun& other = group.front();
      return run.label.empty() ? other.label.empty() && other.options == run.options
                               : other.label == run.label;
    };
    const auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) {
      groups.push_back({run});
    } else {
      group->push_back(run);
    }
  }
  return groups;
}

/// "batch 128" for every option by which two runs differ, of all of `others`.
std::vector<std::string> differences(const Json& options, const std::vector<Json>& others) {
  std::vector<std::string> words;
  for (const auto& [name, section] : options.items()) {
    for (const auto& [key, value] : section.items()) {
      const bool differs = std::any_of(
          others.begin(), others.end(), [&, s = name, k = key, v = value](const Json& other) {
            return !other.contains(s) || !other.at(s).contains(k) || other.at(s).at(k) != v;
          });
      if (!differs) continue;
      words.push_back(key + " " + (value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
  return words;
}

/// The label, or the preset and by what the group differs from others of the same preset.
std::string label_for(const Group& group, const std::vector<Group>& groups) {
  const NamedRun& run = group.front();
  if (!run.label.empty()) return run.label;
  const Json& preset = run.options.at("run").at("preset");
  std::vector<Json> others;
  for (const Group& other : groups) {
    if (other.front().options.at("run").at("preset") == preset)
      others.push_back(other.front().options);
  }
  std::string label = preset.get<std::string>();
  for (const std::string& word : differences(run.options, others)) label += ", " + word;
  return label;
}

void note_lengths(const ComparedGroup& group, std::vector<std::string>& notes) {
  const SeedSummary& summary = group.summary;
  const std::int64_t last = summary.deterministic.back().step;
  for (const RunCurve& run : summary.runs) {
    if (!finished(run)) {
      notes.push_back(fmt::format("{} is not finished; it counts up to its evaluation at step {}",
                                  run.folder, grouped(run.steps.back())));
    } else if (run.steps.back() > last) {
      notes.push_back(
          fmt::format("{} goes on to step {}, beyond the last one that all runs of '{}' have, {}",
                      run.folder, grouped(run.steps.back()), summary.label, grouped(last)));
    }
  }
}

void note_contents(const Group& group, const std::string& label, std::vector<std::string>& notes) {
  std::vector<Json> options;
  for (const NamedRun& run : group) options.push_back(run.options);
  const auto words = differences(options.front(), options);
  if (!words.empty()) {
    notes.push_back(fmt::format("the runs of '{}' differ in more than their seed: {} and others",
                                label, fmt::join(words, ", ")));
  }
  if (group.size() == 1)
    notes.push_back(fmt::format("'{}' is a single run: its interval is no interval", label));
}

/// The last of the group's steps that is not beyond `asked`; 0: none.
std::int64_t step_before(const SeedSummary& summary, std::int64_t asked) {
  std::int64_t found = 0;
  for (const BandPoint& point : summary.deterministic) {
    if (point.step <= asked) found = point.step;
  }
  return found;
}

std::vector<double> scores_at(const SeedSummary& summary, std::int64_t step) {
  std::vector<double> scores;
  for (const RunCurve& run : summary.runs) {
    const auto place = std::lower_bound(run.steps.begin(), run.steps.end(), step);
    scores.push_back(run.deterministic[static_cast<std::size_t>(place - run.steps.begin())]);
  }
  return scores;
}

BootstrapOptions bootstrap() {
  BootstrapOptions options;
  options.resamples = kFinalResamples;
  return options;
}

ComparedCell cell_at(const SeedSummary& summary, std::int64_t asked) {
  const std::int64_t step = step_before(summary, asked);
  require(step > 0,
          "'{}' was first evaluated at step {}, after step {}, at which the groups would be "
          "compared; take a later --at, or runs that overlap",
          summary.label, summary.deterministic.front().step, asked);
  return {asked, step, stratified_interquartile_mean({scores_at(summary, step)}, bootstrap())};
}

/// The steps of the table, the common length being the last.
std::vector<std::int64_t> table_steps(const EnvironmentComparison& comparison,
                                      const std::vector<std::int64_t>& at) {
  std::set<std::int64_t> steps = {comparison.last};
  if (!at.empty()) {
    for (const std::int64_t step : at) {
      if (step <= comparison.last) steps.insert(step);
    }
  } else {
    for (const std::int64_t quarter : {1, 2, 3}) {
      std::int64_t least = comparison.last;
      for (const ComparedGroup& group : comparison.groups)
        least = std::min(least, step_before(group.summary, quarter * comparison.last / 4));
      if (least > 0) steps.insert(least);
    }
  }
  return {steps.begin(), steps.end()};
}

void add_improvements(EnvironmentComparison& comparison) {
  const auto& groups = comparison.groups;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (std::size_t j = i + 1; j < groups.size(); ++j) {
      const SeedSummary &first = groups[i].summary, &second = groups[j].summary;
      comparison.improvements.push_back(
          {first.label, second.label,
           probability_of_improvement({scores_at(first, groups[i].cells.back().step)},
                                      {scores_at(second, groups[j].cells.back().step)},
                                      bootstrap())});
    }
  }
}

void note_common_length(EnvironmentComparison& comparison) {
  for (const ComparedGroup& group : comparison.groups) {
    const std::int64_t own = group.summary.deterministic.back().step;
    if (own > comparison.last) {
      comparison.notes.push_back(fmt::format("'{}' goes on to step {}; all are compared at {}",
                                             group.summary.label, grouped(own),
                                             grouped(comparison.last)));
    }
  }
}

EnvironmentComparison compare_in(const std::string& environment,
                                 const std::vector<NamedRun>& runs,
                                 const ComparisonOptions& options) {
  EnvironmentComparison comparison;
  comparison.environment = environment;
  const std::vector<Group> groups = groups_of(runs);
  for (const Group& group : groups) {
    std::vector<RunCurve> curves;
    for (const NamedRun& run : group) curves.push_back(run.curve);
    const std::string label = label_for(group, groups);
    comparison.groups.push_back({summarise_seeds(std::move(curves), label), {}});
    note_contents(group, label, comparison.notes);
    note_lengths(comparison.groups.back(), comparison.notes);
  }
  comparison.last = comparison.groups.front().summary.deterministic.back().step;
  for (const ComparedGroup& group : comparison.groups)
    comparison.last = std::min(comparison.last, group.summary.deterministic.back().step);
  comparison.at = table_steps(comparison, options.at);
  for (ComparedGroup& group : comparison.groups) {
    for (const std::int64_t step : comparison.at)
      group.cells.push_back(cell_at(group.summary, step));
  }
  add_improvements(comparison);
  note_common_length(comparison);
  if (options.published) comparison.published = published_returns(environment);
  return comparison;
}

}  // namespace

CompareSubject compare_subject(const std::string& word) {
  const std::size_t equals = word.find('=');
  std::error_code error;
  if (equals == std::string::npos || fs::is_directory(word, error)) return {"", word};
  require(equals > 0 && equals + 1 < word.size(), "{}: a label and a folder are NAME=FOLDER", word);
  return {word.substr(0, equals), word.substr(equals + 1)};
}

std::vector<EnvironmentComparison> compare_runs(const std::vector<CompareSubject>& subjects,
                                                const ComparisonOptions& options) {
  std::vector<NamedRun> runs;
  for (const CompareSubject& subject : subjects) {
    for (const std::string& folder : training_folders(subject.path))
      runs.push_back(read_run(subject.label, folder));
  }
  require(!runs.empty(), "compare which runs? give folders of 'ergon rl train'");
  require_different(runs);
  std::vector<std::string> environments;
  std::map<std::string, std::vector<NamedRun>> by_environment;
  for (const NamedRun& run : runs) {
    auto& same = by_environment[environment_of(run.curve)];
    if (same.empty()) environments.push_back(environment_of(run.curve));
    same.push_back(run);
  }
  std::vector<EnvironmentComparison> comparisons;
  std::int64_t longest = 0;
  for (const std::string& environment : environments) {
    comparisons.push_back(compare_in(environment, by_environment.at(environment), options));
    longest = std::max(longest, comparisons.back().last);
  }
  for (const std::int64_t step : options.at)
    require(step <= longest, "--at {}: the runs have no more than {} steps in common", step,
            longest);
  return comparisons;
}

}  // namespace ergon::app
