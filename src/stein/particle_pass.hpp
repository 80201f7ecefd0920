#pragma once

#include <cstdint>

/// The sums over pairs of particles behind (2), (3), (6) and (7) of docs/maths/stein_step.md, and
/// their derivatives: plain arrays, float or double, one set. A pass takes the rows in tiles of
/// vector lanes and the columns in blocks; a tile of inner products, its exponentials and the
/// products with them stay in the caches, so that nothing of the size rows × columns exists.
/// Written once (src/stein/lanes) and compiled for three instruction sets.
namespace ergon::stein {

/// The particles that are summed over. `first_same`: the column that is the same particle as row 0,
/// row i being column first_same + i; that pair (κ = 1, d = 0) adds s_j to the velocity and nothing
/// to the other sums. No such column: -1.
template <class Real>
struct PassColumns {
  const Real* points;  // (count, dim)
  const Real* score;   // (count, dim)
  std::int64_t count;
  std::int64_t first_same;
};

/// What to add for rows x (count, dim); null: not wanted. d = x_i - x_j, κ = exp(-β‖d‖²/2).
template <class Real>
struct PassSums {
  const Real* points;  // (count, dim)
  std::int64_t count;
  Real* velocity;       // (count, dim)     += c Σ_j κ (s_j + β d)
  Real* kernel;         // (count)          += c Σ_j κ
  Real* trace;          // (count)          += c Σ_j κ [βD - β (s_j + β d)ᵀd]
  std::int64_t probes;  // P
  const Real* vectors;  // (P, count, dim)  v
  Real* products;    // (P, count, dim)  += c Σ_j κ [β v - β (s_j + β d) dᵀv], or (not both)
  Real* transposed;  // (P, count, dim)  += c Σ_j κ [β v - β d (s_j + β d)ᵀv]
};

/// Of all the sums of a pass.
template <class Real>
struct PassScalars {
  std::int64_t dim;
  Real beta;   // β = 1/σ² of the kernel
  Real scale;  // c
  // (dim) or null: zero. A point in the midst of the particles, taken off them where sums are
  // expanded: the nearer, the less has to be done by differences. It changes no sum.
  const Real* centre = nullptr;
};

/// Points farther than this from the origin, scores larger and β outside [1 / kFarthest, kFarthest]
/// would overflow: the caller clamps points and β.
template <class Real>
constexpr Real kFarthest = sizeof(Real) == 4 ? Real(1e18) : Real(1e150);

/// Adds to the sums of all rows. Rows are shared among the worker threads (core/workers.hpp); the
/// result does not depend on their number. Any finite input, however far apart or badly scaled,
/// gives the velocity to about 1e-5 (float) or 1e-12 (double) of c Σ_j κ (‖s_j‖ + √β), traces and
/// products to that of √β times it.
template <class Real>
void accumulate(const PassSums<Real>& rows,
                const PassColumns<Real>& columns,
                const PassScalars<Real>& scalars);

/// One set and the gradients of a number L in its sums, rows and columns being the same particles.
template <class Real>
struct PassUpstream {
  const Real* points;  // (count, dim)
  const Real* score;   // (count, dim)
  std::int64_t count;
  const Real* velocity;       // (count, dim)  the sum itself, where trace is given
  const Real* velocity_grad;  // (count, dim)
  const Real* trace_grad;     // (count) or null: zero
  const Real* kernel_grad;    // (count) or null: zero
  std::int64_t probes;        // of the products; 0: none
  const Real* vectors;        // (P, count, dim)
  const Real* products_grad;  // (P, count, dim)
};

/// Gradients of L, set (not added to). That of β follows from them, since for fixed c the sums are
/// homogeneous (3c): velocity(λX, S/λ, β/λ²) = velocity/λ, trace and products likewise over λ²,
/// kernel unchanged.
template <class Real>
struct PassGradients {
  Real* points;   // (count, dim)
  Real* score;    // (count, dim)
  Real* vectors;  // (P, count, dim)
};

/// Derivatives in one pass over tiles, recomputed as in the sums: five products of tiles where the
/// velocity takes two. With products_grad it works by differences, several times slower.
template <class Real>
void differentiate(const PassUpstream<Real>& upstream,
                   const PassScalars<Real>& scalars,
                   const PassGradients<Real>& gradients);

}  // namespace ergon::stein
