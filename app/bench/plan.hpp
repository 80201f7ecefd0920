#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench_file.hpp"
#include "cells.hpp"
#include "sample_request.hpp"

/// From targets, samplers, budgets and seeds to runs of `ergon sample`.
namespace ergon::app {

/// How a budget B of evaluations becomes options. M particles, S sets.
enum class BudgetRule {
  kStop,          ///< chains, svgd, fits of share 0: --evaluations B, and at most B/(MS) --steps
  kFit,           ///< what learns: as many --fit iterations as the share of B, and what the run
                  ///< itself leaves of B, pay for, by the costs of two pilot runs
  kParticles,     ///< adaptive annealing: --particles B/(Sc), c a particle's cost in a pilot run
  kTemperatures,  ///< annealing by a given ladder: --steps B/c, c a temperature's cost in a pilot
                  ///< run
  kDraws          ///< laplace: --particles B/S, at most kMostDraws, a gradient each
};

inline constexpr std::int64_t kMostDraws = 100'000;
inline constexpr std::int64_t kLeastGradients = 20;    ///< a particle's, under kStop
inline constexpr std::int64_t kLeastIterations = 10;   ///< of a fit
inline constexpr std::int64_t kLeastParticles = 16;    ///< of a set, under kParticles
inline constexpr std::int64_t kLeastTemperatures = 5;  ///< under kTemperatures
inline constexpr std::int64_t kPilotParticles = 64;
inline constexpr std::int64_t kPilotTemperatures = 10;

/// What a pair has of its target's reference run.
struct ReferenceOfPair {
  std::string draws;            ///< file for --reference-draws; empty: none
  std::optional<double> log_z;  ///< where the run estimates it with a standard error
  double log_z_error = 0.0;
  std::string failure;  ///< why the pair cannot be run; empty: it can
};

/// A target with a sampler.
struct BenchPair {
  BenchTarget target;
  BenchSampler sampler;
  std::string excluded;                ///< why it is not run; empty: it is
  std::vector<std::string> arguments;  ///< of `ergon sample`, without what budget and seed decide
  RunSettings settings;                ///< of these arguments
  BudgetRule rule = BudgetRule::kStop;
  double fit_share = 1.0;
  std::vector<Cell> pilots;
  ReferenceOfPair reference = {};
};

/// What pilot runs cost, in evaluations.
struct PilotCosts {
  double total = 0.0;      ///< of all pilots together
  double run = 0.0;        ///< kFit: of a run without its fit; else: of the pilot run
  double iteration = 0.0;  ///< kFit
  double held_out = 0.0;   ///< kFit: of an evaluation on held-out draws
};

/// What a budget buys.
struct Allotment {
  std::vector<std::string> arguments;  ///< beside the pair's own
  std::string skipped;                 ///< why the budget is too small; empty: it is not
};

/// Seeds and budgets of one pair's one budget.
struct BenchLine {
  BenchPair pair;
  std::int64_t budget = 0;
  std::vector<Cell> cells;         ///< one per seed; none: not run
  std::string skipped;             ///< why there are none
  std::string earlier_failure;     ///< of a pilot or the reference run; empty: none failed
  double pilot_evaluations = 0.0;  ///< of the pair, counted once for all its lines
};

/// What was chosen on the command line.
struct BenchChoice {
  std::string out;   ///< folder of everything
  std::string only;  ///< targets, samplers or target/sampler, separated by commas; empty: all
};

/// Evaluations of a finished run as they are held against a budget: gradients and Hessian-vector
/// products.
double evaluations_of(const Json& result);

BudgetRule budget_rule(const SamplerOptions& sampler, double fit_share);

/// The arguments of the tables, without those that a later table gives again.
std::vector<std::string> last_word(const std::vector<BenchOptionsTable>& tables);

/// The arguments without what concerns the distances to exact draws, which pilots and reference
/// runs do not need.
std::vector<std::string> without_metrics(std::vector<std::string> arguments);

/// The settings of these arguments. What is refused is said with `name`.
RunSettings checked_settings(const BenchFile& file,
                             const std::string& name,
                             const std::vector<std::string>& arguments);

/// Every chosen pair, in the order of the file, targets first. Throws InvalidInput naming the pair:
/// an option that `ergon sample` refuses, one that the budget decides, an unknown name in `only`.
std::vector<BenchPair> plan_pairs(const BenchFile& file, const BenchChoice& choice);

/// What the budget buys, by what the pair's pilots cost (for rules with pilots).
Allotment allot(const BenchPair& pair, std::int64_t budget, const PilotCosts& costs);

/// The costs by the pair's finished pilots, in their order.
PilotCosts pilot_costs(const BenchPair& pair, const std::vector<Json>& results);

/// The lines of all pairs and budgets; pilots must have run. A pair whose pilots did not finish
/// has lines with an earlier_failure.
std::vector<BenchLine> plan_lines(const std::vector<BenchPair>& pairs,
                                  const BenchFile& file,
                                  const BenchChoice& choice,
                                  const std::vector<std::uint64_t>& seeds);

/// All pilots, and all cells.
std::vector<Cell> pilots_of(const std::vector<BenchPair>& pairs);
std::vector<Cell> cells_of(const std::vector<BenchLine>& lines);

}  // namespace ergon::app
