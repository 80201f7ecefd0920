#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What a benchmark compares, as its TOML file says.
namespace ergon::app {

/// Beside the samplers' folders in that of a target.
inline constexpr const char* kReferenceFolder = "reference";

/// Options of `ergon sample` in words, "--key=word", as they stand in one table of the file.
struct BenchOptionsTable {
  std::vector<std::string> names;      ///< option names without dashes
  std::vector<std::string> arguments;  ///< one for each name
  std::optional<double> fit_share;     ///< share of a budget that a fit may take, [0, 1]
};

/// A [targets.NAME] table.
struct BenchTarget {
  std::string name;    ///< of the table; the row of the results
  std::string target;  ///< one of `ergon targets`
  BenchOptionsTable options;
  std::optional<double> reference;  ///< log Z, where the user knows it better than the target
  double reference_error = 0.0;     ///< its standard error, >= 0
};

/// A [samplers.NAME] table.
struct BenchSampler {
  std::string name;
  std::string sampler;  ///< one of `ergon samplers`
  BenchOptionsTable options;
};

/// A [references.TARGET] table: the run whose draws stand for exact ones of the target.
struct BenchReference {
  std::string sampler;  ///< one of `ergon samplers` that keeps chains
  BenchOptionsTable options;
};

/// Every number of evaluations in a benchmark counts gradients and Hessian-vector products at
/// points, over all particles, the fit included.
struct BenchFile {
  std::string path;
  std::string name;  ///< default: the file's name without .toml
  std::string description;
  std::string seeds = "0-3";
  std::vector<std::int64_t> budgets;  ///< evaluations of a run, ascending, >= 1
  bool metrics = true;                ///< distances to exact draws: --metrics of `ergon sample`
  std::vector<BenchTarget> targets;
  std::vector<BenchSampler> samplers;
  std::map<std::string, BenchReference> references;    ///< by target
  std::map<std::string, BenchOptionsTable> overrides;  ///< by "target/sampler"
  std::map<std::string, std::string> exclusions;       ///< "target/sampler" to the reason
};

/// "10000,100000", ascending. Throws InvalidInput: not positive, or given twice.
std::vector<std::int64_t> parse_budgets(const std::string& text);

/// Reads the file. Files that targets are read from lie in `data_folder`, or when empty in the
/// file's own data-folder (relative to the TOML file), or beside the TOML file. Throws InvalidInput
/// with path and line: unknown table or key with the nearest one, a value that cannot be, a name
/// that no table has, a data file that is not there.
BenchFile read_bench_file(const std::string& path, const std::string& data_folder);

}  // namespace ergon::app
