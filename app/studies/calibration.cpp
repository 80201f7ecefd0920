#include <fmt/format.h>

#include "studies/statistics.hpp"
#include "studies/studies.hpp"

namespace ergon::app {
namespace {

// ---- the settings of the table
// -------------------------------------------------------------------------------------

enum class Expected { kCoverage, kWarning };

struct Row {
  const char* name;
  Expected expected;      ///< intervals that cover, or a warning that they need not
  const char* arguments;  ///< of `ergon sample`
};

/// Nothing is learned: what a run has at hand without a fit must be judged rightly, too. The last
/// row is a target whose tails no such flow reaches.
const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"gaussian-worked", Expected::kCoverage,
       "gaussian-worked --initial-stddev 2.4495 --bandwidth-value 1.5 --steps 50"},
      {"mixture-4", Expected::kCoverage,
       "mixture-4 --initial-stddev 3 --bandwidth-value 1.5 --steps 50"},
      {"standard-normal-10", Expected::kCoverage,
       "standard-normal --dim 10 --initial-stddev 1.5 --bandwidth-value 5 --steps 50"},
      {"funnel-10-narrow-q0", Expected::kWarning,
       "funnel --dim 10 --initial-stddev 0.5 --bandwidth-value 3 --steps 20"},
  };
  return rows;
}

constexpr const char* kRun =
    "--sampler stein-flow --estimate flow --initial-fitting fixed --bandwidth fixed "
    "--step-size bound-fraction --step-size-value 0.5 --particles 100 --draws 2000 --no-figures";

constexpr double kLargeShape = 0.7;  // k̂ above it: even the mean of the weights converges slowly
constexpr const char* kWarnsAboutShape = "Pareto k̂ = ";
constexpr const char* kWarnsOfDistrust = "can be trusted";

// ---- cells
// ---------------------------------------------------------------------------------------------------------

std::vector<std::string> row_names() {
  std::vector<std::string> names;
  for (const Row& row : table()) names.emplace_back(row.name);
  return names;
}

std::vector<Cell> cells(const StudyOptions& options, const std::vector<std::uint64_t>& seeds) {
  std::vector<Cell> list;
  for (const Row& row : table()) {
    if (!is_chosen(options, row.name)) continue;
    auto arguments = joined(words(row.arguments), {words(kRun)});
    if (options.quick) arguments = quickened(arguments);
    for (const std::uint64_t seed : seeds) {
      list.push_back({row.name, "", 0, seed,
                      fmt::format("{}/{}/seed-{}", options.out, row.name, seed),
                      joined(arguments, {{"--seed", std::to_string(seed)}})});
    }
  }
  return list;
}

// ---- the table
// -----------------------------------------------------------------------------------------------------

struct Quantity {
  const char* name;
  const char* key;  ///< in result.json, also of the known value under "target"
};

constexpr Quantity kQuantities[] = {{"log Z", "log_z"}, {"entropy", "entropy"}};

/// Coverage and error of one quantity of a target over the seeds.
Json coverage_of(const CellGroup& group, const Quantity& quantity) {
  const std::string place = fmt::format("/{}", quantity.key);
  std::vector<double> covered;
  std::vector<double> errors;
  for (const CellResult& cell : group) {
    const double known = number_at(cell.result, fmt::format("/target{}", place));
    const double lower = number_at(cell.result, place + "/interval/0");
    const double upper = number_at(cell.result, place + "/interval/1");
    covered.push_back(lower <= known && known <= upper ? 1.0 : 0.0);  // none covers nothing
    errors.push_back(number_at(cell.result, place + "/estimate") - known);
  }
  const double share = mean(covered);
  Json record;
  record["target"] = group.front().cell.row;
  record["quantity"] = quantity.key;
  record["runs"] = group.size();
  record["coverage"] = finite(share);
  record["coverage_standard_error"] = finite(binomial_error(share, group.size()));
  record["mean_error"] = finite(mean(errors));
  record["mean_error_standard_error"] = finite(standard_error(errors));
  record["spread"] = finite(standard_deviation(errors));
  record["mean_reported_standard_error"] =
      finite(mean(numbers_at(group, place + "/standard_error")));
  return record;
}

/// How far the runs of a target say that they are to be trusted.
Json trust_of(const CellGroup& group) {
  const std::vector<double> shapes = numbers_at(group, "/pareto_k");
  std::size_t large = 0;
  std::size_t large_and_warned = 0;
  std::size_t warnings = 0;
  for (const CellResult& cell : group) {
    if (warned(cell.result, kWarnsAboutShape)) ++warnings;
    if (!(number_at(cell.result, "/pareto_k") > kLargeShape)) continue;
    ++large;
    if (warned(cell.result, kWarnsOfDistrust)) ++large_and_warned;
  }
  Json record;
  record["mean_elbo"] = finite(mean(numbers_at(group, "/elbo/estimate")));
  record["mean_ess_share"] = finite(mean(numbers_at(group, "/ess_share")));
  record["mean_pareto_k"] = finite(mean(shapes));
  record["largest_pareto_k"] = finite(largest(shapes));
  record["runs_that_warned_about_pareto_k"] = warnings;
  record["runs_with_large_pareto_k"] = large;
  record["of_those_warned"] = large_and_warned;
  record["mean_seconds"] = finite(mean(numbers_at(group, "/seconds")));
  return record;
}

bool expects(const CellGroup& group, Expected expected) {
  for (const Row& row : table()) {
    if (row.name == group.front().cell.row) return row.expected == expected;
  }
  return false;
}

std::vector<std::string> coverage_line(const Json& record, const Quantity& quantity) {
  const auto percent = [&record](const char* key) { return 100 * number_of(record.at(key)); };
  const auto number = [&record](const char* key) { return number_of(record.at(key)); };
  return {
      fmt::format("{}, {}", record.at("target").get<std::string>(), quantity.name),
      fmt::format("{} %", with_error(percent("coverage"), percent("coverage_standard_error"), 1)),
      with_error(number("mean_error"), number("mean_error_standard_error"), 5),
      fixed(number("mean_reported_standard_error"), 5), fixed(number("spread"), 5)};
}

/// "200 of 200", or "-" where there is nothing to count.
std::string of_those(std::size_t count, std::size_t all) {
  return all == 0 ? "-" : fmt::format("{} of {}", count, all);
}

std::vector<std::string> trust_line(const CellGroup& group, const Json& record) {
  const auto number = [&record](const char* key) { return number_of(record.at(key)); };
  const auto count = [&record](const char* key) { return record.at(key).get<std::size_t>(); };
  const std::size_t large = count("runs_with_large_pareto_k");
  return {group.front().cell.row,
          std::to_string(group.size()),
          fixed(number("mean_ess_share"), 3),
          fixed(number("largest_pareto_k"), 2),
          std::to_string(count("runs_that_warned_about_pareto_k")),
          of_those(large, group.size()),
          of_those(count("of_those_warned"), large)};
}

StudyTable tabulate(const std::vector<CellGroup>& groups, const StudyOptions&) {
  StudyTable result;
  std::vector<std::vector<std::string>> coverage_lines;
  std::vector<std::vector<std::string>> trust_lines;
  for (const CellGroup& group : groups) {
    const Json trust = trust_of(group);
    for (const Quantity& quantity : kQuantities) {
      Json record = coverage_of(group, quantity);
      if (expects(group, Expected::kCoverage))
        coverage_lines.push_back(coverage_line(record, quantity));
      record.update(trust);
      result.rows.push_back(record);
    }
    trust_lines.push_back(trust_line(group, trust));
  }
  if (!coverage_lines.empty()) {
    result.markdown = markdown_table({"target", "95 % intervals that cover", "mean error",
                                      "mean reported s.e.", "spread over seeds"},
                                     coverage_lines) +
                      "\n";
  }
  result.markdown +=
      markdown_table({"target", "runs", "mean ESS share", "largest k̂", "warned about k̂", "k̂ > 0.7",
                      "of those warned not to trust"},
                     trust_lines) +
      "\nErrors in nats, ± one standard error over the seeds. The ELBO has no known value to "
      "cover.\n";
  return result;
}

}  // namespace

Study calibration_study() {
  Study study{};
  study.name = "calibration";
  study.summary = "how often the 95 % intervals cover, and whether the warning fires where needed";
  study.description =
      "Runs Stein flows without a fit on targets whose log Z and entropy are known and counts over "
      "the seeds how many of the 95 % intervals cover them; on a funnel that such a flow cannot "
      "reach it counts how often Pareto k is above 0.7 and whether every such run warned.";
  study.seeds = "0-199";
  study.quick_seeds = "0-1";
  study.rows = row_names;
  study.cells = cells;
  study.tabulate = tabulate;
  return study;
}

}  // namespace ergon::app
