#pragma once

#include <cstdint>

/// The D² form of exact Frobenius norms, (5) of docs/maths/stein_step.md: plain arrays, float or
/// double, one set. Particles are the vector lanes, differences are formed directly, and the matrix
/// is made in strips of rows that fit a cache, so that no Jacobian is ever stored. Written once
/// (src/stein/lanes) and compiled for three instruction sets.
namespace ergon::stein {

/// A set of particles; dropped ones may hold anything.
template <class Real>
struct NormSet {
  const Real* points;   // (count, dim)
  const Real* score;    // (count, dim)
  const Real* hessian;  // (count, dim, dim) or null
  const bool* alive;    // (count) or null: none is dropped
  std::int64_t count;
  std::int64_t dim;
  Real beta;   // β = 1/σ²
  Real scale;  // 1/M, M the number of live particles
};

/// squared_norm[i] = ‖A_i‖_F² for the particles i = wanted[0..wanted_count), (5). The pair of a
/// particle with itself is left out of the sums (not subtracted), whatever the others hold.
template <class Real>
using NormPass = void (*)(const NormSet<Real>& set,
                          const std::int64_t* wanted,
                          std::int64_t wanted_count,
                          Real* squared_norm);

/// For the best instruction set of this machine.
template <class Real>
NormPass<Real> norm_pass();

}  // namespace ergon::stein
