#pragma once

#include <cstdint>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/distribution.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon {

/// q⁰: an equal-weight mixture of K >= 1 Gaussians with diagonal covariances. Draws are
/// reparameterised: gradients flow to mean and log-standard-deviation. In a mixture the component
/// of a draw is not differentiated, its density is.
class InitialDistribution final : public Distribution {
 public:
  /// mean, log_stddev: (K, D).
  InitialDistribution(Tensor mean, Tensor log_stddev);
  /// From options' starting values (component means of a mixture are drawn from `seed`).
  static InitialDistribution from_options(const InitialOptions& options,
                                          std::int64_t dim,
                                          Seed seed);
  /// From parameters named initial.mean and initial.log_stddev.
  static InitialDistribution from_parameters(const NamedTensors& parameters);

  /// `sets` independent sets of `particles` draws, (sets, particles, D).
  Draws sample_sets(std::int64_t sets, std::int64_t particles, Generator generator) const;
  Draws sample_with_log_prob(std::int64_t count, Generator generator) const override;
  std::int64_t dim() const override;
  Tensor log_prob(const Tensor& x) const override;
  /// In closed form: the score is -Σ_k r_k (x - m_k) / s_k² with the components' responsibilities
  /// r_k.
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  /// For points (..., D): false where some coordinate is further than `width` standard deviations
  /// from the (nearest) component's mean.
  Tensor within(const Tensor& x, double width) const;

  const Tensor& mean() const { return mean_; }              ///< (K, D)
  const Tensor& log_stddev() const { return log_stddev_; }  ///< (K, D)

 private:
  Tensor mean_, log_stddev_;
};

}  // namespace ergon
