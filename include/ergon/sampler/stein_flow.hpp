#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/tensor_io.hpp"
#include "ergon/density/affine.hpp"
#include "ergon/density/bijection.hpp"
#include "ergon/density/distribution.hpp"
#include "ergon/sampler/flow_options.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/sampler.hpp"
#include "ergon/stein/fixed_support.hpp"

namespace ergon {

/// A recorded step: support, bandwidth and a step size below the certified bound. Leading
/// dimensions (...) are independent sets.
struct SteinStep {
  stein::Support support;  ///< points (..., M, D), bandwidth (...)
  Tensor step_size;        ///< (...)
};

/// The step that a sampler took from `state`, with its step size cut to `safety` / Lip (22).
/// bandwidth, step_size: (...) as in Info. Detached from any graph.
SteinStep record_step(const State& state,
                      const Tensor& bandwidth,
                      const Tensor& step_size,
                      double safety);

/// One set's step out of a record of several, (R, M, D) -> (M, D). Dropped points are left out.
SteinStep step_of_set(const SteinStep& step, std::int64_t set);

/// A run read as a normalizing flow: q⁰ pushed through the recorded steps of one set, x = A(T_L ∘ …
/// ∘ T_1 (z)), z ~ q⁰, A an affine map or nothing; exact log-density everywhere (25), fresh
/// independent draws, and the inverse at any point.
class SteinFlow final : public Distribution, public Bijection {
 public:
  struct Method {
    FlowDeterminant determinant = FlowDeterminant::kAuto;
    std::int64_t series_terms = 8;   ///< series alone
    std::int64_t series_probes = 4;  ///< series alone
  };

  /// initial: q⁰ with gradients detached; steps of one set, points (M, D), scalars for bandwidth
  /// and step size. Throws InvalidInput: shapes that do not fit, a step size at or above the bound.
  SteinFlow(InitialDistribution initial,
            std::vector<SteinStep> steps,
            std::optional<AffineMap> affine,
            Method method);

  std::int64_t dim() const override;
  /// log q(x) by inversion. Not differentiable in x. Throws NumericalFailure from stein::invert.
  Tensor log_prob(const Tensor& x) const override;
  /// The density has no derivatives: both throw InvalidInput rather than return zeros.
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  /// Draws through the flow. Under the series, log q is an unbiased estimate, elsewhere exact.
  Draws sample_with_log_prob(std::int64_t count, Generator generator) const override;
  /// From q⁰'s space to x and back; exact determinants under every method. Without a graph.
  Mapped forward(const Tensor& z) const override;
  Mapped inverse(const Tensor& x) const override;

  const InitialDistribution& initial() const { return initial_; }
  const std::vector<SteinStep>& steps() const { return steps_; }
  const std::optional<AffineMap>& affine() const { return affine_; }

  /// NPZ: initial.mean, initial.log_stddev (K, D); affine.location (D), affine.scale (D, D) where
  /// there is a map; steps.size (L) int64, M of every step; steps.points, steps.score (sum of M,
  /// D), one step below the other; steps.bandwidth, steps.step_size (L). Loading restores the same
  /// bits. Throws InvalidInput naming the path.
  void save(const std::string& path) const;
  static SteinFlow load(const std::string& path, Method method);

 private:
  InitialDistribution initial_;
  std::vector<SteinStep> steps_;
  std::optional<AffineMap> affine_;
  Method method_;
};

}  // namespace ergon
