#include "ergon/stein/metropolis.hpp"

#include <ATen/ATen.h>

#include <limits>

namespace ergon::stein {

Tensor log_acceptance(const Tensor& proposed_log_density,
                      const Tensor& log_density,
                      const Tensor& log_det) {
  const Tensor ratio = proposed_log_density - log_density + log_det;
  const Tensor rejected = at::full_like(ratio, -std::numeric_limits<double>::infinity());
  return at::where(ratio.isnan(), rejected, ratio.clamp_max(0));
}

Tensor mixed_log_density(const Tensor& log_q, const Tensor& log_acceptance, const Tensor& log_det) {
  const Tensor moved = log_acceptance - log_det;
  const Tensor stayed = (1 - log_acceptance.exp() + 1e-8).log();
  return log_q + at::logaddexp(moved, stayed);
}

}  // namespace ergon::stein
