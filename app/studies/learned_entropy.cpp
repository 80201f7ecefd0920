#include <fmt/format.h>

#include "studies/statistics.hpp"
#include "studies/studies.hpp"

namespace ergon::app {
namespace {

// ---- the settings of the table
// -------------------------------------------------------------------------------------

/// A row: a target whose entropy is known, and the start that both samplers share.
struct Row {
  const char* name;
  const char* shared;    ///< arguments of `ergon sample` for both samplers
  const char* p_svgd;    ///< of P-SVGD alone
  const char* met_svgd;  ///< of MET-SVGD alone
};

/// Starts as in the published quick start (q0 = N(2 1, I) learned, sigma from 1) and in the worked
/// example (q0 from N(0, 6 I)); 20 steps, 200 Adam iterations. What is left at its default is
/// shared.
const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"gaussian-worked", "gaussian-worked --initial-stddev 2.4495 --particles 200", "", ""},
      {"standard-normal-10", "standard-normal --dim 10 --initial-mean 2 --particles 100", "", ""},
      {"standard-normal-20", "standard-normal --dim 20 --initial-mean 2 --particles 100", "", ""},
      {"mixture-4", "mixture-4 --particles 100", "--initial-stddev 3 --step-size-value 0.3",
       "--initial mixture --initial-stddev 1.5 --initial-spread 3"},
      {"mixture-4-gaussian-q0",
       "mixture-4 --initial-stddev 3 --particles 200 --step-size-value 0.3", "", ""},
  };
  return rows;
}

constexpr const char* kPSvgd = "p-svgd";
constexpr const char* kMetSvgd = "met-svgd";

/// The table is of the published estimates, over many sets.
constexpr const char* kRun = "--steps 20 --fit 200 --estimate particles --sets 64 --no-figures";

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
    for (const std::string method : {kPSvgd, kMetSvgd}) {
      const char* own = method == kPSvgd ? row.p_svgd : row.met_svgd;
      auto arguments = joined(words(row.shared), {{"--sampler", method}, words(own), words(kRun)});
      if (options.quick) arguments = quickened(arguments);
      for (const std::uint64_t seed : seeds) {
        list.push_back({row.name, method, 0, seed,
                        fmt::format("{}/{}/{}/seed-{}", options.out, row.name, method, seed),
                        joined(arguments, {{"--seed", std::to_string(seed)}})});
      }
    }
  }
  return list;
}

// ---- the table
// -----------------------------------------------------------------------------------------------------

/// A row and a sampler, over the seeds.
Json record_of(const CellGroup& group) {
  const std::vector<double> entropies = numbers_at(group, "/entropy/estimate");
  Json record;
  record["target"] = group.front().cell.row;
  record["sampler"] = group.front().cell.method;
  record["exact_entropy"] = finite(number_at(group.front().result, "/target/entropy"));
  record["entropy"] = finite(mean(entropies));
  record["standard_error"] = finite(standard_error(entropies));
  record["seeds"] = entropies.size();
  record["mean_seconds"] = finite(mean(numbers_at(group, "/seconds")));
  return record;
}

std::vector<std::string> entropy_and_error(const Json& record) {
  const double entropy = number_of(record.at("entropy"));
  const double error = entropy - number_of(record.at("exact_entropy"));
  return {with_error(entropy, number_of(record.at("standard_error")), 4), with_sign(error, 4)};
}

StudyTable tabulate(const std::vector<CellGroup>& groups, const StudyOptions&) {
  StudyTable result;
  for (const CellGroup& group : groups) result.rows.push_back(record_of(group));
  std::vector<std::vector<std::string>> lines;
  for (std::size_t i = 0; i + 1 < result.rows.size(); i += 2) {
    const Json& p_svgd = result.rows[i];
    lines.push_back(joined(
        {p_svgd.at("target").get<std::string>(), fixed(number_of(p_svgd.at("exact_entropy")), 4)},
        {entropy_and_error(p_svgd), entropy_and_error(result.rows[i + 1])}));
  }
  result.markdown =
      markdown_table({"target", "exact entropy", "P-SVGD", "error", "MET-SVGD", "error"}, lines);
  const std::size_t seeds = groups.front().size();
  result.markdown +=
      fmt::format("\nLearned entropies in nats: mean{} over {} seed{}.\n",
                  seeds > 1 ? " and standard error" : "", seeds, seeds > 1 ? "s" : "");
  return result;
}

}  // namespace

Study learned_entropy_study() {
  Study study{};
  study.name = "learned-entropy";
  study.summary = "P-SVGD and MET-SVGD fitted to targets of known entropy, as published";
  study.description =
      "Fits P-SVGD and MET-SVGD to targets of known entropy, once per seed, and prints the learned "
      "first-order entropies beside the exact ones with standard errors over the seeds.";
  study.seeds = "0-4";
  study.quick_seeds = "0-1";
  study.rows = row_names;
  study.cells = cells;
  study.tabulate = tabulate;
  return study;
}

}  // namespace ergon::app
