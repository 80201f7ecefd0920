#pragma once

#include <string>
#include <vector>

#include "bench/gate.hpp"
#include "bench/plan.hpp"

/// What a benchmark prints and draws.
namespace ergon::app {

/// The page: a table for every target, with its reference run (of reference_records), what was not
/// run, what failed and what the gate found.
std::string bench_markdown(const BenchFile& file,
                           const std::string& seeds,
                           const Json& records,
                           const Json& references,
                           const GateVerdict& verdict);

/// Draws error against evaluations and against seconds for every target: the error of log Z where
/// there is a reference, and the distance w2, or energy_w2, where there is one. Writes
/// FOLDER/TARGET-QUANTITY-COST.svg and returns their names. None without gnuplot, which the caller
/// asks for.
std::vector<std::string> draw_bench(const Json& records, const std::string& folder);

}  // namespace ergon::app
