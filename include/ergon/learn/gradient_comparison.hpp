#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/flow/flow_gradient.hpp"

namespace ergon {

/// The spread of one estimator's gradient over batches.
struct EstimatorSpread {
  FlowGradient estimator = FlowGradient::kReverseTotal;
  GradientVariance variance;
};

/// How many batches, and of what.
struct GradientComparisonOptions {
  std::int64_t batches = 64;  ///< >= 2
  std::int64_t batch = 100;   ///< draws in each, >= 1
};

/// The variances of the plain and of the path gradient at a flow, each from `batches` independent
/// batches, the same ones for both: reverse-total and reverse-path at the flow's own draws; with
/// `exact` (n, D), at least batches x batch exact draws of the target, also forward-total and
/// forward-path. The flow stays as it is. Throws InvalidInput: too few draws; NumericalFailure: a
/// gradient that is not finite.
std::vector<EstimatorSpread> compare_gradients(const NormalizingFlow& flow,
                                               const LogDensity& target,
                                               const Tensor& exact,
                                               const GradientComparisonOptions& options,
                                               Seed seed);

}  // namespace ergon
