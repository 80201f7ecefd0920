#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cells.hpp"
#include "ergon/core/option_json.hpp"

/// Studies: the tables of docs/studies. Every number in one comes from ordinary `ergon sample`
/// and `ergon fit-flow` runs, the cells, each in a folder of its own; finished ones are not
/// computed again.
namespace ergon::app {

/// What was asked for on the command line.
struct StudyOptions {
  std::string out;      ///< folder of the runs and tables; empty: out/studies/NAME
  std::string seeds;    ///< "0-4" or "1,2,7"; empty: the study's own
  std::string only;     ///< rows, separated by commas; empty: all
  std::string lengths;  ///< numbers of steps, for studies that vary them; empty: the study's own
  std::string data_folder;  ///< where data sets that are not part of ergon lie; empty: nowhere
  int jobs = 1;             ///< runs at the same time, >= 1
  bool quick = false;       ///< tiny runs that show that the study works, not what it says
  bool json = false;
  bool quiet = false;
};

/// What a study says.
struct StudyTable {
  std::string markdown;
  Json rows = Json::array();  ///< flat objects: the records of table.csv and table.json
  Json totals;                ///< over all rows, for table.json alone; may be null
};

/// A study: which runs, and what is made of them.
struct Study {
  const char* name;
  const char* summary;      ///< one line
  const char* description;  ///< a paragraph, for its help
  const char* seeds;        ///< those without --seeds
  const char* quick_seeds;  ///< those without --seeds under --quick
  bool varies_length = false;
  bool reads_data = false;
  bool survives_failures = false;  ///< failed runs are part of the table

  std::vector<std::string> (*rows)();
  /// Writes what the runs read into options.out; null: nothing.
  void (*prepare)(const StudyOptions& options) = nullptr;
  /// The runs of chosen rows for these seeds; the seed varies fastest.
  std::vector<Cell> (*cells)(const StudyOptions& options, const std::vector<std::uint64_t>& seeds);
  StudyTable (*tabulate)(const std::vector<CellGroup>& groups, const StudyOptions& options);
  /// Writes pictures into options.out; null: none.
  void (*draw)(const std::vector<CellGroup>& groups, const StudyOptions& options) = nullptr;
};

const std::vector<Study>& all_studies();

// ---- for the studies
// -----------------------------------------------------------------------------------------------

/// Whether --only takes the row in.
bool is_chosen(const StudyOptions& options, const std::string& row);

/// Words to numbers: "50,100". Throws InvalidInput naming `option`.
std::vector<std::int64_t> parse_counts(const std::string& option, const std::string& text);

/// Arguments whose --fit, --steps, --particles, --sets and --draws are cut to tiny values.
std::vector<std::string> quickened(std::vector<std::string> arguments);

// ---- for the command
// -----------------------------------------------------------------------------------------------

/// The study's cells, checked: --only and --seeds make sense. Sets what was left empty in
/// `options`. Throws InvalidInput.
std::vector<Cell> plan_study(const Study& study, StudyOptions& options);

/// Runs what is missing. False: interrupted. Throws InvalidInput when runs fail that must not.
bool compute_cells(const Study& study, const std::vector<Cell>& cells, const StudyOptions& options);

/// Reads the results back, makes the table and writes options.out/table.{md,csv,json}. `command`:
/// the words that were typed. Returns what is printed.
std::string finish_study(const Study& study,
                         const std::vector<Cell>& cells,
                         const StudyOptions& options,
                         const std::string& command);

}  // namespace ergon::app
