#include "study.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/machine.hpp"
#include "ergon/core/progress.hpp"
#include "field.hpp"
#include "process.hpp"
#include "studies/statistics.hpp"
#include "studies/studies.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

constexpr std::uint64_t kMostSeeds = 10000;
constexpr const char* kLogSuffix = ".log";

std::vector<std::string> split(const std::string& text, char separator = ',') {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  for (const std::string& part : split(text)) {
    const auto dash = part.find('-');
    const std::uint64_t first = parse_seed("seeds", part.substr(0, dash));
    const std::uint64_t last =
        dash == std::string::npos ? first : parse_seed("seeds", part.substr(dash + 1));
    require(first <= last && last - first < kMostSeeds, "--seeds: '{}' is not a range such as 0-4",
            part);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      require(std::find(seeds.begin(), seeds.end(), seed) == seeds.end(),
              "--seeds: {} is given twice; every seed counts once", seed);
      seeds.push_back(seed);
    }
  }
  return seeds;
}

void check_rows(const Study& study, const StudyOptions& options) {
  if (options.only.empty()) return;
  const std::vector<std::string> rows = study.rows();
  for (const std::string& name : split(options.only)) {
    require(std::find(rows.begin(), rows.end(), name) != rows.end(),
            "--only: unknown row '{}'{}; choose one of: {}", name, did_you_mean(name, rows),
            join(rows));
  }
}

// ---- cells
// ---------------------------------------------------------------------------------------------------------

enum class CellState { kMissing, kInterrupted, kOtherSettings, kFinished };

/// A cell counts as finished when its folder holds a result made with the very settings of the
/// study.
CellState state_of(const Cell& cell) {
  const Json wanted = to_json(sample_settings(cell.arguments));
  try {
    if (file_exists(result_path(cell.folder))) {
      return read_json_file(result_path(cell.folder)).at("options") == wanted
                 ? CellState::kFinished
                 : CellState::kOtherSettings;
    }
    if (!file_exists(checkpoint_options_path(cell.folder))) return CellState::kMissing;
    return to_json(read_checkpoint_settings(cell.folder)) == wanted ? CellState::kInterrupted
                                                                    : CellState::kOtherSettings;
  } catch (const std::exception&) {
    return CellState::kOtherSettings;  // damaged: computed again
  }
}

Job job_for(const Cell& cell, CellState state) {
  Job job;
  job.log = cell.folder + kLogSuffix;
  job.arguments = {"sample"};
  if (state == CellState::kInterrupted) {
    job.arguments.insert(job.arguments.end(), {"--resume", cell.folder});
  } else {
    job.arguments.insert(job.arguments.end(), cell.arguments.begin(), cell.arguments.end());
    job.arguments.insert(job.arguments.end(), {"--out", cell.folder, "--overwrite"});
  }
  job.arguments.insert(job.arguments.end(), {"--json", "--quiet"});
  return job;
}

/// The jobs of the cells that are not finished; `owners` says whose each is.
std::vector<Job> jobs_of(const std::vector<Cell>& cells, std::vector<const Cell*>& owners) {
  std::vector<Job> jobs;
  for (const Cell& cell : cells) {
    const CellState state = state_of(cell);
    if (state == CellState::kFinished) continue;
    if (state == CellState::kOtherSettings) {
      fmt::print(stderr, "ergon: {} was made with other settings and is computed again\n",
                 cell.folder);
    }
    make_folder(cell.folder.substr(0, cell.folder.rfind('/')));
    jobs.push_back(job_for(cell, state));
    owners.push_back(&cell);
  }
  return jobs;
}

/// What a failed run said last.
std::string failure_of(const Cell& cell) {
  const std::string log = cell.folder + kLogSuffix;
  if (!file_exists(log)) return "it did not run";
  std::string text = read_file(log);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto line = text.rfind('\n');
  if (line != std::string::npos) text = text.substr(line + 1);
  constexpr const char* kPrefix = "ergon: ";
  if (text.rfind(kPrefix, 0) == 0) text = text.substr(std::string(kPrefix).size());
  return text.empty() ? "it ended without a message" : text;
}

std::vector<CellGroup> groups_of(const std::vector<Cell>& cells) {
  std::vector<CellGroup> groups;
  for (const Cell& cell : cells) {
    CellResult result{cell, nullptr, ""};
    if (state_of(cell) == CellState::kFinished) {
      result.result = read_json_file(result_path(cell.folder));
    } else {
      result.failure = failure_of(cell);
    }
    const bool belongs = !groups.empty() && groups.back().front().cell.row == cell.row &&
                         groups.back().front().cell.method == cell.method &&
                         groups.back().front().cell.length == cell.length;
    if (!belongs) groups.emplace_back();
    groups.back().push_back(std::move(result));
  }
  return groups;
}

// ---- table.json
// ----------------------------------------------------------------------------------------------------

/// How the table came about, as far as that is not in its rows.
Json origin_of(const std::vector<CellGroup>& groups) {
  std::set<std::string> revisions;
  Json versions;
  double seconds = 0.0;
  std::size_t runs = 0;
  for (const CellGroup& group : groups) {
    for (const CellResult& cell : finished_of(group)) {
      revisions.insert(cell.result.at("versions").at("revision").get<std::string>());
      versions = cell.result.at("versions");
      seconds += cell.result.at("seconds").get<double>();
      ++runs;
    }
  }
  const Machine machine = describe_machine();
  Json origin;
  origin["revision"] = ergon_revision();
  origin["run_revisions"] = revisions;
  origin["versions"] = versions;
  origin["machine"] = {{"cpu", machine.cpu},
                       {"cores", machine.cores},
                       {"memory_gib", machine.memory_gib},
                       {"system", machine.system}};
  origin["runs"] = runs;
  origin["run_seconds"] = seconds;
  return origin;
}

}  // namespace

const std::vector<Study>& all_studies() {
  static const std::vector<Study> studies = {learned_entropy_study(), calibration_study(),
                                             log_z_study(), entropy_accuracy_study()};
  return studies;
}

bool is_chosen(const StudyOptions& options, const std::string& row) {
  if (options.only.empty()) return true;
  const std::vector<std::string> names = split(options.only);
  return std::find(names.begin(), names.end(), row) != names.end();
}

std::vector<std::int64_t> parse_counts(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> counts;
  for (const std::string& part : split(text)) {
    counts.push_back(parse_integer(option, part));
    require(counts.back() >= 1, "--{}: {} is not a positive number", option, part);
    require(std::count(counts.begin(), counts.end(), counts.back()) == 1, "--{}: {} is given twice",
            option, part);
  }
  return counts;
}

std::vector<std::string> words(const std::string& text) {
  return text.empty() ? std::vector<std::string>{} : split(text, ' ');
}

std::vector<std::string> joined(std::vector<std::string> arguments,
                                const std::vector<std::vector<std::string>>& more) {
  for (const auto& part : more) arguments.insert(arguments.end(), part.begin(), part.end());
  return arguments;
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
  std::vector<const Cell*> owners;
  const std::vector<Job> jobs = jobs_of(cells, owners);
  const auto finished_before = static_cast<std::int64_t>(cells.size() - jobs.size());
  const InterruptGuard guard;
  Progress progress("runs", static_cast<std::int64_t>(cells.size()),
                    options.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic,
                    finished_before);
  std::int64_t done = finished_before;
  std::vector<std::string> failures;
  const bool complete = run_jobs(jobs, options.jobs, [&](const JobEnd& end) {
    const bool failed = end.exit_status != kExitOk && !interrupt_requested();
    if (failed) failures.push_back(owners[end.job]->folder + kLogSuffix);
    if (end.exit_status == kExitOk || failed) progress.update(++done);
  });
  progress.finish();
  if (failures.empty()) return complete;
  if (study.survives_failures) {
    fmt::print(stderr, "ergon: {} of the runs failed, as the table says\n", failures.size());
    return complete;
  }
  fail("{} runs failed; the first one's message is in {}", failures.size(), failures[0]);
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
  write_file(options.out + "/table.md", table.markdown);
  write_file(options.out + "/table.csv", csv_of(table.rows));
  write_file(options.out + "/table.json", text);
  return options.json ? text : table.markdown;
}

}  // namespace ergon::app
