// The pass over tiles of particles, compiled by src/stein/particle_pass.cpp through machines.hpp.
#include "arithmetic.hpp"
// needs arithmetic
#include "tile.hpp"
// needs tile
#include "packing.hpp"
// needs packing
#include "particles.hpp"
// needs particles
#include "direct.hpp"
// needs particles
#include "differences.hpp"
// needs differences
#include "forward.hpp"
// needs forward
#include "gradients.hpp"
// needs gradients and direct
#include "direct_gradients.hpp"
// needs gradients
#include "gradient_differences.hpp"
// needs gradient_differences
#include "backward_tile.hpp"

namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

inline std::int64_t tile_bytes(std::int64_t dim, std::int64_t probes) {
  return row_tile_vectors(dim, probes) * ERGON_VECTOR_BYTES;
}
inline std::int64_t gradient_tile_bytes(std::int64_t dim, std::int64_t probes) {
  return gradient_tile_vectors(dim, probes) * ERGON_VECTOR_BYTES;
}

template <class Real>
constexpr PassFunctions<Real> kFunctions = {
    kTileRows<Real>,     packed_numbers,      tile_bytes,
    pack<Real>,          forward_rows<Real>,  upstream_numbers,
    gradient_tile_bytes, pack_upstream<Real>, backward_rows<Real>};

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
