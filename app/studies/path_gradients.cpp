#include <algorithm>
#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/figure.hpp"
#include "ergon/core/files.hpp"
#include "field.hpp"
#include "studies/statistics.hpp"
#include "studies/studies.hpp"

namespace ergon::app {
namespace {

// ---- the settings of the table
// -------------------------------------------------------------------------------------

/// A row: a flow to a target, trained by each of the estimators.
struct Row {
  const char* name;
  const char* arguments;
  double share;  ///< of the effective sample size, whose time is told; 0: none
  std::vector<const char*> estimators;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"mixture-4-corners",
       "mixture-64 --dim 2 --flow realnvp --flow-layers 6 --iterations 1200 --batch 500 "
       "--evaluate-every 20 --gradient-batches 64",
       0.9,
       {"reverse-total", "reverse-path", "reverse-path-two-pass"}},
      {"mixture-64",
       "mixture-64 --flow realnvp --iterations 3000 --batch 500 --evaluate-every 50 "
       "--gradient-batches 64",
       0.9,
       {"reverse-total", "reverse-path", "reverse-path-two-pass"}},
      {"phi4-8x8",
       "phi4 --lattice 8 --flow spline-coupling --flow-mask checkerboard --flow-layers 8 "
       "--iterations 2000 --batch 250 --learning-rate 5e-3 --evaluate-every 50 --held-out-draws "
       "4000 "
       "--gradient-batches 64",
       0.3,
       {"reverse-total", "reverse-path"}},
      {"sixteen-points",
       "gaussian-worked --train-draws 16 --batch 16 --held-out-draws 4000 --flow realnvp "
       "--flow-layers 3 --iterations 500 --evaluate-every 10",
       0.0,
       {"forward-total", "forward-path"}},
  };
  return rows;
}

const Row& row_of(const CellGroup& group) {
  for (const Row& row : table()) {
    if (row.name == group.front().cell.row) return row;
  }
  fail("there is no row {} in the study path-gradients", group.front().cell.row);
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ---- cells
// ---------------------------------------------------------------------------------------------------------

std::vector<std::string> row_names() {
  std::vector<std::string> names;
  for (const Row& row : table()) names.emplace_back(row.name);
  return names;
}

/// Arguments whose iterations are cut.
std::vector<std::string> shortened(std::vector<std::string> arguments) {
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--iterations") arguments[i + 1] = "20";
    if (arguments[i] == "--evaluate-every") arguments[i + 1] = "5";
    if (arguments[i] == "--gradient-batches") arguments[i + 1] = "4";
  }
  return arguments;
}

std::vector<Cell> cells(const StudyOptions& options, const std::vector<std::uint64_t>& seeds) {
  std::vector<Cell> list;
  for (const Row& row : table()) {
    if (!is_chosen(options, row.name)) continue;
    for (const std::string estimator : row.estimators) {
      auto arguments = joined(words(row.arguments), {{"--gradient", estimator, "--no-figures"}});
      if (options.quick) arguments = shortened(arguments);
      for (const std::uint64_t seed : seeds) {
        Cell cell{row.name,
                  estimator,
                  0,
                  seed,
                  fmt::format("{}/{}/{}/seed-{}", options.out, row.name, estimator, seed),
                  joined(arguments, {{"--seed", std::to_string(seed)}})};
        cell.command = CellCommand::kFitFlow;
        list.push_back(std::move(cell));
      }
    }
  }
  return list;
}

// ---- what a run's trace says
// --------------------------------------------------------------------------------------------------

/// The evaluations of one run: iterations and the columns at them.
struct Evaluations {
  std::vector<double> iteration, held_out, ess;
};

std::size_t column_of(const std::vector<std::string>& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  require(found != header.end(), "a trace.csv of this study lacks the column {}", name);
  return static_cast<std::size_t>(found - header.begin());
}

double cell_number(const std::string& word) {
  return word == "nan" ? kNan : parse_number("trace", word);
}

Evaluations evaluations_of(const Cell& cell) {
  std::vector<std::string> lines = split_words(read_file(cell.folder + "/trace.csv"), '\n');
  const std::vector<std::string> header = split_words(lines.front());
  const std::size_t iteration = column_of(header, "iteration");
  const std::size_t held_out = column_of(header, "held_out");
  const std::size_t ess = column_of(header, "held_out_ess");
  Evaluations all;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::vector<std::string> words = split_words(lines[i]);
    if (std::isnan(cell_number(words.at(held_out)))) continue;
    all.iteration.push_back(cell_number(words.at(iteration)));
    all.held_out.push_back(cell_number(words.at(held_out)));
    all.ess.push_back(cell_number(words.at(ess)));
  }
  return all;
}

double seconds_per_iteration(const Json& result) {
  return number_at(result, "/fit/seconds") / number_at(result, "/fit/iterations");
}

/// When the effective sample size first was this share; NaN: never.
double seconds_to(double share, const CellResult& cell) {
  const Evaluations all = evaluations_of(cell.cell);
  for (std::size_t i = 0; i < all.ess.size(); ++i) {
    if (all.ess[i] >= share) return all.iteration[i] * seconds_per_iteration(cell.result);
  }
  return kNan;
}

// ---- the table
// -----------------------------------------------------------------------------------------------------

/// Mean and standard error over the seeds.
void add_mean(Json& record, const char* key, const std::vector<double>& values) {
  record[key] = finite(mean(values));
  record[std::string(key) + "_standard_error"] = finite(standard_error(values));
}

Json record_of(const CellGroup& group) {
  Json record;
  record["row"] = group.front().cell.row;
  record["gradient"] = group.front().cell.method;
  record["seeds"] = group.size();
  add_mean(record, "ess_share", numbers_at(group, "/ess_share"));
  add_mean(record, "forward_ess_share", numbers_at(group, "/forward_ess_share/estimate"));
  add_mean(record, "nll_minus_entropy", numbers_at(group, "/nll_minus_entropy/estimate"));
  add_mean(record, "elbo", numbers_at(group, "/elbo/estimate"));
  add_mean(record, "log_z", numbers_at(group, "/log_z/estimate"));
  for (const std::string estimator : {"reverse-total", "reverse-path"}) {
    add_mean(record, (estimator + "_variance").c_str(),
             numbers_at(group, fmt::format("/gradient_variance/{}/total", estimator)));
  }
  std::vector<double> last, milliseconds;
  for (const CellResult& cell : group) {
    const std::vector<double> held_out = evaluations_of(cell.cell).held_out;
    if (!held_out.empty()) last.push_back(held_out.back());
    milliseconds.push_back(1000 * seconds_per_iteration(cell.result));
  }
  add_mean(record, "last_held_out", last);
  add_mean(record, "milliseconds_per_iteration", milliseconds);
  add_mean(record, "training_seconds", numbers_at(group, "/fit/seconds"));
  const double share = row_of(group).share;
  std::vector<double> seconds;
  for (const CellResult& cell : group) {
    const double when = share > 0 ? seconds_to(share, cell) : kNan;
    if (std::isfinite(when)) seconds.push_back(when);
  }
  record["share"] = share;
  record["reached_share"] = seconds.size();
  add_mean(record, "seconds_to_share", seconds);
  return record;
}

std::string cell_text(const Json& record, const std::string& key, int decimals) {
  return with_error(number_of(record.at(key)), number_of(record.at(key + "_standard_error")),
                    decimals);
}

std::vector<std::string> line_of(const Json& record) {
  const double total = number_of(record.at("reverse-total_variance"));
  const double path = number_of(record.at("reverse-path_variance"));
  const double share = number_of(record.at("share"));
  const std::string seconds = cell_text(record, "seconds_to_share", 1);
  return {record.at("row").get<std::string>(),
          record.at("gradient").get<std::string>(),
          cell_text(record, "ess_share", 3),
          cell_text(record, "forward_ess_share", 3),
          cell_text(record, "nll_minus_entropy", 4),
          cell_text(record, "log_z", 3),
          cell_text(record, "last_held_out", 4),
          fixed(total / path, 1),
          cell_text(record, "milliseconds_per_iteration", 2),
          share > 0 ? fmt::format("{} (ESS {})", seconds, share) : "-"};
}

StudyTable tabulate(const std::vector<CellGroup>& groups, const StudyOptions& options) {
  StudyTable result;
  std::vector<std::vector<std::string>> lines;
  for (const CellGroup& group : groups) {
    result.rows.push_back(record_of(group));
    lines.push_back(line_of(result.rows.back()));
  }
  result.markdown =
      markdown_table({"row", "trained by", "ESS share", "forward ESS share", "NLL - H",
                      "last held-out", "Var total / path", "ms / iteration", "seconds to"},
                     lines);
  result.markdown += fmt::format(
      "\nMeans and standard errors over the seeds ({}). ESS share: of the flow's own draws; "
      "forward: "
      "of exact draws; NLL - H: at exact draws, nats; last held-out: what the training minimises, "
      "at "
      "its end; Var total / path: variances of the two reverse gradients at the trained flow; "
      "seconds "
      "to: training time until the held-out ESS share was this, of the runs that came so far.\n",
      options.seeds);
  return result;
}

// ---- the figures
// -----------------------------------------------------------------------------------------------------

/// The mean of a column over the seeds, against the mean training time.
Curve curve_of(const CellGroup& group, std::vector<double> Evaluations::*column) {
  Curve curve{group.front().cell.method, {}, {}};
  for (const CellResult& cell : group) {
    const Evaluations all = evaluations_of(cell.cell);
    const double seconds = seconds_per_iteration(cell.result);
    curve.x.resize(std::max(curve.x.size(), all.iteration.size()));
    curve.y.resize(curve.x.size());
    for (std::size_t i = 0; i < all.iteration.size(); ++i) {
      curve.x[i] += all.iteration[i] * seconds / static_cast<double>(group.size());
      curve.y[i] += (all.*column)[i] / static_cast<double>(group.size());
    }
  }
  return curve;
}

void draw(const std::vector<CellGroup>& groups, const StudyOptions& options) {
  for (const Row& row : table()) {
    const bool forward = std::string(row.name) == "sixteen-points";
    LineFigure figure;
    figure.title = row.name;
    figure.x_label = "training time, s";
    figure.y_label = forward ? "negative log-likelihood, held-out" : "ESS share, held-out draws";
    for (const CellGroup& group : groups) {
      if (group.front().cell.row != row.name) continue;
      figure.curves.push_back(
          curve_of(group, forward ? &Evaluations::held_out : &Evaluations::ess));
    }
    if (!figure.curves.empty()) write_svg(figure, fmt::format("{}/{}.svg", options.out, row.name));
  }
}

}  // namespace

Study path_gradients_study() {
  Study study{};
  study.name = "path-gradients";
  study.summary = "flows trained by total and by path gradients: variance, ESS, time";
  study.description =
      "Trains flows with the plain, the fast path and the two-pass path gradient, to mixtures, to "
      "the phi^4 lattice theory and to sixteen points, once per seed, and prints what each reaches "
      "and when. Also draws ROW.svg.";
  study.seeds = "0-2";
  study.quick_seeds = "0";
  study.rows = row_names;
  study.cells = cells;
  study.tabulate = tabulate;
  study.draw = draw;
  return study;
}

}  // namespace ergon::app
