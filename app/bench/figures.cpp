#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/records.hpp"
#include "bench/table.hpp"
#include "ergon/core/figure.hpp"
#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

/// A quantity over a cost, of the records of one target.
struct Axes {
  const char* quantity;  ///< of the file's name
  std::string key;       ///< of the record
  std::string label;
  const char* cost;  ///< key, and part of the file's name
  const char* cost_label;
};

/// A logarithmic axis has no zero: a band ends at a tenth of its value where the error exceeds it.
constexpr double kLowestShare = 0.1;

void add_point(const Json& record, const Axes& axes, Curve& curve) {
  if (!record.contains(axes.key)) return;
  const double x = number_of(record.at(axes.cost));
  const double y = number_of(record.at(axes.key));
  if (!(std::isfinite(x) && std::isfinite(y) && x > 0 && y > 0)) return;
  const double reported = number_of(record.at(axes.key + "_standard_error"));
  const double error = std::isfinite(reported) ? reported : 0.0;
  curve.x.push_back(x);
  curve.y.push_back(y);
  curve.lower.push_back(std::max(y - error, kLowestShare * y));
  curve.upper.push_back(y + error);
}

/// Samplers that share a panel: a dozen curves in one could not be told apart.
struct Family {
  const char* title;
  bool (*has)(SamplerKind kind);
};

constexpr Family kFamilies[] = {
    {"Stein samplers", [](SamplerKind kind) { return is_stein(kind); }},
    {"Markov chains", [](SamplerKind kind) { return makes_chains(kind) && !is_stein(kind); }},
    {"annealing and laplace",
     [](SamplerKind kind) { return anneals(kind) || draws_independently(kind); }}};

std::vector<Curve> curves_of(const Json& records,
                             const std::string& target,
                             const Axes& axes,
                             const Family& family) {
  std::vector<Curve> curves;
  for (const Json& record : records) {
    const auto kind = from_name<SamplerKind>("sampler", record.at("kind").get<std::string>());
    if (record.at("target") != target || !family.has(kind)) continue;
    const auto name = record.at("sampler").get<std::string>();
    if (curves.empty() || curves.back().name != name) curves.push_back({name, {}, {}, {}, {}});
    add_point(record, axes, curves.back());
  }
  curves.erase(std::remove_if(curves.begin(), curves.end(),
                              [](const Curve& curve) { return curve.x.empty(); }),
               curves.end());
  return curves;
}

std::vector<std::string> targets_of(const Json& records) {
  std::vector<std::string> targets;
  for (const Json& record : records) {
    const auto target = record.at("target").get<std::string>();
    if (targets.empty() || targets.back() != target) targets.push_back(target);
  }
  return targets;
}

/// The main distance of a target: w2, or else energy_w2; empty: neither.
std::string distance_of(const Json& records, const std::string& target) {
  Json own = Json::array();
  for (const Json& record : records) {
    if (record.at("target") == target) own.push_back(record);
  }
  const std::vector<std::string> names = metric_names(own);
  for (const char* name : {"w2", "energy_w2"}) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
  }
  return "";
}

/// What exact draws have among themselves, where most of them are compared.
void add_floor(const Json& records,
               const std::string& target,
               const Axes& axes,
               LineFigure& figure) {
  std::vector<double> floors;
  for (const Json& record : records) {
    const auto floor = record.find(axes.key + "_floor");
    if (record.at("target") == target && floor != record.end() && floor->is_number())
      floors.push_back(floor->get<double>());
  }
  if (floors.empty()) return;
  figure.references.push_back({*std::min_element(floors.begin(), floors.end()), "exact draws"});
}

std::vector<Axes> axes_of(const Json& records, const std::string& target) {
  std::vector<Axes> all;
  const std::string distance = distance_of(records, target);
  const std::pair<const char*, const char*> costs[] = {
      {"evaluations", "evaluations (gradients and Hessian-vector products)"},
      {"seconds", "seconds"}};
  for (const auto& [cost, label] : costs) {
    all.push_back({"log-z", "log_z_absolute_error", "|log Z − reference|", cost, label});
    if (!distance.empty())
      all.push_back({"distance", "metric_" + distance,
                     distance == "w2" ? "W2 to exact draws" : "W2 of the energies", cost, label});
  }
  return all;
}

/// A curve that shows nothing and gives every panel the axes of all.
Curve span_of(const PanelFigure& figure) {
  Curve span;
  const auto add = [&span](double x, double y) {
    span.x.push_back(x);
    span.y.push_back(y);
    span.lower.push_back(y);
    span.upper.push_back(y);
  };
  constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
  for (const LineFigure& panel : figure.panels) {
    for (const Curve& curve : panel.curves) {
      for (const double x : curve.x) add(x, kGap);
      for (const double y : curve.lower) add(kGap, y);
      for (const double y : curve.upper) add(kGap, y);
    }
  }
  return span;
}

PanelFigure figure_of(const Json& records, const std::string& target, const Axes& axes) {
  PanelFigure figure;
  figure.title = target;
  for (const Family& family : kFamilies) {
    LineFigure panel;
    panel.title = family.title;
    panel.x_label = axes.cost_label;
    panel.y_label = axes.label;
    panel.curves = curves_of(records, target, axes, family);
    panel.log_x = panel.log_y = true;
    if (panel.curves.empty()) continue;
    add_floor(records, target, axes, panel);
    figure.panels.push_back(std::move(panel));
  }
  const Curve span = span_of(figure);
  for (LineFigure& panel : figure.panels) panel.curves.push_back(span);
  return figure;
}

}  // namespace

std::vector<std::string> draw_bench(const Json& records, const std::string& folder) {
  std::vector<std::string> names;
  for (const std::string& target : targets_of(records)) {
    for (const Axes& axes : axes_of(records, target)) {
      const PanelFigure figure = figure_of(records, target, axes);
      if (figure.panels.empty()) continue;
      names.push_back(fmt::format("{}-{}-{}.svg", target, axes.quantity, axes.cost));
      write_svg(figure, folder + "/" + names.back());
    }
  }
  return names;
}

}  // namespace ergon::app
