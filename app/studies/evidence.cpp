#include <cmath>
#include <cstdio>

#include "ergon/core/files.hpp"
#include "studies/statistics.hpp"
#include "studies/studies.hpp"

namespace ergon::app {
namespace {

struct Row {
  const char* name;
  double log_z;
  double log_z_error;    ///< of the reference
  double largest_error;  ///< that the standard error of a run may have
  const char* arguments;
  const char* data = "";  ///< file in --data-folder
};

/// The scales' coordinates of `brownian` start at a scale of 0.13, the path at 0.
constexpr const char* kBrownian =
    "brownian --sampler smc "
    "--initial-mean=-2,-2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
    "0,0,0,0 --initial-stddev 0.7 --mass dense --ladder-ess 0.97 --particles 500 --moves 10";

/// The settings were chosen on seed 0; the default seed is another. References:
/// docs/guide/targets.md.
const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"brownian", 1.18775, 1e-6, 0.05, kBrownian},
      {"seeds", -73.406, 0.0008, 0.05,
       "seeds --sampler smc --ladder-ess 0.97 --particles 1000 --moves 3"},
      {"german-credit", -585.097, 0.002, 0.05,
       "german-credit --sampler ais --precondition laplace --initial-stddev 1.1 --steps 20",
       "german_credit.csv"},
      {"ionosphere", -111.615, 0.004, 0.05,
       "ionosphere --sampler ais --precondition laplace --initial-stddev 1.1 --steps 30",
       "ionosphere.csv"},
      {"sonar", -108.392, 0.006, 0.05,
       "sonar --sampler ais --precondition laplace --initial-stddev 1.1 --steps 30", "sonar.csv"},
      {"breast-cancer", -77.577, 0.015, 0.05,
       "breast-cancer --sampler ais --precondition laplace --initial-stddev 1.5 --steps 100",
       "breast_cancer.csv"},
      {"many-well-32", 164.6957, 0.0, 0.05,
       "many-well --sampler smc --initial-stddev 1.5 --ladder-ess 0.97 --particles 3000 --moves 2"},
      {"finnish-pines", 501.70, 0.05, 0.2,
       "finnish-pines --sampler ais --precondition laplace --mass identity --sets 4 --particles 50 "
       "--steps 60",
       "finnish_pines.csv"},
  };
  return rows;
}

constexpr double kErrorsAllowed = 3.0;  // standard errors

std::vector<std::string> row_names() {
  std::vector<std::string> names;
  for (const Row& row : table()) names.emplace_back(row.name);
  return names;
}

bool is_skipped(const Row& row, const StudyOptions& options) {
  return *row.data != '\0' && options.data_folder.empty();
}

std::string data_path(const Row& row, const StudyOptions& options) {
  return fmt::format("{}/{}", options.data_folder, row.data);
}

/// Asks for the data before anything is computed.
void prepare(const StudyOptions& options) {
  for (const Row& row : table()) {
    if (!is_chosen(options, row.name) || *row.data == '\0') continue;
    if (is_skipped(row, options)) {
      fmt::print(stderr, "ergon: {} is left out: give the folder of {} with --data-folder\n",
                 row.name, row.data);
    } else {
      require(file_exists(data_path(row, options)), "--data-folder: there is no {}",
              data_path(row, options));
    }
  }
}

std::vector<Cell> cells(const StudyOptions& options, const std::vector<std::uint64_t>& seeds) {
  std::vector<Cell> list;
  for (const Row& row : table()) {
    if (!is_chosen(options, row.name) || is_skipped(row, options)) continue;
    auto arguments = joined(words(row.arguments), {{"--no-figures"}});
    if (*row.data != '\0') arguments = joined(arguments, {{"--data", data_path(row, options)}});
    if (options.quick) arguments = quickened(arguments);
    for (const std::uint64_t seed : seeds) {
      list.push_back({row.name, "", 0, seed,
                      fmt::format("{}/{}/seed-{}", options.out, row.name, seed),
                      joined(arguments, {{"--seed", std::to_string(seed)}})});
    }
  }
  return list;
}

const Row& row_of(const CellGroup& group) {
  for (const Row& row : table()) {
    if (row.name == group.front().cell.row) return row;
  }
  fail("there is no row {} in the study evidence", group.front().cell.row);
}

Json record_of(const CellGroup& group) {
  const Row& row = row_of(group);
  const CellGroup finished = finished_of(group);
  const auto count = static_cast<double>(finished.size());
  const double log_z = mean(numbers_at(finished, "/log_z/estimate"));
  const double of_a_run = mean(numbers_at(finished, "/log_z/standard_error"));
  const double error = std::hypot(of_a_run / std::sqrt(count), row.log_z_error);
  Json record;
  record["target"] = row.name;
  record["reference_log_z"] = row.log_z;
  record["reference_standard_error"] = row.log_z_error;
  record["runs"] = group.size();
  record["finished_runs"] = finished.size();
  record["log_z"] = finite(log_z);
  record["mean_reported_standard_error"] = finite(of_a_run);
  record["error_in_standard_errors"] = finite((log_z - row.log_z) / error);
  record["elbo"] = finite(mean(numbers_at(finished, "/elbo/estimate")));
  record["mean_seconds"] = finite(mean(numbers_at(finished, "/seconds")));
  record["mean_gradients"] = finite(mean(numbers_at(finished, "/target_evaluations/gradient")));
  const bool agrees = std::abs(log_z - row.log_z) <= kErrorsAllowed * error;
  const bool sharp = of_a_run <= row.largest_error;
  record["verdict"] = agrees && sharp ? "agrees"
                      : agrees        ? "agrees, but its error is large"
                                      : "fails";
  return record;
}

StudyTable tabulate(const std::vector<CellGroup>& groups, const StudyOptions& options) {
  StudyTable result;
  std::vector<std::vector<std::string>> lines;
  double seconds = 0.0;
  for (const CellGroup& group : groups) {
    result.rows.push_back(record_of(group));
    const Json& record = result.rows.back();
    const auto number = [&record](const char* key) { return number_of(record.at(key)); };
    seconds += number("mean_seconds");
    lines.push_back({record.at("target").get<std::string>(),
                     with_error(number("reference_log_z"), number("reference_standard_error"), 4),
                     fixed(number("log_z"), 4), fixed(number("mean_reported_standard_error"), 4),
                     with_sign(number("error_in_standard_errors"), 1), fixed(number("elbo"), 3),
                     fixed(number("mean_gradients"), 0), fixed(number("mean_seconds"), 0),
                     record.at("verdict").get<std::string>()});
  }
  result.markdown = markdown_table({"target", "reference", "log Z", "s.e.", "error / s.e.", "ELBO",
                                    "gradients", "seconds", "verdict"},
                                   lines);
  result.markdown += fmt::format(
      "\nMeans over the seeds ({}); s.e.: as one run reports it; error / s.e. with the reference's "
      "own; seconds of a run, one thread each, {:.0f} in all.\n",
      options.seeds, seconds);
  for (const Row& row : table()) {
    if (is_chosen(options, row.name) && is_skipped(row, options))
      result.markdown += fmt::format("\n{} was left out: no --data-folder.\n", row.name);
  }
  return result;
}

}  // namespace

Study evidence_study() {
  Study study{};
  study.name = "evidence";
  study.summary = "log Z of posteriors and many wells by SMC and by AIS from a Laplace fit";
  study.description =
      "Runs smc, or ais in the coordinates of a Laplace fit, on targets with a reference log Z, "
      "and "
      "says whether the estimates agree within three standard errors.";
  study.seeds = "1";
  study.quick_seeds = "0";
  study.reads_data = true;
  study.survives_failures = true;
  study.rows = row_names;
  study.prepare = prepare;
  study.cells = cells;
  study.tabulate = tabulate;
  return study;
}

}  // namespace ergon::app
