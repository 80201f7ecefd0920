#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// n like particles in d dimensions that interact in pairs, in a harmonic trap about their centre
/// of mass:  log p̄ = -Σ_{i<j} e(‖x_i - x_j‖²) - ½ trap Σ_i ‖x_i - x̄‖². Shifting all particles
/// changes nothing, so that on R^{nd} this has no normaliser. The target is the density on the
/// subspace x̄ = 0, in coordinates z of dimension D = (n - 1) d on an orthonormal basis B (n, n - 1)
/// of the vectors whose sum is 0 (Helmert's): x = B Z, Z the rows of z. That is an isometry:
/// volumes, distances and W2 in z are those of the centred positions. Invariant under rotations,
/// reflections and permutations of the particles; known: mean 0. Score and Hessian-vector product
/// are sums over pair differences, O(n²) for a point.
class ParticleSystem : public Target {
 public:
  std::string name() const override { return name_; }
  std::int64_t dim() const override { return (particles_ - 1) * space_; }
  Tensor log_density(const Tensor& z) const override;
  LogDensityAndScore log_density_and_score(const Tensor& z) const override;
  Tensor hessian_vector_product(const Tensor& z, const Tensor& v) const override;
  KnownAnswers known() const override;

  /// n and d.
  std::int64_t particles() const { return particles_; }
  std::int64_t space() const { return space_; }
  /// Where the particles are, centre of mass at 0: (..., D) -> (..., n, d).
  Tensor positions(const Tensor& z) const;
  /// The reverse; takes the centre of mass off: (..., n, d) -> (..., D). Throws InvalidInput for
  /// another shape.
  Tensor coordinates(const Tensor& positions) const;

 protected:
  /// particles n >= 2, space d >= 1, trap >= 0.
  ParticleSystem(std::string name, std::int64_t particles, std::int64_t space, double trap);

 private:
  /// e and its derivatives by q = ‖x_i - x_j‖², elementwise; finite for every q >= 0.
  virtual Tensor pair_energy(const Tensor& q) const = 0;
  virtual Tensor pair_slope(const Tensor& q) const = 0;
  virtual Tensor pair_curvature(const Tensor& q) const = 0;

  /// The rows of z (..., D) in slices (rows, D) small enough for their pairs to stay in cache.
  std::vector<Tensor> slices(const Tensor& z) const;

  std::string name_;
  std::int64_t particles_;
  std::int64_t space_;
  double trap_;
  Constant basis_;  ///< (n, n - 1) B
  Constant self_;   ///< (n, n) identity: the pairs that are none
};

/// e(r²) = 0.9 (r - 4)⁴ - 4 (r - 4)², r the distance, without a trap (Köhler, Klein, Noé 2020,
/// "Equivariant flows": DW4 is 4 particles in the plane). At r = 0 the kink's score is set to 0.
class DoubleWellParticles : public ParticleSystem {
 public:
  DoubleWellParticles(std::string name, std::int64_t particles, std::int64_t space)
      : ParticleSystem(std::move(name), particles, space, 0.0) {}

 private:
  Tensor pair_energy(const Tensor& q) const override;
  Tensor pair_slope(const Tensor& q) const override;
  Tensor pair_curvature(const Tensor& q) const override;
};

/// e(r²) = r⁻¹² - 2 r⁻⁶, the Lennard-Jones pair with its minimum -1 at distance 1, and trap 1
/// (ε = τ = r_m = 1, oscillator 0.5). Below r = 0.01 e goes on
/// linearly in r²: the log-density stays finite (-7e24 a coincident pair) and the score without
/// NaN, also in float32; mass there is exp(-1e24).
class LennardJones : public ParticleSystem {
 public:
  LennardJones(std::string name, std::int64_t particles, std::int64_t space)
      : ParticleSystem(std::move(name), particles, space, 1.0) {}

 private:
  Tensor pair_energy(const Tensor& q) const override;
  Tensor pair_slope(const Tensor& q) const override;
  Tensor pair_curvature(const Tensor& q) const override;
};

/// The targets `dw4`, `lennard-jones-13` and `lennard-jones-55`.
std::unique_ptr<Target> make_particle_system(const TargetOptions& options);

}  // namespace ergon
