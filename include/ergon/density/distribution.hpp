#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/density/log_density.hpp"

namespace ergon {

/// Draws with their log-density.
struct Draws {
  Tensor particles;  ///< (..., n, D)
  Tensor log_q;      ///< (..., n)
};

/// A normalised density on R^D that can be sampled exactly. As a LogDensity it has log Z = 0.
class Distribution : public LogDensity {
 public:
  /// log q(x), (..., n, D) -> (..., n), normalised.
  virtual Tensor log_prob(const Tensor& x) const = 0;
  /// `count` independent draws (count, D) with their log-density (count).
  virtual Draws sample_with_log_prob(std::int64_t count, Generator generator) const = 0;

  /// `count` independent draws, (count, D).
  Tensor sample(std::int64_t count, Generator generator) const {
    return sample_with_log_prob(count, generator).particles;
  }
  Tensor log_density(const Tensor& x) const final { return log_prob(x); }
};

}  // namespace ergon
