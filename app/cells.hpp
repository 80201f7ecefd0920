#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ergon/core/option_json.hpp"

/// Tables made of many runs of `ergon sample`, `ergon fit-flow` or `ergon rl train`, the cells,
/// each in a folder of its own: finished ones are not computed again, interrupted ones go on.
namespace ergon::app {

/// The subcommand that a cell is a run of.
enum class CellCommand { kSample, kFitFlow, kRlTrain };

/// One run of a study or a benchmark.
struct Cell {
  std::string row;
  std::string method;       ///< what is compared within a row; empty where nothing is
  std::int64_t length = 0;  ///< number of steps or budget of evaluations, where those vary
  std::uint64_t seed = 0;
  std::string folder;
  std::vector<std::string> arguments;  ///< of the subcommand, without its folder
  /// The file of --reference-draws where its name tells its content: its folder may be another.
  std::string named_draws = {};
  CellCommand command = CellCommand::kSample;
};

/// A cell and its result.json, or why there is none.
struct CellResult {
  Cell cell;
  Json result;          ///< null: the run failed
  std::string failure;  ///< its message
};

/// Cells that differ in their seed alone, in the order of the seeds; never empty.
using CellGroup = std::vector<CellResult>;

/// How cells are carried out.
struct CellsRun {
  int jobs = 1;  ///< runs at the same time, each with one thread
  bool quiet = false;
  std::string label = "runs";  ///< of the progress
  /// A cell's share of the work, for the time left; every cell counts alike without it.
  std::function<std::int64_t(const Cell&)> work = nullptr;
  /// The part of that work which a cell that is running has done; 0 without it.
  std::function<std::int64_t(const Cell&)> done = nullptr;
};

struct CellsEnd {
  bool complete = true;                  ///< false: interrupted
  std::vector<std::string> failed_logs;  ///< files with the messages of the failed runs
};

/// Whether the cell's folder holds a run of other settings, or a damaged one, which run_cells would
/// compute again.
bool has_other_settings(const Cell& cell);

/// Runs what is missing.
CellsEnd run_cells(const std::vector<Cell>& cells, const CellsRun& run);

/// The cell's result, read back; or its failure.
CellResult result_of(const Cell& cell);

/// Results of neighbouring cells with the same row, method and length together.
std::vector<CellGroup> groups_of(const std::vector<Cell>& cells);

/// Revisions, versions, machine, number and seconds of the finished runs: how a table came about,
/// as far as that is not in its rows.
Json origin_of(const std::vector<CellGroup>& groups);

// ---- words
// -----------------------------------------------------------------------------------------------

/// "0-4" or "1,2,7". Throws InvalidInput: no range, a seed given twice.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

/// The parts between separators, empty ones too.
std::vector<std::string> split_words(const std::string& text, char separator = ',');

/// "--steps 20 --fit 300" to its words.
std::vector<std::string> words(const std::string& text);

/// The list followed by the others.
std::vector<std::string> joined(std::vector<std::string> arguments,
                                const std::vector<std::vector<std::string>>& more);

/// The words that were typed after "ergon", as a line of a shell.
std::string shell_line(const std::string& command, const std::vector<std::string>& arguments);

}  // namespace ergon::app
