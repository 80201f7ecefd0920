#include "ergon/flow/flow_gradient_options.hpp"

namespace ergon {

const std::vector<EnumName<FlowGradient>>& EnumNames<FlowGradient>::all() {
  static const std::vector<EnumName<FlowGradient>> names = {
      {FlowGradient::kReverseTotal, "reverse-total",
       "reverse KL, reparametrised gradient with its score term"},
      {FlowGradient::kReversePath, "reverse-path", "reverse KL, fast path gradient"},
      {FlowGradient::kReversePathTwoPass, "reverse-path-two-pass",
       "reverse KL, path gradient by an inverse pass"},
      {FlowGradient::kForwardTotal, "forward-total", "forward KL: maximum likelihood"},
      {FlowGradient::kForwardPath, "forward-path",
       "forward KL at data with a known energy, fast path gradient"},
      {FlowGradient::kForwardPathTwoPass, "forward-path-two-pass",
       "forward KL at data with a known energy, path gradient by a second pass"}};
  return names;
}

}  // namespace ergon
