#pragma once

#include <string>
#include <vector>

#include "ergon/core/option_json.hpp"

/// The sanity gate: a lower bound on log Z must not exceed the reference, nor an upper bound fall
/// below it, by more than their errors explain. A benchmark that finds this has a defect, in a
/// sampler, an estimator, a target or a reference.
namespace ergon::app {

inline constexpr double kBoundErrors = 4.0;    ///< standard errors beyond which a bound is violated
inline constexpr double kLogZErrors = 5.0;     ///< and beyond which an estimate of log Z is flagged
inline constexpr double kGateRounding = 1e-5;  ///< of 1 + |log Z|: what rounding may do

struct GateVerdict {
  std::size_t checked = 0;              ///< bounds held against a reference
  std::vector<std::string> violations;  ///< sentences; each fails the benchmark
  std::vector<std::string> flags;       ///< sentences to be looked at, which fail nothing
};

/// Judges records of record_of. Bounds: the ELBO where `elbo_is_bound` (estimates from a flow,
/// laplace, ais, smc), and every EUBO. The error of a mean over seeds is the larger one of that
/// over the seeds and that which the runs report, together with the reference's. An "ELBO" of a
/// first-order density that exceeds the reference is flagged: it is no bound. So is an estimate of
/// log Z that rests on no such density and is far off, and a bound without a standard error.
GateVerdict judge(const Json& records);

}  // namespace ergon::app
