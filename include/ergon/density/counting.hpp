#pragma once

#include <atomic>
#include <cstdint>

#include "ergon/density/log_density.hpp"

namespace ergon {

/// What a run asked of its target, in points (rows).
struct EvaluationCounts {
  std::int64_t log_density = 0;
  std::int64_t gradient = 0;
  std::int64_t hessian_vector = 0;
};

/// A log-density that counts the points it is asked about and passes them on.
/// `log_density_and_score` counts one log-density and one gradient per point, `hessian` D
/// Hessian-vector products. The decorated density must outlive it. Thread-safe if that is.
class CountingDensity : public LogDensity {
 public:
  explicit CountingDensity(const LogDensity& density) : density_(density) {}

  std::int64_t dim() const override { return density_.dim(); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  Tensor hessian(const Tensor& x) const override;

  /// Counts since construction, plus those that were set (of the earlier part of a resumed run).
  EvaluationCounts counts() const;
  void set_counts(const EvaluationCounts& counts);

 private:
  const LogDensity& density_;
  mutable std::atomic<std::int64_t> log_densities_{0};
  mutable std::atomic<std::int64_t> gradients_{0};
  mutable std::atomic<std::int64_t> hessian_vectors_{0};
};

}  // namespace ergon
