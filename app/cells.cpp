#include "cells.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>

#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/machine.hpp"
#include "ergon/core/progress.hpp"
#include "field.hpp"
#include "process.hpp"
#include "rl/rl_commands.hpp"
#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

constexpr std::uint64_t kMostSeeds = 10000;
constexpr const char* kLogSuffix = ".log";

enum class CellState { kMissing, kInterrupted, kOtherSettings, kFinished };

/// The options of a result, or wanted ones; of draws that are named by their content, the name.
Json comparable(Json options, const Cell& cell) {
  if (cell.named_draws.empty()) return options;
  Json& draws = options.at("metrics").at("reference-draws");
  draws = std::filesystem::path(draws.get<std::string>()).filename().string();
  return options;
}

/// The options that the cell's arguments ask for, as a result says them.
Json wanted_options(const Cell& cell) {
  switch (cell.command) {
    case CellCommand::kFitFlow:
      return to_json(fit_flow_settings(cell.arguments));
    case CellCommand::kRlTrain:
      return to_json(train_settings(cell.arguments));
    case CellCommand::kSample:
      break;
  }
  return to_json(sample_settings(cell.arguments));
}

/// Those of the checkpoint in its folder.
Json begun_options(const Cell& cell) {
  switch (cell.command) {
    case CellCommand::kFitFlow:
      return to_json(read_fit_flow_checkpoint(cell.folder));
    case CellCommand::kRlTrain:
      return to_json(read_train_checkpoint(cell.folder));
    case CellCommand::kSample:
      break;
  }
  return to_json(read_checkpoint_settings(cell.folder));
}

std::vector<std::string> command_words(CellCommand command) {
  switch (command) {
    case CellCommand::kFitFlow:
      return {"fit-flow"};
    case CellCommand::kRlTrain:
      return {"rl", "train"};
    case CellCommand::kSample:
      break;
  }
  return {"sample"};
}

/// A cell counts as finished when its folder holds a result made with the very settings of the
/// study.
CellState state_of(const Cell& cell) {
  const Json wanted = comparable(wanted_options(cell), cell);
  try {
    if (file_exists(result_path(cell.folder))) {
      return comparable(read_json_file(result_path(cell.folder)).at("options"), cell) == wanted
                 ? CellState::kFinished
                 : CellState::kOtherSettings;
    }
    if (!file_exists(checkpoint_options_path(cell.folder))) return CellState::kMissing;
    return comparable(begun_options(cell), cell) == wanted ? CellState::kInterrupted
                                                           : CellState::kOtherSettings;
  } catch (const std::exception&) {
    return CellState::kOtherSettings;  // damaged: computed again
  }
}

Job job_for(const Cell& cell, CellState state) {
  Job job;
  job.log = cell.folder + kLogSuffix;
  job.arguments = command_words(cell.command);
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

bool belongs_together(const Cell& a, const Cell& b) {
  return a.row == b.row && a.method == b.method && a.length == b.length;
}

std::int64_t work_of(const Cell& cell, const CellsRun& run) {
  return run.work ? run.work(cell) : 1;
}

constexpr auto kLookInterval = std::chrono::seconds(1);

/// What has been done of the cells that are under way, looked up once a second.
class WorkUnderWay {
 public:
  WorkUnderWay(const CellsRun& run, std::vector<const Cell*> cells)
      : run_(run), cells_(std::move(cells)) {}
  void ended(const Cell* cell) { cells_.erase(std::find(cells_.begin(), cells_.end(), cell)); }
  /// Whether it is time to look.
  bool due() {
    if (!run_.done || std::chrono::steady_clock::now() - looked_ < kLookInterval) return false;
    looked_ = std::chrono::steady_clock::now();
    return true;
  }
  std::int64_t count() const {
    std::int64_t count = 0;
    for (const Cell* cell : cells_) count += std::min(run_.done(*cell), work_of(*cell, run_));
    return count;
  }

 private:
  const CellsRun& run_;
  std::vector<const Cell*> cells_;
  std::chrono::steady_clock::time_point looked_ = std::chrono::steady_clock::now();
};

}  // namespace

bool has_other_settings(const Cell& cell) { return state_of(cell) == CellState::kOtherSettings; }

CellsEnd run_cells(const std::vector<Cell>& cells, const CellsRun& run) {
  std::vector<const Cell*> owners;
  const std::vector<Job> jobs = jobs_of(cells, owners);
  std::int64_t total = 0;
  for (const Cell& cell : cells) total += work_of(cell, run);
  std::int64_t done = total;
  for (const Cell* cell : owners) done -= work_of(*cell, run);
  WorkUnderWay under_way(run, owners);
  const InterruptGuard guard;
  Progress progress(run.label, total, run.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic,
                    done + (run.done ? under_way.count() : 0));
  std::size_t ended = cells.size() - jobs.size();
  const auto note = [&] {
    return run.work ? fmt::format("{} of {} runs", ended, cells.size()) : std::string();
  };
  CellsEnd end;
  const auto job_ended = [&](const JobEnd& job) {
    const bool failed = job.exit_status != kExitOk && !interrupt_requested();
    if (failed) end.failed_logs.push_back(owners[job.job]->folder + kLogSuffix);
    under_way.ended(owners[job.job]);
    if (job.exit_status != kExitOk && !failed) return;
    done += work_of(*owners[job.job], run);
    ++ended;
    progress.update(done + (run.done ? under_way.count() : 0), note());
  };
  end.complete = run_jobs(jobs, run.jobs, job_ended, [&] {
    if (under_way.due()) progress.update(done + under_way.count(), note());
  });
  progress.finish();
  return end;
}

CellResult result_of(const Cell& cell) {
  if (state_of(cell) == CellState::kFinished)
    return {cell, read_json_file(result_path(cell.folder)), ""};
  return {cell, nullptr, failure_of(cell)};
}

std::vector<CellGroup> groups_of(const std::vector<Cell>& cells) {
  std::vector<CellGroup> groups;
  for (const Cell& cell : cells) {
    if (groups.empty() || !belongs_together(groups.back().front().cell, cell))
      groups.emplace_back();
    groups.back().push_back(result_of(cell));
  }
  return groups;
}

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

// ---- words
// -----------------------------------------------------------------------------------------------

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  for (const std::string& part : split_words(text)) {
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

std::vector<std::string> split_words(const std::string& text, char separator) {
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

std::vector<std::string> words(const std::string& text) {
  return text.empty() ? std::vector<std::string>{} : split_words(text, ' ');
}

std::vector<std::string> joined(std::vector<std::string> arguments,
                                const std::vector<std::vector<std::string>>& more) {
  for (const auto& part : more) arguments.insert(arguments.end(), part.begin(), part.end());
  return arguments;
}

std::string shell_line(const std::string& command, const std::vector<std::string>& arguments) {
  std::string line = "ergon " + command;
  for (const std::string& word : arguments) {
    const bool plain = !word.empty() && word.find_first_of(" '\"$\\*?") == std::string::npos;
    line += plain ? " " + word : " '" + word + "'";
  }
  return line;
}

}  // namespace ergon::app
