#include "bench/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/records.hpp"
#include "bench/references.hpp"
#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

constexpr const char* kNothing = "-";
constexpr double kRounding = 1e-9;     ///< what is smaller is zero
constexpr double kEndlessShape = 1e6;  ///< a Pareto k̂ beyond stands for an infinite one

/// As many decimals as two digits of the standard error have; four digits without an error.
std::string measured(double value, double error) {
  if (!std::isfinite(value)) return kNothing;
  if (std::abs(value) < kRounding && !(error >= kRounding)) return "0";
  if (!std::isfinite(error) || error <= 0) return fmt::format("{:.4g}", value);
  const double decimals = 1 - std::floor(std::log10(error));
  if (decimals < 0 || decimals > 6) return fmt::format("{:.3g} ± {:.2g}", value, error);
  return with_error(value, error, static_cast<int>(decimals));
}

std::string measured(const Json& record, const std::string& key, double shift = 0.0) {
  if (!record.contains(key)) return kNothing;
  return measured(number_of(record.at(key)) - shift, number_of(record.at(key + "_standard_error")));
}

/// 123456 as "1.23e5": runs differ by factors.
std::string amount(double value) {
  if (!std::isfinite(value)) return kNothing;
  return value < 100'000 ? fmt::format("{:.0f}", value) : fmt::format("{:.2e}", value);
}

/// log Z or a bound, as its distance from the reference where there is one. † marks numbers by an
/// approximate density.
std::string estimate_cell(const Json& record, const std::string& key) {
  const double reference = number_of(record.at("reference"));
  const std::string cell = measured(record, key, std::isfinite(reference) ? reference : 0.0);
  if (cell == kNothing) return cell;
  return cell + (record.at("approximate") == true ? "†" : "");
}

/// A distance, and in parentheses what as many exact draws have among themselves.
std::string metric_cell(const Json& record, const std::string& name) {
  const std::string key = "metric_" + name;
  const std::string cell = measured(record, key);
  const double floor = record.contains(key) ? number_of(record.at(key + "_floor")) : 0.0;
  return cell == kNothing || !(floor > 0) ? cell : fmt::format("{} ({:.2g})", cell, floor);
}

std::string shape_cell(const Json& record) {
  const double shape = number_of(record.at("largest_pareto_k"));
  if (std::abs(shape) > kEndlessShape) return shape > 0 ? "∞" : "−∞";
  return fixed(shape, 2);
}

std::string sampler_cell(const Json& record) {
  const auto name = record.at("sampler").get<std::string>();
  const auto runs = record.at("runs").get<std::size_t>();
  const auto finished = record.at("finished_runs").get<std::size_t>();
  if (finished == runs) return name;
  return fmt::format("{} ({} of {} runs)", name, finished, runs);
}

struct Column {
  std::string heading;
  std::vector<std::string> cells;
};

std::vector<Column> columns_of(const Json& records) {
  const bool known = records.at(0).at("reference").is_number() ||
                     std::any_of(records.begin(), records.end(),
                                 [](const Json& r) { return r.at("reference").is_number(); });
  const std::string error = known ? " − ref." : "";
  std::vector<Column> columns = {
      {"sampler", {}},      {"budget", {}},           {"log Z" + error, {}},
      {"ELBO" + error, {}}, {"EUBO" + error, {}},     {"ESS share", {}},
      {"k̂ max", {}},        {"ESS / 1000 eval.", {}}, {"R̂ max", {}}};
  const std::vector<std::string> metrics = metric_names(records);
  for (const std::string& metric : metrics) columns.push_back({metric, {}});
  for (const char* heading : {"acceptance", "evaluations", "seconds"})
    columns.push_back({heading, {}});
  for (const Json& record : records) {
    std::vector<std::string> line = {sampler_cell(record),
                                     fmt::format("{}", record.at("budget").get<std::int64_t>()),
                                     estimate_cell(record, "log_z"),
                                     estimate_cell(record, "elbo"),
                                     estimate_cell(record, "eubo"),
                                     measured(record, "ess_share"),
                                     shape_cell(record),
                                     measured(record, "bulk_ess_per_1000_evaluations"),
                                     fixed(number_of(record.at("largest_r_hat")), 3)};
    for (const std::string& metric : metrics) line.push_back(metric_cell(record, metric));
    line.push_back(fixed(number_of(record.at("acceptance")), 2));
    line.push_back(amount(number_of(record.at("evaluations"))));
    line.push_back(fixed(number_of(record.at("seconds")), 1));
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].cells.push_back(line[i]);
  }
  return columns;
}

/// The table without columns in which nothing stands.
std::string section_table(const Json& records) {
  std::vector<std::string> headings;
  std::vector<std::vector<std::string>> lines(records.size());
  for (const Column& column : columns_of(records)) {
    const bool empty = std::all_of(column.cells.begin(), column.cells.end(),
                                   [](const std::string& cell) { return cell == kNothing; });
    if (empty) continue;
    headings.push_back(column.heading);
    for (std::size_t i = 0; i < lines.size(); ++i) lines[i].push_back(column.cells[i]);
  }
  return markdown_table(headings, lines);
}

/// Why lines are empty, or not what they seem; one line for all budgets of which the same is said.
std::string remarks(const Json& records) {
  std::vector<std::pair<std::string, std::string>> found;  // what is said, and of which budgets
  for (const Json& record : records) {
    const auto add = [&](const char* key, const char* words) {
      if (!record.at(key).is_string()) return;
      const std::string said = words + record.at(key).get<std::string>();
      const auto sampler = record.at("sampler").get<std::string>();
      const auto budget = record.at("budget").get<std::int64_t>();
      const bool again = !found.empty() && found.back().first == said &&
                         found.back().second.rfind(sampler + " at ", 0) == 0;
      if (again) {
        found.back().second += fmt::format(", {}", budget);
      } else {
        found.emplace_back(said, fmt::format("{} at {}", sampler, budget));
      }
    };
    if (record.at("failure").is_null()) add("not_run", "not run: ");
    add("failure", "failed: ");
    add("status", "");
  }
  std::string text = found.empty() ? "" : "\n";
  for (const auto& [said, where] : found) text += fmt::format("* {}: {}\n", where, said);
  return text;
}

/// What the reference run of the target was, and whether it can be relied on.
std::string reference_text(const std::string& target, const Json& references) {
  for (const Json& run : references) {
    if (run.at("target") != target) continue;
    const auto sampler = run.at("sampler").get<std::string>();
    if (run.at("finished") == false)
      return fmt::format("The reference run by {} failed: {}\n\n", sampler,
                         run.at("failure").get<std::string>());
    const auto word = [&](const char* key) { return amount(number_of(run.at(key))); };
    std::string text = fmt::format(
        "Reference run: {}, {} chains of {} draws, R̂ {}, bulk ESS {}, {} evaluations, {} s.",
        sampler, word("chains"), word("draws"), fixed(number_of(run.at("r_hat")), 4),
        word("bulk_ess"), word("evaluations"), fixed(number_of(run.at("seconds")), 1));
    if (run.at("converged") == false) {
      text += fmt::format(
          " **Its R̂ is not below {}: neither its draws nor its log Z can be relied on.**",
          kMostReferenceRHat);
    }
    return text + "\n\n";
  }
  return "";
}

std::string section(const std::string& target, const Json& records, const Json& references) {
  std::string text = fmt::format("\n## {}\n\n{}", target, reference_text(target, references));
  for (const Json& record : records) {
    if (!record.at("reference").is_number()) continue;
    const double error = number_of(record.at("reference_standard_error"));
    text += fmt::format("Reference log Z: {}{}.\n\n",
                        error > 0 ? measured(number_of(record.at("reference")), error)
                                  : fmt::format("{}", number_of(record.at("reference"))),
                        record.at("reference_by_run") == true ? ", by the reference run" : "");
    break;
  }
  return text + section_table(records) + remarks(records);
}

std::string gate_section(const GateVerdict& verdict) {
  std::string text = fmt::format(
      "\n## Sanity gate\n\n{} bounds were held against references: {}.\n", verdict.checked,
      verdict.violations.empty()
          ? "none is violated"
          : fmt::format("{} are violated, and the benchmark fails", verdict.violations.size()));
  for (const auto& sentence : verdict.violations) text += fmt::format("\n* FAILS: {}", sentence);
  for (const auto& sentence : verdict.flags)
    text += fmt::format("\n* to be looked at: {}", sentence);
  return text + (verdict.violations.empty() && verdict.flags.empty() ? "" : "\n");
}

std::string legend(const std::string& seeds, const Json& records) {
  double pilots = 0.0;
  std::string before;
  for (const Json& record : records) {  // a pair's pilots are named in all its lines
    const std::string pair =
        record.at("target").get<std::string>() + "/" + record.at("sampler").get<std::string>();
    if (pair != before) pilots += number_of(record.at("pilot_evaluations"));
    before = pair;
  }
  return fmt::format(
      "Means ± standard errors over seeds {}; with one seed, the run's own error. Budgets and "
      "evaluations: gradients and Hessian-vector products over all particles, fits included. Pilot "
      "runs, which say what a budget buys, cost another {}. −: a difference from the reference; †: "
      "by an approximate density, not a bound; ESS of weights as a share of the draws, of chains "
      "as the smallest bulk ESS per 1000 evaluations; distances with, in parentheses, what as many "
      "exact draws have among themselves.\n",
      seeds, amount(pilots));
}

}  // namespace

std::string bench_markdown(const BenchFile& file,
                           const std::string& seeds,
                           const Json& records,
                           const Json& references,
                           const GateVerdict& verdict) {
  std::string text = fmt::format("# {}\n\n", file.name);
  if (!file.description.empty()) text += file.description + "\n\n";
  text += legend(seeds, records);
  for (const BenchTarget& target : file.targets) {
    Json own = Json::array();
    for (const Json& record : records) {
      if (record.at("target") == target.name) own.push_back(record);
    }
    if (!own.empty()) text += section(target.name, own, references);
  }
  return text + gate_section(verdict);
}

}  // namespace ergon::app
