#include "study.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

#include "ergon/core/errors.hpp"
#include "ergon/core/figure.hpp"
#include "ergon/core/files.hpp"
#include "field.hpp"
#include "studies/statistics.hpp"
#include "studies/studies.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

void check_rows(const Study& study, const StudyOptions& options) {
  if (options.only.empty()) return;
  const std::vector<std::string> rows = study.rows();
  for (const std::string& name : split_words(options.only)) {
    require(std::find(rows.begin(), rows.end(), name) != rows.end(),
            "--only: unknown row '{}'{}; choose one of: {}", name, did_you_mean(name, rows),
            join(rows));
  }
}

}  // namespace

const std::vector<Study>& all_studies() {
  static const std::vector<Study> studies = {
      learned_entropy_study(), calibration_study(),      log_z_study(),
      evidence_study(),        entropy_accuracy_study(), path_gradients_study()};
  return studies;
}

bool is_chosen(const StudyOptions& options, const std::string& row) {
  if (options.only.empty()) return true;
  const std::vector<std::string> names = split_words(options.only);
  return std::find(names.begin(), names.end(), row) != names.end();
}

std::vector<std::int64_t> parse_counts(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> counts;
  for (const std::string& part : split_words(text)) {
    counts.push_back(parse_integer(option, part));
    require(counts.back() >= 1, "--{}: {} is not a positive number", option, part);
    require(std::count(counts.begin(), counts.end(), counts.back()) == 1, "--{}: {} is given twice",
            option, part);
  }
  return counts;
}

std::vector<std::string> quickened(std::vector<std::string> arguments) {
  static const std::map<std::string, std::int64_t> most = {
      {"--fit", 2}, {"--steps", 5}, {"--particles", 20}, {"--sets", 4}, {"--draws", 400}};
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    const auto limit = most.find(arguments[i]);
    if (limit == most.end()) continue;
    const std::int64_t value = parse_integer(limit->first.substr(2), arguments[i + 1]);
    arguments[i + 1] = std::to_string(std::min(value, limit->second));
  }
  return arguments;
}

std::vector<Cell> plan_study(const Study& study, StudyOptions& options) {
  check_rows(study, options);
  require(options.lengths.empty() || study.varies_length,
          "--lengths: the study {} has no lengths to choose", study.name);
  require(options.data_folder.empty() || study.reads_data,
          "--data-folder: the study {} reads no data", study.name);
  if (options.seeds.empty()) options.seeds = options.quick ? study.quick_seeds : study.seeds;
  if (options.out.empty())
    options.out = fmt::format("out/studies/{}{}", study.name, options.quick ? "-quick" : "");
  return study.cells(options, parse_seeds(options.seeds));
}

bool compute_cells(const Study& study,
                   const std::vector<Cell>& cells,
                   const StudyOptions& options) {
  const CellsEnd end = run_cells(cells, {options.jobs, options.quiet});
  if (end.failed_logs.empty()) return end.complete;
  if (study.survives_failures) {
    fmt::print(stderr, "ergon: {} of the runs failed, as the table says\n", end.failed_logs.size());
    return end.complete;
  }
  fail("{} runs failed; the first one's message is in {}", end.failed_logs.size(),
       end.failed_logs[0]);
}

std::string finish_study(const Study& study,
                         const std::vector<Cell>& cells,
                         const StudyOptions& options,
                         const std::string& command) {
  const std::vector<CellGroup> groups = groups_of(cells);
  const StudyTable table = study.tabulate(groups, options);
  Json json;
  json["schema"] = fmt::format("ergon-study-{}/1", study.name);
  json["command"] = command;
  json["quick"] = options.quick;
  json["seeds"] = parse_seeds(options.seeds);
  json.update(origin_of(groups));
  json["rows"] = table.rows;
  json["totals"] = table.totals;
  const std::string text = json.dump(2) + "\n";
  if (study.draw != nullptr && have_gnuplot()) study.draw(groups, options);
  write_file(options.out + "/table.md", table.markdown);
  write_file(options.out + "/table.csv", csv_of(table.rows));
  write_file(options.out + "/table.json", text);
  return options.json ? text : table.markdown;
}

}  // namespace ergon::app
