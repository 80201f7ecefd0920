#pragma once

#include <vector>

#include "ergon/core/enum_names.hpp"

namespace ergon {

/// How the gradient of a divergence between a flow and a target is estimated.
enum class FlowGradient {
  kReverseTotal,        ///< reverse KL, reparametrised, with the score term
  kReversePath,         ///< reverse KL, path gradient, force by the layers' recursion
  kReversePathTwoPass,  ///< the same estimate by an inverse pass: an oracle, and the usual way
  kForwardTotal,        ///< forward KL: maximum likelihood
  kForwardPath,         ///< forward KL at data with a known log-density, path gradient
  kForwardPathTwoPass   ///< the same estimate by a second pass
};

constexpr bool is_reverse(FlowGradient estimator) {
  return estimator == FlowGradient::kReverseTotal || estimator == FlowGradient::kReversePath ||
         estimator == FlowGradient::kReversePathTwoPass;
}
/// Whether the estimator reads the target's log-density and score.
constexpr bool needs_target(FlowGradient estimator) {
  return estimator != FlowGradient::kForwardTotal;
}

template <>
struct EnumNames<FlowGradient> {
  static const std::vector<EnumName<FlowGradient>>& all();
};

}  // namespace ergon
