#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/estimate/interquartile_mean.hpp"
#include "rl/published.hpp"
#include "rl/seed_summary.hpp"

/// Runs of `ergon rl train` beside each other, and beside what others have published.
namespace ergon::app {

/// What a person names: a run or a folder of runs, perhaps with a label before "=".
struct CompareSubject {
  std::string label;  ///< empty: made of what differs
  std::string path;
};
/// "mine=out/walker", or a path alone.
CompareSubject compare_subject(const std::string& word);

struct ComparisonOptions {
  std::vector<std::int64_t> at;  ///< steps of the table; empty: quarters of the common length
  bool published = true;
};

/// An interquartile mean over a group's runs.
struct ComparedCell {
  std::int64_t asked = 0;  ///< step of the table
  std::int64_t step = 0;   ///< the last one not beyond it at which all runs were evaluated
  BootstrapInterval mean;
};

struct ComparedGroup {
  SeedSummary summary;
  std::vector<ComparedCell> cells;  ///< at the table's steps, the last one at the common length
};

/// P(a run of `first` has a higher return than one of `second`) at the common length.
struct Improvement {
  std::string first;
  std::string second;
  BootstrapInterval probability;
};

/// Everything of one environment.
struct EnvironmentComparison {
  std::string environment;
  std::int64_t last = 0;  ///< the common length
  std::vector<std::int64_t> at;
  std::vector<ComparedGroup> groups;
  std::vector<Improvement> improvements;  ///< of all pairs
  std::vector<PublishedReturn> published;
  std::vector<std::string> notes;  ///< what a reader has to know, a sentence each
};

/// Runs that differ in seed and length alone are a group, as are those of one label. Environments
/// and groups are in the order in which they are named. Throws InvalidInput: no runs, a run given
/// twice, two runs of the same options and seed, an unfinished run without evaluations, steps
/// before the first evaluation or beyond every run.
std::vector<EnvironmentComparison> compare_runs(const std::vector<CompareSubject>& subjects,
                                                const ComparisonOptions& options);

/// compare.json; its schema is docs/rl_result_schema.md.
Json to_json(const std::vector<EnvironmentComparison>& comparisons);
/// What is printed.
std::string comparison_table(const EnvironmentComparison& comparison);
/// The groups' bands, and published curves dashed as far as ours reach.
LineFigure comparison_figure(const EnvironmentComparison& comparison);
/// "curves.svg", or "curves-walker2d-v4.svg" where there are several environments.
std::string figure_file(const std::vector<EnvironmentComparison>& comparisons, std::size_t index);
/// report.html; `figures`: an SVG for each comparison, or none at all.
std::string comparison_report(const std::vector<EnvironmentComparison>& comparisons,
                              const std::vector<std::string>& figures);

}  // namespace ergon::app
