#include <cstdio>

#include "cells.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "rl/seed_summary.hpp"
#include "rl/train_words.hpp"

namespace ergon::app {
namespace {

constexpr const char* kSummarySchema = "ergon-rl-seeds/1";

/// What a single run is told, without its seed: all but what says where and how runs are made.
std::vector<std::string> shared_arguments(const Words& words) {
  std::vector<std::string> arguments;
  for (const auto& [name, word] : words) {
    if (name == "environment") arguments.insert(arguments.begin(), word);
    const bool own = name == "environment" || name == "seeds" || name == "jobs" || name == "out" ||
                     name == "overwrite" || name == "json" || name == "quiet" || name == "config";
    if (own) continue;
    if (name == "no-figures") {
      if (parse_switch(name, word)) arguments.push_back("--no-figures");
    } else {
      arguments.insert(arguments.end(), {"--" + name, word});
    }
  }
  return arguments;
}

std::vector<Cell> cells_for(const TrainOptions& options,
                            const Words& words,
                            const std::string& folder) {
  std::vector<Cell> cells;
  for (const std::uint64_t seed : parse_seeds(options.seeds)) {
    Cell cell;
    cell.row = train_folder_name(options.request.settings);
    cell.seed = seed;
    cell.folder = fmt::format("{}/seed-{}", folder, seed);
    cell.arguments = joined(shared_arguments(words), {{"--seed", std::to_string(seed)}});
    cell.command = CellCommand::kRlTrain;
    cells.push_back(std::move(cell));
  }
  return cells;
}

void require_replaceable(const std::vector<Cell>& cells, bool overwrite) {
  if (overwrite) return;
  for (const Cell& cell : cells) {
    require(!has_other_settings(cell),
            "{} holds a run of other settings: choose another folder with --out, or replace it "
            "with --overwrite",
            cell.folder);
  }
}

/// Steps that a run under way has done: its last published episode's.
std::int64_t steps_done(const Cell& cell) {
  const std::string path = cell.folder + "/episodes.csv";
  try {
    if (!file_exists(path)) return 0;
    const std::string text = read_file(path);
    const auto line = text.rfind('\n', text.size() - 2);
    return line == std::string::npos ? 0 : std::stoll(text.substr(line + 1));
  } catch (const std::exception&) {
    return 0;  // it was just being replaced
  }
}

/// Returns whether all are complete. Throws InvalidInput naming the first that failed.
bool run_all(const std::vector<Cell>& cells, const TrainOptions& options) {
  CellsRun run;
  run.jobs = options.jobs;
  run.quiet = options.request.quiet;
  run.label = "seeds";
  run.work = [steps = options.request.settings.training.steps](const Cell&) { return steps; };
  run.done = steps_done;
  const CellsEnd end = run_cells(cells, run);
  if (end.complete && !end.failed_logs.empty()) {
    fail("{} of {} runs failed; the first one's message is in {}", end.failed_logs.size(),
         cells.size(), end.failed_logs[0]);
  }
  return end.complete;
}

/// summary.json and curves.svg; returns what is printed.
std::string write_summary(const std::vector<Cell>& cells,
                          const TrainOptions& options,
                          const std::string& folder) {
  std::vector<RunCurve> runs;
  for (const Cell& cell : cells) runs.push_back(read_run_curve(cell.folder));
  const std::string label = label_of(runs.front());
  const SeedSummary summary = summarise_seeds(std::move(runs), label);
  Json json = {{"schema", kSummarySchema}};
  json.update(to_json(summary));
  Json origin = origin_of(groups_of(cells));
  origin.erase("runs");  // their number
  json.update(origin);
  json["options"] = to_json(options.request.settings);
  json["options"]["run"].erase("seed");
  std::string files = "summary.json";
  if (options.request.settings.figures && have_gnuplot()) {
    write_svg(curves_figure({summary}, label), folder + "/curves.svg");
    files = "curves.svg, " + files;
  }
  const std::string text = json.dump(2) + "\n";
  write_file(folder + "/summary.json", text);
  if (options.json) return text;
  return summary_table(summary) + fmt::format("{:<16}{}/{}\n", "files", folder, files);
}

}  // namespace

int run_train_seeds(const TrainOptions& options, const Words& words) {
  const TrainRequest& request = options.request;
  std::string folder =
      request.out.empty() ? "out/" + train_folder_name(request.settings) : request.out;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  const std::vector<Cell> cells = cells_for(options, words, folder);
  require_replaceable(cells, request.overwrite);
  require_writable_folder(folder);
  if (!run_all(cells, options)) {
    fmt::print(stderr, "ergon: interrupted; continue with the same command\n");
    return kExitInterrupted;
  }
  std::fputs(write_summary(cells, options, folder).c_str(), stdout);
  return kExitOk;
}

}  // namespace ergon::app
