#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon {

/// y = x + β (x - z₀) / (α + r), r = |x - z₀| (Rezende, Mohamed 2015, "Variational inference with
/// normalizing flows", eq. 14). With κ = β/α and h = 1/(α + r)
///   log|det| = (D - 1) log(1 + κ α h) + log(1 + κ α² h²),
/// κ = m(b) > -0.99 (their appendix A.2 with a bound and m(0) = 0), so that every layer can be
/// inverted: by the quadratic equation of r, in closed form. Forces are carried in closed form: the
/// Jacobian is a multiple of the identity and a multiple of (x - z₀)(x - z₀)ᵀ.
///
/// At r = 0 the log-determinant has a kink; the derivative with respect to r counts as zero there.
class Radial final : public FlowLayer {
 public:
  /// Near the identity, with random z₀ and small b from the generator; float64. With a context of
  /// C > 0 numbers a network adds to z₀, a and b, which it leaves as they are at its start. Throws
  /// InvalidInput: dim below 1, context_dim below 0.
  Radial(std::int64_t dim,
         std::int64_t context_dim,
         const NetworkOptions& options,
         Generator generator);

  std::int64_t dim() const override { return dim_; }
  std::int64_t context_dim() const override { return network_ ? network_->input_dim() : 0; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "center" z₀ (D), "radius" a (1) with α = 0.001 + 0.999 softplus(a + log(e - 1)), "strength"
  /// b (1), and "network." those of the network.
  NamedTensors parameters() const override;

 private:
  struct Numbers;
  Numbers numbers(const Tensor& points, const Tensor& context) const;

  std::int64_t dim_;
  Tensor center_, radius_, strength_;
  std::unique_ptr<Conditioner> network_;  // null without a context
};

}  // namespace ergon
