// Part of lanes/small_sets.hpp: exact Frobenius norms of a tile.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// Where the κ of particles i and j was kept.
inline std::int64_t kept_at(std::int64_t i, std::int64_t j, std::int64_t count) {
  const std::int64_t low = i < j ? i : j, high = i < j ? j : i;
  return low * (2 * count - low - 1) / 2 + high - low - 1;
}

// How many pairs' differences stay in the first-level cache.
inline std::int64_t norm_block(std::int64_t dim) {
  const std::int64_t fit = 24 * 1024 / (dim * ERGON_VECTOR_BYTES);
  return fit < 8 ? 8 : fit;
}

// d and κ g_ij of the pairs of particle i with `others`, itself left out; returns how many.
template <class Real>
ERGON_ISA std::int64_t fill_norm_block(const SetTile<Real>& tile,
                                       const SetSums<Real>& sums,
                                       std::int64_t i,
                                       Range others,
                                       VectorOf<Real>* differences) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = tile.dim;
  const Vector* x = tile.points + i * dim;
  Vector* d = differences;
  Vector* pull = differences + norm_block(dim) * dim;
  std::int64_t filled = 0;
  for (std::int64_t j = others.first; j < others.last; ++j) {
    if (j == i) continue;
    const Vector kernel = sums.kernel[kept_at(i, j, tile.count)], weight = kernel * tile.beta;
    const Vector *other_x = tile.points + j * dim, *other_s = tile.score + j * dim;
    for (std::int64_t a = 0; a < dim; ++a) {
      d[a] = x[a] - other_x[a];
      pull[a] = kernel * other_s[a] + weight * d[a];
    }
    d += dim;
    pull += dim;
    ++filled;
  }
  return filled;
}

// The norm of AddNorm for any dimension: the matrix goes through memory.
template <class Real>
ERGON_ISA VectorOf<Real> squared_norm(const SetTile<Real>& tile,
                                      const SetSums<Real>& sums,
                                      std::int64_t i,
                                      const VectorOf<Real>* hessian) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = tile.dim, block = norm_block(dim);
  Vector* const matrix = sums.norm_room;
  Vector* const differences = matrix + dim * dim;   // (block, dim)
  Vector* const pulls = differences + block * dim;  // (block, dim)
  clear<Real>(matrix, dim * dim);
  for (std::int64_t first = 0; first < tile.count; first += block) {
    const std::int64_t last = first + block < tile.count ? first + block : tile.count;
    const std::int64_t filled = fill_norm_block<Real>(tile, sums, i, {first, last}, differences);
    multiply<Real, Into::kAdd>({{pulls, 1, dim}, {differences, 1, dim}, matrix, dim, filled},
                               {0, dim}, {0, dim});
  }
  Vector sum = {};
  for (std::int64_t a = 0; a < dim; ++a) matrix[a * dim + a] -= sums.total[i];
  for (std::int64_t k = 0; k < dim * dim; ++k) {
    Vector entry = -tile.beta * matrix[k];
    if (hessian != nullptr) entry = entry + hessian[k];
    sum = sum + entry * entry;
  }
  return sum;
}
inline std::int64_t norm_vectors(std::int64_t dim) { return dim * dim + 2 * norm_block(dim) * dim; }

// ‖H_i + β (I Σ_j κ - Σ_j κ g_ij dᵀ)‖_F² of particle i from the kernels that were kept, as many
// rows of the matrix at a time as the registers hold. hessian: null for none.
template <class Real>
struct AddNorm {
  template <int kDim, int kFirst>
  ERGON_ISA static ERGON_INLINE VectorOf<Real> rows_from(const SetTile<Real>& tile,
                                                         const SetSums<Real>& sums,
                                                         std::int64_t i,
                                                         const VectorOf<Real>* hessian) {
    using Vector = VectorOf<Real>;
    constexpr int fit = (ERGON_VECTOR_BYTES == 64 ? 24 : 12) / kDim;
    constexpr int blocks = (kDim + fit - 1) / fit, most = (kDim + blocks - 1) / blocks;
    constexpr int rows = kDim - kFirst < most ? kDim - kFirst : most;
    Vector matrix[rows][kDim] = {};
    const Vector* x = tile.points + i * kDim;
    for (std::int64_t j = 0; j < tile.count; ++j) {
      if (j == i) continue;
      const Vector kernel = sums.kernel[kept_at(i, j, tile.count)], weight = kernel * tile.beta;
      const Vector *other_x = tile.points + j * kDim, *other_s = tile.score + j * kDim;
      Vector d[kDim];
      ERGON_UNROLL
      for (int a = 0; a < kDim; ++a) d[a] = x[a] - other_x[a];
      ERGON_UNROLL
      for (int a = 0; a < rows; ++a) {
        const Vector pull = kernel * other_s[kFirst + a] + weight * d[kFirst + a];
        ERGON_UNROLL
        for (int b = 0; b < kDim; ++b) matrix[a][b] = matrix[a][b] + pull * d[b];
      }
    }
    Vector sum = {};
    ERGON_UNROLL
    for (int a = 0; a < rows; ++a) {
      ERGON_UNROLL
      for (int b = 0; b < kDim; ++b) {
        const Vector spread = kFirst + a == b ? sums.total[i] - matrix[a][b] : -matrix[a][b];
        Vector entry = tile.beta * spread;
        if (hessian != nullptr) entry = entry + hessian[(kFirst + a) * kDim + b];
        sum = sum + entry * entry;
      }
    }
    if constexpr (kFirst + rows < kDim)
      sum = sum + rows_from<kDim, kFirst + rows>(tile, sums, i, hessian);
    return sum;
  }
  template <int kDim>
  ERGON_ISA static void run(const SetTile<Real>& tile,
                            const SetSums<Real>& sums,
                            std::int64_t i,
                            bool with_hessian) {
    const VectorOf<Real>* hessian = with_hessian ? sums.hessian : nullptr;
    if constexpr (kDim > 0 && kDim <= (ERGON_VECTOR_BYTES == 64 ? 8 : 4))
      sums.norms[i] = rows_from<kDim, 0>(tile, sums, i, hessian);
    else
      sums.norms[i] = squared_norm<Real>(tile, sums, i, hessian);
  }
};

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
