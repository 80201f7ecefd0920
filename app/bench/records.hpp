#pragma once

#include <vector>

#include "bench/plan.hpp"

/// What the runs of a benchmark say, one flat object for a target, sampler and budget.
namespace ergon::app {

/// A mean over seeds with its standard error; that of the run itself where there is one seed.
struct SeedMean {
  double value;           ///< NaN: no run has one
  double standard_error;  ///< NaN: unknown
};

/// Of the numbers at `value`, "/log_z/estimate", with the runs' own errors at `error`; empty: they
/// have none.
SeedMean mean_over_seeds(const CellGroup& finished,
                         const std::string& value,
                         const std::string& error);

/// The record of a line, by the results of its cells. Keys of table.csv and table.json:
/// target, sampler, budget, runs, finished_runs, not_run (why), failure (the first message),
/// log Z, ELBO and EUBO with standard errors, diagnostics, distances, costs. Null: there is none.
Json record_of(const BenchLine& line, const CellGroup& results);

/// The distances that any record has (w2, mmd2, …), in the order of their first appearance.
std::vector<std::string> metric_names(const Json& records);

}  // namespace ergon::app
