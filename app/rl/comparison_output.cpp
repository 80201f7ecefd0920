#include <algorithm>
#include <cctype>

#include "ergon/core/machine.hpp"
#include "ergon/core/report.hpp"
#include "rl/comparison.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

constexpr const char* kCompareSchema = "ergon-rl-compare/1";
constexpr const char* kColumns = "{:<40}{:>8}{:>12}{:>12}{:>26}\n";
constexpr const char* kPublishedColumns = "  {:<34}{:<24}{:>12}{:>10}{:>18}  {}\n";

std::string between(double lower, double upper) {
  return fmt::format("{:.5g} to {:.5g}", lower, upper);
}

std::string spread_of(const PublishedReturn& published) {
  if (published.interval) return between(published.interval->first, published.interval->second);
  return published.spread ? fmt::format("± {:.5g}", *published.spread) : "";
}

/// A published number at a step of its training.
struct PublishedPoint {
  std::int64_t step;
  double value;
};

/// How far beyond ours a published curve is shown, relative to the length of ours.
constexpr double kBeyond = 1.5;

/// Of a published curve as much as compares with ours: up to the first point at or beyond `last`.
std::vector<PublishedPoint> curve_points(const PublishedReturn& published, std::int64_t last) {
  std::vector<PublishedPoint> points;
  for (std::size_t i = 0; i < published.steps.size(); ++i) {
    if (static_cast<double>(published.steps[i]) > kBeyond * static_cast<double>(last)) break;
    points.push_back({published.steps[i], published.returns[i]});
    if (published.steps[i] >= last) break;
  }
  return points;
}

std::string published_lines(const EnvironmentComparison& comparison) {
  if (comparison.published.empty()) return "";
  std::string text = "published, each by a protocol of its own\n";
  for (const PublishedReturn& published : comparison.published) {
    const auto line = [&](const PublishedPoint& point, const std::string& spread,
                          const std::string& protocol) {
      return fmt::format(kPublishedColumns, published.name,
                         published.algorithm + ", " + published.environment, grouped(point.step),
                         fmt::format("{:.5g}", point.value), spread, protocol);
    };
    for (const PublishedPoint& point : curve_points(published, comparison.last)) {
      if (point.step != published.step) text += line(point, "", "");
    }
    text += line({published.step, published.value}, spread_of(published), published.protocol);
  }
  return text;
}

Json cell_json(const ComparedCell& cell, std::size_t runs) {
  return {{"asked", cell.asked},
          {"step", cell.step},
          {"value", cell.mean.value},
          {"interval", Json::array({cell.mean.lower, cell.mean.upper})},
          {"method", fmt::format("interquartile mean over {} runs of the mean deterministic return "
                                 "of the evaluation at `step`; 95 % percentile interval of {} "
                                 "stratified bootstrap resamples",
                                 runs, kFinalResamples)}};
}

Json group_json(const ComparedGroup& group) {
  Json json = to_json(group.summary);
  json["at"] = Json::array();
  for (const ComparedCell& cell : group.cells)
    json["at"].push_back(cell_json(cell, group.summary.runs.size()));
  return json;
}

Json improvement_json(const Improvement& improvement) {
  return {{"first", improvement.first},
          {"second", improvement.second},
          {"value", improvement.probability.value},
          {"interval", Json::array({improvement.probability.lower, improvement.probability.upper})},
          {"method", fmt::format("share of pairs of runs in which that of `first` has the higher "
                                 "return, ties counting half; 95 % percentile interval of {} "
                                 "stratified bootstrap resamples",
                                 kFinalResamples)}};
}

Json environment_json(const EnvironmentComparison& comparison) {
  Json json = {{"environment", comparison.environment},
               {"last", comparison.last},
               {"at", comparison.at},
               {"groups", Json::array()},
               {"improvements", Json::array()},
               {"published", Json::array()},
               {"notes", comparison.notes}};
  for (const ComparedGroup& group : comparison.groups) json["groups"].push_back(group_json(group));
  for (const Improvement& improvement : comparison.improvements)
    json["improvements"].push_back(improvement_json(improvement));
  for (const PublishedReturn& published : comparison.published)
    json["published"].push_back(to_json(published));
  return json;
}

using Rows = std::vector<std::vector<std::string>>;

void add_groups(Report& report, const EnvironmentComparison& comparison) {
  Rows rows;
  for (const ComparedGroup& group : comparison.groups) {
    for (const ComparedCell& cell : group.cells) {
      rows.push_back({group.summary.label, std::to_string(group.summary.runs.size()),
                      grouped(cell.step), fmt::format("{:.5g}", cell.mean.value),
                      between(cell.mean.lower, cell.mean.upper)});
    }
  }
  report.table({"runs", "seeds", "step", "interquartile mean", "95 % interval"}, rows);
  if (comparison.improvements.empty()) return;
  rows.clear();
  for (const Improvement& improvement : comparison.improvements) {
    const BootstrapInterval& probability = improvement.probability;
    rows.push_back({improvement.first, improvement.second, fmt::format("{:.3g}", probability.value),
                    between(probability.lower, probability.upper)});
  }
  report.paragraph(
      fmt::format("Probability that a run of the first group has the higher return at "
                  "step {}:",
                  grouped(comparison.last)));
  report.table({"first", "second", "probability", "95 % interval"}, rows);
}

void add_published(Report& report, const EnvironmentComparison& comparison) {
  if (comparison.published.empty()) return;
  report.paragraph(
      "Published returns, which differ as much by protocol as by algorithm; of dashed curves only "
      "the points are published:");
  Rows rows;
  for (const PublishedReturn& published : comparison.published) {
    rows.push_back({published.name, published.algorithm, published.environment,
                    grouped(published.step), fmt::format("{:.5g}", published.value),
                    spread_of(published), published.protocol, published.source});
  }
  report.table({"whose", "algorithm", "environment", "step", "return", "interval or ±", "protocol",
                "source"},
               rows);
}

}  // namespace

Json to_json(const std::vector<EnvironmentComparison>& comparisons) {
  Json json = {{"schema", kCompareSchema}, {"environments", Json::array()}};
  for (const EnvironmentComparison& comparison : comparisons)
    json["environments"].push_back(environment_json(comparison));
  json["versions"] = {{"ergon", ergon_version()}, {"revision", ergon_revision()}};
  return json;
}

std::string comparison_table(const EnvironmentComparison& comparison) {
  std::string text =
      fmt::format("{}, returns of evaluations without noise\n", comparison.environment) +
      fmt::format(kColumns, "", "seeds", "step", "IQM", "95 % interval");
  for (const ComparedGroup& group : comparison.groups) {
    for (const ComparedCell& cell : group.cells) {
      text += fmt::format(kColumns, group.summary.label, group.summary.runs.size(),
                          grouped(cell.step), fmt::format("{:.5g}", cell.mean.value),
                          between(cell.mean.lower, cell.mean.upper));
    }
  }
  for (const Improvement& improvement : comparison.improvements) {
    const BootstrapInterval& probability = improvement.probability;
    text += fmt::format("P({} > {}) = {:.3g} ({} by the bootstrap)\n", improvement.first,
                        improvement.second, probability.value,
                        between(probability.lower, probability.upper));
  }
  text += published_lines(comparison);
  for (const std::string& note : comparison.notes) text += labelled_line("note", note);
  return text;
}

LineFigure comparison_figure(const EnvironmentComparison& comparison) {
  std::vector<SeedSummary> summaries;
  for (const ComparedGroup& group : comparison.groups) summaries.push_back(group.summary);
  LineFigure figure = curves_figure(summaries, comparison.environment);
  for (const PublishedReturn& published : comparison.published) {
    Curve curve{fmt::format("{}, {}", published.name, published.environment), {}, {}};
    curve.style = CurveStyle::kDashed;
    for (const PublishedPoint& point : curve_points(published, comparison.last)) {
      curve.x.push_back(static_cast<double>(point.step));
      curve.y.push_back(point.value);
    }
    if (!curve.x.empty()) figure.curves.push_back(std::move(curve));
  }
  return figure;
}

std::string figure_file(const std::vector<EnvironmentComparison>& comparisons, std::size_t index) {
  if (comparisons.size() == 1) return "curves.svg";
  std::string name = comparisons[index].environment;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(std::isalnum(c) != 0 ? std::tolower(c) : '-');
  });
  return "curves-" + name + ".svg";
}

std::string comparison_report(const std::vector<EnvironmentComparison>& comparisons,
                              const std::vector<std::string>& figures) {
  Report report("Learning curves compared");
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const EnvironmentComparison& comparison = comparisons[i];
    report.heading(comparison.environment);
    for (const std::string& note : comparison.notes) report.paragraph(note);
    if (i < figures.size()) {
      report.figure(figures[i],
                    "Returns of evaluations without noise: interquartile mean over runs, and its "
                    "95 % bootstrap band; dashed: published");
    }
    add_groups(report, comparison);
    add_published(report, comparison);
  }
  report.heading("Made with").table({{"ergon", ergon_version()}, {"revision", ergon_revision()}});
  return report.html();
}

}  // namespace ergon::app
