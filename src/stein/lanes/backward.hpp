// Part of lanes/all.hpp: the gradients (27), a tile of points at a time.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// Per block of support points: R d_j and κ_j Rᵀ g_j, rows (block, dim).
template <class Real>
struct BackwardRoom {
  Pairs<Real> pairs;
  VectorOf<Real>* x;            // (dim)
  VectorOf<Real>* pull;         // (dim)  u = φ̄ / |B|
  VectorOf<Real>* matrix;       // R: (dim, dim), or S^{-1}: (count, count)
  VectorOf<Real>* image;        // (block, dim)  R d_j
  VectorOf<Real>* transposed;   // (block, dim)  κ_j Rᵀ g_j
  VectorOf<Real>* x_grad;       // (dim)
  VectorOf<Real>* points_grad;  // (count, dim), lanes summed at the end
  VectorOf<Real>* score_grad;   // (count, dim)
};

template <class Real>
struct BackwardSums {
  VectorOf<Real> beta = {};
  VectorOf<Real> step = {};
};

template <class Real>
BackwardRoom<Real> backward_room(Arena<Real>& arena,
                                 const PairSupport<Real>& s,
                                 std::int64_t block,
                                 std::int64_t size) {
  BackwardRoom<Real> r;
  r.x = arena.take(s.dim);
  r.pull = arena.take(s.dim);
  r.x_grad = arena.take(s.dim);
  r.matrix = arena.take(size * size);
  r.image = arena.take(block * s.dim);
  r.transposed = arena.take(block * s.dim);
  r.points_grad = arena.take(s.count * s.dim);
  r.score_grad = arena.take(s.count * s.dim);
  r.pairs = {r.x, arena.take(block * s.dim), arena.take(block * s.dim), arena.take(block),
             arena.take(block)};
  return r;
}
template <class Real>
std::int64_t backward_vectors(const PairSupport<Real>& s, std::int64_t block, std::int64_t size) {
  return 3 * s.dim + size * size + 2 * s.count * s.dim + block * (4 * s.dim + 2);
}

// What all pairs of a tile share.
template <class Real>
struct TileScalars {
  VectorOf<Real> trace;  // tr R
  Real step;             // ε before R in (27)
};

// The gradients of one block from its R d_j and κ_j Rᵀ g_j, (27).
template <class Real>
ERGON_ISA void finish_block(const PairSupport<Real>& s,
                            const BackwardRoom<Real>& r,
                            TileScalars<Real> tile,
                            Range block,
                            BackwardSums<Real>& sums) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim;
  for (std::int64_t j = block.first; j < block.last; ++j) {
    const std::int64_t row = (j - block.first) * dim;
    const Vector* d = r.pairs.difference + row;
    const Vector* weighted = r.pairs.weighted + row;
    Vector* image = r.image + row;
    const Vector* transposed = r.transposed + row;
    const Vector kernel = r.pairs.kernel[j - block.first];
    Vector along = {}, bilinear = {}, slide = {};
    for (std::int64_t a = 0; a < dim; ++a) {
      along = along + r.pull[a] * weighted[a];
      bilinear = bilinear + weighted[a] * image[a];
      image[a] = kernel * (r.pull[a] - image[a] * tile.step);  // the score's gradient
      slide = slide + d[a] * image[a];
    }
    const Vector of_step = kernel * tile.trace - bilinear;
    const Vector of_kernel = along + of_step * tile.step;  // κ_j h_j
    sums.step += of_step;
    sums.beta += slide - of_kernel * r.pairs.squared[j - block.first] * Real(0.5) +
                 of_step * (tile.step / s.beta);
    Vector* points_grad = r.points_grad + j * dim;
    Vector* score_grad = r.score_grad + j * dim;
    for (std::int64_t a = 0; a < dim; ++a) {
      const Vector of_difference =
          (image[a] - of_kernel * d[a]) * s.beta - transposed[a] * tile.step;
      score_grad[a] += image[a];
      points_grad[a] -= of_difference;
      r.x_grad[a] += of_difference;
    }
  }
}

template <class Real>
ERGON_ISA Real sum_lanes(VectorOf<Real> x) {
  Real sum = 0;
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) sum += x[lane];
  return sum;
}

// Reads a tile: points, u, and the matrix times its scale; spare lanes get zero gradients.
template <class Real>
ERGON_ISA VectorOf<Real> read_tile(const PairSupport<Real>& s,
                                   const PairBackward<Real>& io,
                                   const BackwardRoom<Real>& r,
                                   std::int64_t tile) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim;
  gather(r.x, io.x, dim, tile, io.rows);
  clear<Real>(r.x_grad, dim);
  clear<Real>(r.pull, dim);
  if (io.field_grad != nullptr) gather(r.pull, io.field_grad, dim, tile, io.rows);
  Vector live = {}, scale = Vector{} + Real(1);
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount && tile + lane < io.rows; ++lane)
    live[lane] = 1;
  if (io.scale != nullptr) gather(&scale, io.scale, 1, tile, io.rows);
  const Vector share = live / Real(s.count);
  for (std::int64_t a = 0; a < dim; ++a) r.pull[a] *= share;
  return scale * live * (s.beta / Real(s.count));
}

template <class Real>
ERGON_ISA void write_sums(const PairSupport<Real>& s,
                          PairBackward<Real>& io,
                          const BackwardRoom<Real>& r,
                          const BackwardSums<Real>& sums) {
  for (std::int64_t k = 0; k < s.count * s.dim; ++k) {
    io.points_grad[k] = sum_lanes<Real>(r.points_grad[k]);
    io.score_grad[k] = sum_lanes<Real>(r.score_grad[k]);
  }
  io.beta_grad = sum_lanes<Real>(sums.beta);
  io.step_grad = sum_lanes<Real>(sums.step);
}

// R = (β/|B|) Ā or, of a log-determinant, (β/|B|) ℓ̄ N^T; returns its trace.
template <class Real>
ERGON_ISA VectorOf<Real> read_matrix(const PairBackward<Real>& io,
                                     const BackwardRoom<Real>& r,
                                     VectorOf<Real> factor,
                                     std::int64_t dim,
                                     std::int64_t tile) {
  using Vector = VectorOf<Real>;
  gather(r.matrix, io.matrix, dim * dim, tile, io.rows);
  Vector trace = {};
  for (std::int64_t k = 0; k < dim * dim; ++k) r.matrix[k] *= factor;
  for (std::int64_t a = 0; a < dim; ++a) trace += r.matrix[a * dim + a];
  return trace;
}

template <class Real>
ERGON_ISA void backward(const PairSupport<Real>& s, PairBackward<Real>& io) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim, size = block_size(dim);
  Arena<Real> arena(backward_vectors(s, size, dim));
  const BackwardRoom<Real> r = backward_room(arena, s, size, dim);
  clear<Real>(r.points_grad, 2 * s.count * dim);
  clear<Real>(r.transposed, size * dim);
  const std::int64_t row = io.of_log_det ? 1 : dim, inner = io.of_log_det ? dim : 1;
  BackwardSums<Real> sums;
  for (std::int64_t tile = 0; tile < io.rows; tile += Lanes<Real>::kCount) {
    const Vector factor = read_tile(s, io, r, tile);
    TileScalars<Real> scalars{Vector{}, io.of_log_det ? io.step : Real(1)};
    if (io.matrix != nullptr) scalars.trace = read_matrix(io, r, factor, dim, tile);
    for (std::int64_t first = 0; first < s.count; first += size) {
      const std::int64_t last = first + size < s.count ? first + size : s.count;
      if (!any_nonzero<Real>(fill_pairs<Real>(s, r.pairs, {first, last}))) continue;
      if (io.matrix == nullptr) {
        clear<Real>(r.image, (last - first) * dim);
      } else {
        const Range rows{0, last - first}, cols{0, dim};
        multiply<Real, Into::kSet>(
            {{r.pairs.difference, dim, 1}, {r.matrix, row, inner}, r.image, dim, dim}, rows, cols);
        multiply<Real, Into::kSet>(
            {{r.pairs.weighted, dim, 1}, {r.matrix, inner, row}, r.transposed, dim, dim}, rows,
            cols);
      }
      finish_block(s, r, scalars, {first, last}, sums);
    }
    scatter(r.x_grad, io.x_grad, dim, tile, io.rows);
  }
  write_sums(s, io, r, sums);
}

// With V_j = d_j, U_j = κ_j g_j as rows and N = (I + ε∇φ)^{-1}: N^T Vᵀ = Vᵀ S^{-T} / a,
// N Uᵀ = Uᵀ S^{-1} / a, tr N = (D - |B| + tr S^{-1}) / a. (27)
template <class Real>
ERGON_ISA void backward_low_rank(const PairSupport<Real>& s, PairBackward<Real>& io) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim, n = s.count;
  Arena<Real> arena(backward_vectors(s, n, n));
  const BackwardRoom<Real> r = backward_room(arena, s, n, n);
  clear<Real>(r.points_grad, 2 * n * dim);
  const Real slope = io.step * s.beta / Real(n);
  BackwardSums<Real> sums;
  for (std::int64_t tile = 0; tile < io.rows; tile += Lanes<Real>::kCount) {
    Vector factor = read_tile(s, io, r, tile);
    const Vector total = fill_pairs<Real>(s, r.pairs, {0, n});
    factor /= total * slope + Real(1);
    const Vector inverse_trace = read_matrix(io, r, factor, n, tile);
    TileScalars<Real> scalars{inverse_trace + factor * Real(dim - n), io.step};
    multiply<Real, Into::kSet>({{r.matrix, n, 1}, {r.pairs.difference, 1, dim}, r.image, dim, n},
                               {0, n}, {0, dim});
    multiply<Real, Into::kSet>({{r.matrix, 1, n}, {r.pairs.weighted, 1, dim}, r.transposed, dim, n},
                               {0, n}, {0, dim});
    finish_block(s, r, scalars, {0, n}, sums);
    scatter(r.x_grad, io.x_grad, dim, tile, io.rows);
  }
  write_sums(s, io, r, sums);
}

template <class Real>
const PairSums<Real>& sums() {
  static const PairSums<Real> table{forward<Real>, forward_low_rank<Real>, backward<Real>,
                                    backward_low_rank<Real>};
  return table;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
