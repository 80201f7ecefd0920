#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/figure.hpp"
#include "ergon/core/option_json.hpp"

/// Learning curves of runs that differ in their seed alone.
namespace ergon::app {

/// The evaluations of a finished run, and its result.
struct RunCurve {
  std::string folder;
  Json result;                        ///< result.json
  std::vector<std::int64_t> steps;    ///< of the evaluations, ascending
  std::vector<double> deterministic;  ///< mean return of each
  std::vector<double> stochastic;     ///< likewise
};

/// Reads the folder of a run of `ergon rl train`. Throws InvalidInput naming what is missing or
/// damaged, and for a run that is not finished.
RunCurve read_run_curve(const std::string& folder);

/// Sets steps and returns of a run from run.folder/evaluations.csv. Throws InvalidInput: missing,
/// damaged, none yet.
void read_evaluations(RunCurve& run);

/// "Hopper-v4, stable-baselines3".
std::string label_of(const RunCurve& run);

/// An interquartile mean over runs with the ends of its 95 % interval.
struct BandPoint {
  std::int64_t step = 0;
  double value = 0.0;
  double lower = 0.0;
  double upper = 0.0;
};

/// What several runs have in common.
struct SeedSummary {
  std::string label;
  std::vector<RunCurve> runs;
  std::vector<BandPoint> deterministic;  ///< at the steps at which all runs were evaluated
  std::vector<BandPoint> stochastic;     ///< likewise
};

inline constexpr std::int64_t kCurveResamples = 2000;   ///< of the bootstrap along a curve
inline constexpr std::int64_t kFinalResamples = 50000;  ///< and at its last step

/// Interquartile means with stratified bootstrap intervals (Agarwal et al. 2021) over the runs at
/// every step that all have. Throws InvalidInput: no runs, of different environments, no step in
/// common.
SeedSummary summarise_seeds(std::vector<RunCurve> runs, std::string label);

/// {"label", "environment", "runs", "final", "curve"}: the heart of summary.json.
Json to_json(const SeedSummary& summary);

/// Deterministic returns of every summary with their bands, over steps.
LineFigure curves_figure(const std::vector<SeedSummary>& summaries, const std::string& title);

/// A line for each run and one for the interquartile mean.
std::string summary_table(const SeedSummary& summary);

}  // namespace ergon::app
