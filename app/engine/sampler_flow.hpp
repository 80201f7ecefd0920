#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ergon/density/affine.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/estimate/estimate.hpp"
#include "ergon/flow/normalizing_flow.hpp"
#include "ergon/learn/fit.hpp"
#include "sample_request.hpp"

namespace ergon::app {

/// The mean log-weight at exact draws of the target: an upper bound on log Z.
struct UpperBound {
  std::optional<Estimate> eubo;  ///< where the target can be sampled exactly
  std::string failure;           ///< why there is none in spite of exact draws; empty otherwise
};

/// The normalizing flow of --sampler flow, and the target as it sees it: in z, x = m + s z with
/// m = initial-mean and s = initial-stddev.
class SamplerFlow {
 public:
  /// The flow at its start. `density` must outlive it. Throws InvalidInput: a flow that the
  /// target's dimension does not allow.
  SamplerFlow(const RunSettings& settings, const LogDensity& density, Seed seed);
  /// A flow from a file. Throws InvalidInput naming the path: no flow, or one of another dimension
  /// or precision, or a conditional one.
  SamplerFlow(const RunSettings& settings, const LogDensity& density, const std::string& path);

  /// In z.
  NormalizingFlow& flow() { return *flow_; }
  const NormalizingFlow& flow() const { return *flow_; }
  /// The flow's layers, which a Run moves its particles through.
  std::shared_ptr<const Bijection> map() const;
  /// Reverse KL by path gradients. The flow must outlive the fit, which moves its parameters.
  std::unique_ptr<Fit> make_fit(const FitOptions& options, Seed seed);
  /// exact: (n, D) draws of the target, in x.
  UpperBound bound_from_above(const Tensor& exact) const;

 private:
  AffineMap map_;
  AffineDensity target_;
  std::shared_ptr<NormalizingFlow> flow_;
};

}  // namespace ergon::app
