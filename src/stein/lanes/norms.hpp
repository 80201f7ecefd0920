// A body for machines.hpp: exact Frobenius norms, (5) of docs/maths/stein_step.md, a tile of
// particles at a time.
#include "arithmetic.hpp"
// needs arithmetic
#include "matrix.hpp"
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// How a tile's matrices are cut: strips of rows that fit the second-level cache, and blocks of
// columns (particles) whose differences fit the first (small D) or the second beside the strip.
struct NormBlocks {
  std::int64_t strip;
  std::int64_t particles;
};
inline NormBlocks norm_blocks(std::int64_t dim) {
  const std::int64_t row = dim * ERGON_VECTOR_BYTES;
  std::int64_t strip = (1 << 20) / row / 4 * 4;
  strip = strip < 4 ? 4 : strip > dim ? dim : strip;
  const std::int64_t particles = (512 << 10) / row;
  return {strip, particles < 4 ? 4 : particles > 64 ? 64 : particles};
}

template <class Real>
struct NormRoom {
  VectorOf<Real>* x;           // (dim)
  VectorOf<Real>* difference;  // (block, dim)    d_j, zero where κ_j is
  VectorOf<Real>* weighted;    // (block, strip)  κ_j g_j,  g_j = s_j + β d_j
  VectorOf<Real>* matrix;      // (strip, dim)    Σ_j κ_j g_j d_jᵀ
  VectorOf<Real>* diagonal;    // (strip)         Σ_{j≠i} κ_j (1 - g_ja d_ja)
};

// The tile's particles, their places in the set, and the strip in hand.
template <class Real>
struct NormTile {
  typename Lanes<Real>::Bits self;
  const std::int64_t* wanted;
  std::int64_t lanes;
  Range strip;
};

// Differences and weighted pulls of the live particles of a block, packed; their number, or 0 where
// all kernels are. Adds to the diagonal, pair by pair: near the target its two sums cancel.
template <class Real>
ERGON_ISA std::int64_t fill_block(const NormSet<Real>& s,
                                  const NormRoom<Real>& r,
                                  const NormTile<Real>& tile,
                                  Range block) {
  using Vector = VectorOf<Real>;
  using Index = typename Lanes<Real>::Bits;
  const std::int64_t dim = s.dim, width = tile.strip.last - tile.strip.first;
  const Real exponent = Real(-0.5) * s.beta;
  const Vector huge = Vector{} + Lanes<Real>::kHuge;
  Vector* difference = r.difference;
  Vector* weighted = r.weighted;
  Vector sum = {};
  std::int64_t filled = 0;
  for (std::int64_t j = block.first; j < block.last; ++j) {
    if (s.alive != nullptr && !s.alive[j]) continue;
    const Real* point = s.points + j * dim;
    const Real* score = s.score + j * dim + tile.strip.first;
    Vector squared = {};
    for (std::int64_t a = 0; a < dim; ++a) {
      difference[a] = r.x[a] - point[a];
      squared = squared + difference[a] * difference[a];
    }
    const auto far = squared > huge;  // d itself may be beyond the largest number
    const Vector kernel = far ? Vector{} : exponential<Real>((far ? huge : squared) * exponent);
    const auto vanishes = kernel == Vector{};  // there d and g may be, too
    for (std::int64_t a = 0; a < dim; ++a) difference[a] = vanishes ? Vector{} : difference[a];
    const Vector* own = difference + tile.strip.first;
    const Vector apart =
        tile.self == Index{} + static_cast<decltype(0 + Index{}[0])>(j) ? Vector{} : kernel;
    for (std::int64_t a = 0; a < width; ++a) {
      weighted[a] = kernel * (own[a] * s.beta + score[a]);
      r.diagonal[a] = r.diagonal[a] + (apart - weighted[a] * own[a]);
    }
    sum += apart;
    difference += dim;
    weighted += width;
    ++filled;
  }
  return any_nonzero<Real>(sum) ? filled : 0;
}

// Σ over the strip of (β Σ_j κ_j [δ_ab - g_ja d_jb] + H_ab)², scaled. First over a row: a
// running sum of D² squares would stall.
template <class Real>
ERGON_ISA VectorOf<Real> strip_norm(const NormSet<Real>& s,
                                    const NormRoom<Real>& r,
                                    const NormTile<Real>& tile) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim;
  Vector squared = {};
  for (std::int64_t a = tile.strip.first; a < tile.strip.last; ++a) {
    Vector* entries = r.matrix + (a - tile.strip.first) * dim;
    for (std::int64_t b = 0; b < dim; ++b) entries[b] *= -s.beta;
    entries[a] = r.diagonal[a - tile.strip.first] * s.beta;
    for (std::int64_t lane = 0; s.hessian != nullptr && lane < tile.lanes; ++lane) {
      const Real* hessian = s.hessian + (tile.wanted[lane] * dim + a) * dim;
      Real* out = reinterpret_cast<Real*>(entries) + lane;
      for (std::int64_t b = 0; b < dim; ++b) out[b * Lanes<Real>::kCount] += hessian[b];
    }
    Vector row = {};
    for (std::int64_t b = 0; b < dim; ++b) {
      const Vector entry = entries[b] * s.scale;
      row = row + entry * entry;
    }
    squared += row;
  }
  return squared;
}

template <class Real>
ERGON_ISA NormTile<Real> read_tile(const NormSet<Real>& s,
                                   const NormRoom<Real>& r,
                                   const std::int64_t* wanted,
                                   std::int64_t lanes) {
  NormTile<Real> tile{{}, wanted, lanes, {0, 0}};
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) {
    const std::int64_t i = wanted[lane < lanes ? lane : lanes - 1];
    tile.self[lane] = i;
    Real* out = reinterpret_cast<Real*>(r.x) + lane;
    for (std::int64_t a = 0; a < s.dim; ++a) out[a * Lanes<Real>::kCount] = s.points[i * s.dim + a];
  }
  return tile;
}

// The sums over all particles for the tile's strip.
template <class Real>
ERGON_ISA void fill_strip(const NormSet<Real>& s,
                          const NormRoom<Real>& r,
                          const NormTile<Real>& tile,
                          std::int64_t block) {
  const std::int64_t dim = s.dim, width = tile.strip.last - tile.strip.first;
  clear<Real>(r.diagonal, width);
  bool started = false;
  for (std::int64_t j = 0; j < s.count; j += block) {
    const std::int64_t last = j + block <= s.count ? j + block : s.count;
    const std::int64_t filled = fill_block(s, r, tile, {j, last});
    const Product<Real> outer{
        {r.weighted, 1, width}, {r.difference, 1, dim}, r.matrix, dim, filled};
    if (filled > 0 && started) multiply<Real, Into::kAdd>(outer, {0, width}, {0, dim});
    if (filled > 0 && !started) multiply<Real, Into::kSet>(outer, {0, width}, {0, dim});
    started = started || filled > 0;
  }
  if (!started) clear<Real>(r.matrix, width * dim);
}

template <class Real>
ERGON_ISA void norms(const NormSet<Real>& s,
                     const std::int64_t* wanted,
                     std::int64_t wanted_count,
                     Real* squared_norm) {
  const std::int64_t dim = s.dim, count = Lanes<Real>::kCount;
  const NormBlocks size = norm_blocks(dim);
  const std::int64_t block = size.particles < s.count ? size.particles : s.count;
  Arena<Real> arena(dim + block * (dim + size.strip) + size.strip * (dim + 1));
  const NormRoom<Real> r{arena.take(dim), arena.take(block * dim), arena.take(block * size.strip),
                         arena.take(size.strip * dim), arena.take(size.strip)};
  for (std::int64_t i = 0; i < wanted_count; i += count) {
    const std::int64_t lanes = i + count <= wanted_count ? count : wanted_count - i;
    NormTile<Real> tile = read_tile(s, r, wanted + i, lanes);
    VectorOf<Real> squared = {};
    for (std::int64_t a = 0; a < dim; a += size.strip) {
      tile.strip = {a, a + size.strip <= dim ? a + size.strip : dim};
      fill_strip(s, r, tile, block);
      squared += strip_norm(s, r, tile);
    }
    for (std::int64_t lane = 0; lane < lanes; ++lane)
      squared_norm[wanted[i + lane]] = squared[lane];
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
