#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "studies/statistics.hpp"
#include "studies/studies.hpp"

namespace ergon::app {
namespace {

// ---- the settings of the table
// -------------------------------------------------------------------------------------

/// A row: a target whose entropy is known, and the start that the three methods share.
struct Row {
  const char* name;
  std::int64_t draws;     ///< the flow's, after its fit
  const char* arguments;  ///< of `ergon sample`, for all three methods
  const char* learned;    ///< of the two learned methods: where their bandwidths start
};

/// The learned methods' settings were chosen for the flow on seed 0 at L = 50 and are given to
/// both; the default seeds are others. Their mixture-25 keeps the wide q0, since a fit of 50
/// iterations would give up modes.
const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"gaussian-worked", 20000, "gaussian-worked --initial-stddev 2.4495", ""},
      {"standard-normal-10", 20000, "standard-normal --dim 10 --initial-mean 2",
       "--bandwidth-value 8"},
      {"standard-normal-20", 20000, "standard-normal --dim 20 --initial-mean 2",
       "--bandwidth-value 8"},
      {"standard-normal-50", 10000, "standard-normal --dim 50 --initial-mean 2",
       "--bandwidth-value 14"},
      {"mixture-4", 20000, "mixture-4 --initial-stddev 3", ""},
      {"mixture-25", 20000, "mixture-25 --initial-stddev 4",
       "--bandwidth-value 0.5 --initial-fitting fixed"},
  };
  return rows;
}

constexpr const char* kLengths = "50,100,200,500";

/// The sizes of the runs. MET-SVGD's evaluations are the budget of the other two. All of it takes
/// about 45 minutes on two cores, most of it the fits and draws at the largest L and D.
struct Size {
  std::int64_t particles = 100;
  std::int64_t fit = 50;            ///< MET-SVGD's iterations
  std::int64_t sets = 16;           ///< MET-SVGD's sets after the fit
  std::int64_t fit_draws = 64;      ///< the flow's, an iteration
  std::int64_t most_flow_fit = 50;  ///< the flow's iterations, where the budget allows more
  std::int64_t most_draws = std::numeric_limits<std::int64_t>::max();
};
constexpr Size kFull;
constexpr Size kQuick{20, 2, 8, 16, 2, 200};
constexpr const char* kQuickLengths = "3,5";

constexpr double kFirstShare =
    10.0;  // the flow's steps start at this over L, as share of the bound
constexpr double kMostFirstShare = 0.9;
constexpr double kBudgetSlack = 0.02;

// What `ergon sample` evaluates beside the iterations and the run, in src/learn.
constexpr std::int64_t kHeldOutSets = 4;        // sets, before and after a fit of particles
constexpr std::int64_t kHeldOutTimes = 8;       // times the draws of an iteration, in one of a flow
constexpr std::int64_t kHeldOutRounds = 2;      // before the fit and after its last iteration
constexpr std::int64_t kMostExactDraws = 2000;  // for the EUBO

// ---- cells
// ---------------------------------------------------------------------------------------------------------

enum class Method { kPSvgd, kMetSvgd, kSteinFlow };

struct MethodName {
  Method method;
  const char* name;
  const char* heading;
};
constexpr MethodName kMethods[] = {{Method::kPSvgd, "p-svgd", "P-SVGD, nothing learned"},
                                   {Method::kMetSvgd, "met-svgd", "MET-SVGD, learned"},
                                   {Method::kSteinFlow, "stein-flow", "Stein flow, learned"}};

std::vector<std::string> row_names() {
  std::vector<std::string> names;
  for (const Row& row : table()) names.emplace_back(row.name);
  return names;
}

/// Log-densities of one set of particles over a whole run.
std::int64_t evaluations_of_set(const Size& size, std::int64_t length) {
  return size.particles * (length + 1);
}

/// MET-SVGD's evaluations in sets over a whole run: those of the fit, the held-out and the final
/// ones.
std::int64_t budget_in_sets(const Size& size) {
  return size.fit + kHeldOutRounds * kHeldOutSets + size.sets;
}

/// The most iterations with which the flow stays within the budget.
std::int64_t flow_iterations(const Size& size, std::int64_t draws, std::int64_t length) {
  const std::int64_t set = evaluations_of_set(size, length);
  const std::int64_t beside = (kHeldOutRounds + 1) * set +
                              kHeldOutRounds * kHeldOutTimes * size.fit_draws + draws +
                              std::min(draws, kMostExactDraws);
  const std::int64_t left = budget_in_sets(size) * set - beside;
  return std::clamp<std::int64_t>(left / (set + size.fit_draws), 0, size.most_flow_fit);
}

std::vector<std::string> particle_arguments(Method method, const Size& size) {
  const auto text = [](std::int64_t value) { return std::to_string(value); };
  const std::vector<std::string> shared = {"--estimate", "particles"};
  if (method == Method::kPSvgd) return joined(shared, {{"--sets", text(budget_in_sets(size))}});
  return joined(shared, {{"--sets", text(size.sets)},
                         {"--fit", text(size.fit)},
                         {"--fit-evaluate-every", text(size.fit)}});
}

std::vector<std::string> flow_arguments(const Row& row, const Size& size, std::int64_t length) {
  const auto text = [](std::int64_t value) { return std::to_string(value); };
  const std::int64_t draws = std::min(row.draws, size.most_draws);
  const std::int64_t fit = flow_iterations(size, draws, length);
  const double share = std::min(kMostFirstShare, kFirstShare / static_cast<double>(length));
  return joined({"--estimate", "flow", "--sets", "1"},
                {{"--draws", text(draws)},
                 {"--fit", text(fit)},
                 {"--fit-draws", text(size.fit_draws)},
                 {"--fit-evaluate-every", text(std::max<std::int64_t>(fit, 1))},
                 {"--step-size-value", fmt::format("{}", share)}});
}

std::vector<std::string> cell_arguments(const Row& row,
                                        const MethodName& method,
                                        const Size& size,
                                        std::int64_t length) {
  const bool flow = method.method == Method::kSteinFlow;
  const bool learned = method.method != Method::kPSvgd;
  return joined(words(row.arguments), {{"--sampler", method.name},
                                       words(learned ? row.learned : ""),
                                       {"--particles", std::to_string(size.particles)},
                                       {"--steps", std::to_string(length)},
                                       {"--no-figures"},
                                       flow ? flow_arguments(row, size, length)
                                            : particle_arguments(method.method, size)});
}

std::vector<Cell> cells(const StudyOptions& options, const std::vector<std::uint64_t>& seeds) {
  const Size& size = options.quick ? kQuick : kFull;
  const std::string own = options.quick ? kQuickLengths : kLengths;
  const auto lengths = parse_counts("lengths", options.lengths.empty() ? own : options.lengths);
  std::vector<Cell> list;
  for (const Row& row : table()) {
    if (!is_chosen(options, row.name)) continue;
    for (const std::int64_t length : lengths) {
      for (const MethodName& method : kMethods) {
        const auto arguments = cell_arguments(row, method, size, length);
        for (const std::uint64_t seed : seeds) {
          list.push_back({row.name, method.name, length, seed,
                          fmt::format("{}/{}/L-{}/{}/seed-{}", options.out, row.name, length,
                                      method.name, seed),
                          joined(arguments, {{"--seed", std::to_string(seed)}})});
        }
      }
    }
  }
  return list;
}

// ---- the table
// -----------------------------------------------------------------------------------------------------

std::vector<double> absolute_errors(const CellGroup& group) {
  std::vector<double> errors;
  for (const CellResult& cell : group)
    errors.push_back(std::abs(number_at(cell.result, "/entropy/estimate") -
                              number_at(cell.result, "/target/entropy")));
  return errors;
}

/// A target, a length and a method, over the seeds.
Json record_of(const CellGroup& group) {
  const Cell& cell = group.front().cell;
  const std::vector<double> entropies = numbers_at(group, "/entropy/estimate");
  const double exact = number_at(group.front().result, "/target/entropy");
  const std::vector<double> errors = absolute_errors(group);
  Json record;
  record["target"] = cell.row;
  record["length"] = cell.length;
  record["method"] = cell.method;
  record["runs"] = group.size();
  record["exact_entropy"] = finite(exact);
  record["entropy"] = finite(mean(entropies));
  record["error"] = finite(mean(entropies) - exact);
  record["mean_absolute_error"] = finite(mean(errors));
  record["standard_error"] = finite(standard_error(errors));
  record["mean_evaluations"] = finite(mean(numbers_at(group, "/target_evaluations/log_density")));
  record["mean_gradients"] = finite(mean(numbers_at(group, "/target_evaluations/gradient")));
  record["mean_hessian_products"] =
      finite(mean(numbers_at(group, "/target_evaluations/hessian_vector")));
  record["mean_ess_share"] = finite(mean(numbers_at(group, "/ess_share")));
  record["largest_pareto_k"] = finite(largest(numbers_at(group, "/pareto_k")));
  record["mean_seconds"] = finite(mean(numbers_at(group, "/seconds")));
  return record;
}

/// All of a target's absolute errors by one method, over lengths and seeds; of every target where
/// `target` is empty.
std::vector<double> errors_of(const std::vector<CellGroup>& groups,
                              const std::string& target,
                              const MethodName& method) {
  std::vector<double> errors;
  for (const CellGroup& group : groups) {
    const Cell& cell = group.front().cell;
    if (cell.method != method.name || (!target.empty() && cell.row != target)) continue;
    const std::vector<double> more = absolute_errors(group);
    errors.insert(errors.end(), more.begin(), more.end());
  }
  return errors;
}

/// Mean absolute error of each method, and the ratios to the flow's.
Json total_of(const std::vector<CellGroup>& groups, const std::string& target) {
  Json total;
  total["target"] = target.empty() ? Json(nullptr) : Json(target);
  std::vector<double> means;
  for (const MethodName& method : kMethods) {
    const std::vector<double> errors = errors_of(groups, target, method);
    means.push_back(mean(errors));
    total[method.name] = {{"mean_absolute_error", finite(mean(errors))},
                          {"standard_error", finite(standard_error(errors))},
                          {"runs", errors.size()}};
  }
  total["p-svgd over stein-flow"] = finite(means[0] / means[2]);
  total["met-svgd over stein-flow"] = finite(means[1] / means[2]);
  return total;
}

std::vector<std::string> line_of(const Json& total, const std::string& name) {
  std::vector<std::string> line = {name};
  for (const MethodName& method : kMethods) {
    const Json& found = total.at(method.name);
    line.push_back(with_error(number_of(found.at("mean_absolute_error")),
                              number_of(found.at("standard_error")), 4));
  }
  line.push_back(fixed(number_of(total.at("p-svgd over stein-flow")), 1));
  line.push_back(fixed(number_of(total.at("met-svgd over stein-flow")), 1));
  return line;
}

/// Evaluations of the three methods at one target and length, from their results.
std::vector<double> evaluations_of(const Json& rows, std::size_t first) {
  std::vector<double> counts;
  for (std::size_t i = 0; i < std::size(kMethods); ++i)
    counts.push_back(number_of(rows[first + i].at("mean_evaluations")));
  return counts;
}

/// A line for every length, over the targets; what breaks the budget is said.
std::string evaluations_text(const Json& rows) {
  std::vector<std::vector<std::string>> lines;
  std::string broken;
  for (std::size_t i = 0; i + std::size(kMethods) <= rows.size(); i += std::size(kMethods)) {
    const std::vector<double> counts = evaluations_of(rows, i);
    const auto length = rows[i].at("length").get<std::int64_t>();
    std::vector<std::string> line = {std::to_string(length)};
    for (const double count : counts) line.push_back(fixed(count, 0));
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
    const bool kept = std::abs(counts[0] / counts[1] - 1) <= kBudgetSlack && counts[2] <= counts[1];
    if (!kept)
      broken += fmt::format("\nThe budget was not kept at {}, L = {}.\n",
                            rows[i].at("target").get<std::string>(), length);
  }
  return markdown_table({"log-density evaluations, L", "P-SVGD", "MET-SVGD", "Stein flow"}, lines) +
         broken;
}

StudyTable tabulate(const std::vector<CellGroup>& groups, const StudyOptions& options) {
  StudyTable result;
  std::vector<std::vector<std::string>> lines;
  result.totals = Json::array();
  for (const CellGroup& group : groups) result.rows.push_back(record_of(group));
  for (const Row& row : table()) {
    if (!is_chosen(options, row.name)) continue;
    result.totals.push_back(total_of(groups, row.name));
    lines.push_back(line_of(result.totals.back(), row.name));
  }
  const Json all = total_of(groups, "");
  result.totals.push_back(all);
  std::vector<std::string> headings = {"mean absolute error"};
  for (const MethodName& method : kMethods) headings.emplace_back(method.heading);
  headings.insert(headings.end(), {"P-SVGD / flow", "MET-SVGD / flow"});
  result.markdown =
      markdown_table(headings, lines) + "\n" + evaluations_text(result.rows) +
      fmt::format(
          "\nEntropies in nats; ± one standard error over lengths and seeds ({}).\n"
          "\nOver the whole set: P-SVGD {}, MET-SVGD {}, Stein flow {}; P-SVGD / flow = {}.\n",
          options.seeds, line_of(all, "")[1], line_of(all, "")[2], line_of(all, "")[3],
          line_of(all, "")[4]);
  return result;
}

}  // namespace

Study entropy_accuracy_study() {
  Study study{};
  study.name = "entropy-accuracy";
  study.summary = "entropy errors of P-SVGD, MET-SVGD and the Stein flow at equal evaluations";
  study.description =
      "Estimates known entropies with P-SVGD as published (nothing learned), learned MET-SVGD "
      "(first-order) and the learned Stein flow over several numbers of steps, all three with the "
      "same number of log-density evaluations, and prints the mean absolute errors.";
  study.seeds = "1-3";
  study.quick_seeds = "0";
  study.varies_length = true;
  study.rows = row_names;
  study.cells = cells;
  study.tabulate = tabulate;
  return study;
}

}  // namespace ergon::app
