#include "resampling.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace ergon {

Tensor normalised_weights(const Tensor& log_weight) { return at::softmax(log_weight, -1); }

Tensor effective_share(const Tensor& log_weight) {
  return (normalised_weights(log_weight).square().sum(-1) *
          static_cast<double>(log_weight.size(-1)))
      .reciprocal();
}

Tensor log_mean_weight(const Tensor& log_weight) {
  return log_weight.logsumexp(-1) - std::log(static_cast<double>(log_weight.size(-1)));
}

Tensor systematic_resampling(const Tensor& log_weight, const Tensor& uniform) {
  const auto particles = log_weight.size(-1);
  Tensor cumulative = normalised_weights(log_weight).cumsum(-1);
  // The last particle of positive weight reaches 1 exactly, whatever the rounding of the sum.
  cumulative = cumulative / cumulative.narrow(-1, particles - 1, 1);
  const Tensor places = (at::arange(particles, cumulative.options()) + uniform.unsqueeze(-1)) /
                        static_cast<double>(particles);
  return at::searchsorted(cumulative, places.clamp_max(std::nextafter(1.0, 0.0)),
                          /*out_int32=*/false, /*right=*/true);
}

}  // namespace ergon
