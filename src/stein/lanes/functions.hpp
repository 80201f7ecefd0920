#pragma once

#include <cstdint>

#include "../particle_pass.hpp"

/// What the lanes of every instruction set have in common with src/stein/particle_pass.cpp.
namespace ergon::stein {

/// The columns of a pass as its products want them.
template <class Real>
struct PackedColumns {
  const Real* points;  // (count, dim), as given
  const Real* score;   // (count, dim)
  Real* inner_points;  // panels of x_j for inner products over the dimensions
  Real* outer_pull;    // panels of c h_j for sums over the columns
  Real* inner_pull;    // of c h_j, and
  Real* outer_points;  // of x_j, for transposed products; else null
  Real* offset;        // (count) -β/2 ‖x_j‖² log2(e); -inf where h_j overflows
  Real* moment;        // (count) c (h_jᵀx_j + β/2 ‖x_j‖²)
  std::int64_t count;
  std::int64_t first_same;
};

/// The set of a backward pass as its products want it: U_j = c (F̄_j - β T̄_j x_j), F̄ and T̄ the
/// gradients of velocity and trace, h_j = s_j - β x_j.
template <class Real>
struct PackedUpstream {
  const Real* points;  // (count, dim)  x_j less the centre, as in all that follows
  Real* inner_points;  // panels of x_j for inner products over the dimensions
  Real* inner_both;    // of (h_j, U_j), of twice the dimension
  Real* outer_mixed;   // panels of U_j for sums over the columns
  Real* outer_points;  // of x_j
  Real* pull;          // (count, dim)  h_j
  Real* mixed;         // (count, dim)  U_j
  Real* upward;        // (count, dim)  c F̄_j
  Real* offset;        // (count)  as in PackedColumns
  Real* own;     // (count)  A_j = β c F̄_jᵀx_j + c K̄_j + c T̄_j (β D - β²/2 ‖x_j‖²)
  Real* cross;   // (count)  B_j = β s_jᵀx_j - β²/2 ‖x_j‖²
  Real* trace;   // (count)  c T̄_j
  Real* kernel;  // (count)  c K̄_j
};

/// The row a tile begins at, and memory for it.
struct TileAt {
  std::int64_t first;
  void* memory;
};

/// A pass for one instruction set: packs the columns, then takes the rows a tile at a time.
template <class Real>
struct PassFunctions {
  std::int64_t tile_rows;
  std::int64_t (*packed_numbers)(std::int64_t count, std::int64_t dim, bool transposed);
  std::int64_t (*tile_bytes)(std::int64_t dim, std::int64_t probes);
  PackedColumns<Real> (*pack)(const PassColumns<Real>&,
                              PassScalars<Real>,
                              bool transposed,
                              Real* memory);
  void (*forward_rows)(const PackedColumns<Real>&,
                       const PassSums<Real>&,
                       PassScalars<Real>,
                       std::int64_t first,
                       void* memory);
  std::int64_t (*upstream_numbers)(std::int64_t count, std::int64_t dim);
  std::int64_t (*gradient_tile_bytes)(std::int64_t dim, std::int64_t probes);
  PackedUpstream<Real> (*pack_upstream)(const PassUpstream<Real>&, PassScalars<Real>, Real* memory);
  void (*backward_rows)(const PackedUpstream<Real>&,
                        const PassUpstream<Real>&,
                        PassScalars<Real>,
                        const PassGradients<Real>&,
                        TileAt);
};

/// For vectors of 64, 32 or 16 bytes; null where this machine has none.
template <class Real>
const PassFunctions<Real>* pass_functions_of(int vector_bytes);

/// accumulate and differentiate (particle_pass.hpp) by these functions.
template <class Real>
void accumulate_by(const PassFunctions<Real>& functions,
                   const PassSums<Real>& rows,
                   const PassColumns<Real>& columns,
                   const PassScalars<Real>& scalars);
template <class Real>
void differentiate_by(const PassFunctions<Real>& functions,
                      const PassUpstream<Real>& upstream,
                      const PassScalars<Real>& scalars,
                      const PassGradients<Real>& gradients);

}  // namespace ergon::stein
