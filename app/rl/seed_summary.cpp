#include "rl/seed_summary.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "cells.hpp"
#include "checkpoint_options.hpp"
#include "ergon/core/files.hpp"
#include "ergon/estimate/interquartile_mean.hpp"
#include "rl/train_request.hpp"
#include "sample_request.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

constexpr const char* kRunColumns = "{:<28}{:>14}{:>12}{:>26}{:>14}\n";

/// The steps at which every run was evaluated.
std::vector<std::int64_t> common_steps(const std::vector<RunCurve>& runs) {
  std::vector<std::int64_t> steps = runs.front().steps;
  for (const RunCurve& run : runs) {
    std::vector<std::int64_t> both;
    std::set_intersection(steps.begin(), steps.end(), run.steps.begin(), run.steps.end(),
                          std::back_inserter(both));
    steps = std::move(both);
  }
  return steps;
}

double at_step(const RunCurve& run, std::vector<double> RunCurve::*mode, std::int64_t step) {
  const auto found = std::lower_bound(run.steps.begin(), run.steps.end(), step);
  return (run.*mode)[static_cast<std::size_t>(found - run.steps.begin())];
}

std::vector<BandPoint> band_of(const std::vector<RunCurve>& runs,
                               std::vector<double> RunCurve::*mode) {
  std::vector<BandPoint> band;
  const std::vector<std::int64_t> steps = common_steps(runs);
  for (const std::int64_t step : steps) {
    std::vector<double> scores;
    for (const RunCurve& run : runs) scores.push_back(at_step(run, mode, step));
    BootstrapOptions options;
    options.resamples = step == steps.back() ? kFinalResamples : kCurveResamples;
    const auto interval = stratified_interquartile_mean({scores}, options);
    band.push_back({step, interval.value, interval.lower, interval.upper});
  }
  return band;
}

Json final_json(const BandPoint& point, std::size_t runs) {
  return {{"value", point.value},
          {"interval", Json::array({point.lower, point.upper})},
          {"method", fmt::format("interquartile mean over {} seeds of the mean return of the last "
                                 "evaluation; 95 % percentile interval of {} stratified bootstrap "
                                 "resamples",
                                 runs, kFinalResamples)}};
}

Json band_json(const std::vector<BandPoint>& band) {
  Json json = {{"value", Json::array()}, {"lower", Json::array()}, {"upper", Json::array()}};
  for (const BandPoint& point : band) {
    json["value"].push_back(point.value);
    json["lower"].push_back(point.lower);
    json["upper"].push_back(point.upper);
  }
  return json;
}

std::string environment_of(const RunCurve& run) {
  return block(run.result, "environment", result_path(run.folder)).at("name").get<std::string>();
}

}  // namespace

RunCurve read_run_curve(const std::string& folder) {
  RunCurve run;
  run.folder = folder;
  while (run.folder.size() > 1 && run.folder.back() == '/') run.folder.pop_back();
  const std::string path = result_path(run.folder);
  if (!file_exists(path)) {
    require(!file_exists(checkpoint_options_path(run.folder)),
            "{}: the run is not finished; continue it with: ergon rl train --resume {}", folder,
            folder);
    fail("{}: holds no run of 'ergon rl train' (there is no result.json)", folder);
  }
  run.result = read_json_file(path);
  require(run.result.is_object() && run.result.value("schema", "") == kTrainSchema,
          "{}: is not a result of 'ergon rl train'", path);
  read_evaluations(run);
  return run;
}

void read_evaluations(RunCurve& run) {
  const std::string path = run.folder + "/evaluations.csv";
  const std::vector<std::string> lines = split_words(read_file(path), '\n');
  const std::vector<std::string> columns = split_words(lines.front());
  const auto cell = [&](const std::vector<std::string>& row, const char* column) {
    const auto found = std::find(columns.begin(), columns.end(), column);
    require(found != columns.end(), "{}: has no column '{}'", path, column);
    const std::string& word = row[static_cast<std::size_t>(found - columns.begin())];
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    require(end != word.c_str() && *end == '\0' && std::isfinite(value),
            "{}: '{}' under '{}' is no number", path, word, column);
    return value;
  };
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::vector<std::string> row = split_words(lines[i]);
    require(row.size() == columns.size(), "{}, line {}: has {} columns, the first line {}", path,
            i + 1, row.size(), columns.size());
    run.steps.push_back(static_cast<std::int64_t>(cell(row, "step")));
    run.deterministic.push_back(cell(row, "deterministic_mean"));
    run.stochastic.push_back(cell(row, "stochastic_mean"));
  }
  require(!run.steps.empty() && std::is_sorted(run.steps.begin(), run.steps.end()),
          "{}: holds no evaluations in the order of their steps", path);
}

std::string label_of(const RunCurve& run) {
  return fmt::format("{}, {}", environment_of(run),
                     run.result.at("agent").at("preset").get<std::string>());
}

SeedSummary summarise_seeds(std::vector<RunCurve> runs, std::string label) {
  require(!runs.empty(), "there are no runs to summarise");
  for (const RunCurve& run : runs) {
    require(environment_of(run) == environment_of(runs.front()),
            "{} is a run in {}, {} one in {}; returns of different environments have no mean",
            runs.front().folder, environment_of(runs.front()), run.folder, environment_of(run));
  }
  SeedSummary summary;
  summary.deterministic = band_of(runs, &RunCurve::deterministic);
  summary.stochastic = band_of(runs, &RunCurve::stochastic);
  require(!summary.deterministic.empty(),
          "the runs have no step in common at which all were evaluated; train them with the same "
          "--evaluate-every");
  summary.label = std::move(label);
  summary.runs = std::move(runs);
  return summary;
}

Json to_json(const SeedSummary& summary) {
  Json json;
  json["label"] = summary.label;
  json["environment"] = environment_of(summary.runs.front());
  json["runs"] = Json::array();
  for (const RunCurve& run : summary.runs) {
    json["runs"].push_back({{"folder", run.folder},
                            {"seed", run.result.at("seed")},
                            {"final", run.result.at("final")},
                            {"best", run.result.at("best")},
                            {"seconds", run.result.at("seconds")}});
  }
  const std::size_t count = summary.runs.size();
  json["final"] = {{"step", summary.deterministic.back().step},
                   {"deterministic", final_json(summary.deterministic.back(), count)},
                   {"stochastic", final_json(summary.stochastic.back(), count)}};
  json["curve"] = {{"step", Json::array()},
                   {"deterministic", band_json(summary.deterministic)},
                   {"stochastic", band_json(summary.stochastic)}};
  for (const BandPoint& point : summary.deterministic) json["curve"]["step"].push_back(point.step);
  return json;
}

LineFigure curves_figure(const std::vector<SeedSummary>& summaries, const std::string& title) {
  LineFigure figure{title, "environment steps", "return (interquartile mean)", {}};
  for (const SeedSummary& summary : summaries) {
    Curve curve{fmt::format("{} ({} seed{})", summary.label, summary.runs.size(),
                            summary.runs.size() == 1 ? "" : "s"),
                {},
                {}};
    for (const BandPoint& point : summary.deterministic) {
      curve.x.push_back(static_cast<double>(point.step));
      curve.y.push_back(point.value);
      curve.lower.push_back(point.lower);
      curve.upper.push_back(point.upper);
    }
    figure.curves.push_back(std::move(curve));
  }
  return figure;
}

std::string summary_table(const SeedSummary& summary) {
  std::string text = fmt::format(kRunColumns, summary.label, "deterministic", "s.e.",
                                 "95 % interval", "stochastic");
  for (const RunCurve& run : summary.runs) {
    const Json& last = run.result.at("final");
    text += fmt::format(kRunColumns,
                        fmt::format("  seed {}", run.result.at("seed").get<std::uint64_t>()),
                        number(last.at("deterministic").at("value")),
                        number(last.at("deterministic").at("standard_error")), "",
                        number(last.at("stochastic").at("value")));
  }
  const BandPoint& point = summary.deterministic.back();
  text += fmt::format(kRunColumns, fmt::format("  IQM at {}", grouped(point.step)),
                      fmt::format("{:.5g}", point.value), "",
                      fmt::format("{:.5g} to {:.5g}", point.lower, point.upper),
                      fmt::format("{:.5g}", summary.stochastic.back().value));
  return text;
}

}  // namespace ergon::app
