#pragma once

#include <functional>
#include <vector>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// An unnormalised density on an interval of the line, known through its logarithm: normaliser,
/// expectations and entropy by Simpson's rule on 40001 nodes (full double precision for smooth
/// densities that the interval contains), and exact draws.
class LineDensity {
 public:
  /// log f(t) for t in [low, high]; -infinity where f is zero. Mass outside counts as none.
  LineDensity(std::function<double(double)> log_f, double low, double high);

  /// log ∫ f.
  double log_z() const { return log_z_; }
  /// E[g(t)] under f / Z.
  double expectation(const std::function<double(double)>& g) const;
  /// `count` independent draws (count), float64: rejection from a step function over the nodes that
  /// bounds f from above.
  Tensor sample(std::int64_t count, Generator generator) const;

 private:
  /// Up to `count` accepted draws from `count` proposals.
  Tensor propose(std::int64_t count, const Generator& generator) const;

  std::function<double(double)> log_f_;
  double low_;
  double step_;
  double peak_;  ///< largest log f on the nodes
  double log_z_;
  std::vector<double> height_;  ///< exp(log f - peak) at the nodes
  std::vector<double> bound_;   ///< upper bound of exp(log f - peak) on each cell
  Tensor cumulative_;           ///< running share of the bound's mass, one per cell, ending at 1
};

}  // namespace ergon
