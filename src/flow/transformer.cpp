#include "ergon/flow/transformer.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace ergon {

CarriedCoordinates Transformer::carry(const Tensor& x,
                                      const Tensor& theta,
                                      const Tensor& force,
                                      Direction direction) const {
  CarriedCoordinates out;
  out.mapped = direction == Direction::kForward ? forward(x, theta) : inverse(x, theta);
  const at::NoGradGuard no_grad;
  const Tensor slope_at_x = slope(x, theta, direction);
  out.force = at::neg(out.mapped.log_derivative).exp_();
  out.force.mul_(slope_at_x.defined() ? force - slope_at_x : force);
  out.theta = pull_back(x, theta, out.force, 1.0, direction);
  return out;
}

}  // namespace ergon
