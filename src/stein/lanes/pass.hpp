// Part of lanes/all.hpp: the forward pass, (20), (21), (23) and (25), a tile of points at a time.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// Support points are taken in blocks whose differences stay in the first-level cache; larger ones
// where the matrix they are added to does not fit the second level.
inline std::int64_t block_size(std::int64_t dim) {
  const std::int64_t vector = ERGON_VECTOR_BYTES;
  if (dim * dim * vector > (1 << 20)) return 32;
  const std::int64_t fit = 24 * 1024 / (dim * vector);
  return fit < 8 ? 8 : fit > 64 ? 64 : fit;
}

// Differences and weighted pulls of support points first..last with a tile of points, and sums.
template <class Real>
struct Pairs {
  const VectorOf<Real>* x;     // (dim)
  VectorOf<Real>* difference;  // (block, dim)  d_j = x - x_j
  VectorOf<Real>* weighted;    // (block, dim)  κ_j g_j,  g_j = s_j + β d_j
  VectorOf<Real>* kernel;      // (block)       κ_j
  VectorOf<Real>* squared;     // (block)       ‖d_j‖², or null
};

// Fills the pairs; returns Σ_j κ_j. kDim: the dimension, where it is known to the compiler, or 0.
template <class Real, int kDim>
ERGON_ISA VectorOf<Real> fill_pairs_of(const PairSupport<Real>& s, Pairs<Real> p, Range block) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = kDim > 0 ? kDim : s.dim;
  const Real exponent = Real(-0.5) * s.beta;
  const Vector huge = Vector{} + Lanes<Real>::kHuge;
  Vector total = {};
  for (std::int64_t j = block.first; j < block.last; ++j) {
    const Real* point = s.points + j * dim;
    const Real* score = s.score + j * dim;
    Vector squared = {};
    for (std::int64_t a = 0; a < dim; ++a) {
      const Vector difference = p.x[a] - point[a];
      p.difference[a] = difference;
      squared = squared + difference * difference;
    }
    squared = squared > huge ? huge : squared;
    const Vector kernel = exponential<Real>(squared * exponent);
    for (std::int64_t a = 0; a < dim; ++a)
      p.weighted[a] = kernel * (p.difference[a] * s.beta + score[a]);
    *p.kernel++ = kernel;
    if (p.squared != nullptr) *p.squared++ = squared;
    p.difference += dim;
    p.weighted += dim;
    total += kernel;
  }
  return total;
}

template <class Real>
ERGON_ISA VectorOf<Real> fill_pairs(const PairSupport<Real>& s, Pairs<Real> p, Range block) {
  switch (s.dim) {
    case 1:
      return fill_pairs_of<Real, 1>(s, p, block);
    case 2:
      return fill_pairs_of<Real, 2>(s, p, block);
    case 3:
      return fill_pairs_of<Real, 3>(s, p, block);
    case 4:
      return fill_pairs_of<Real, 4>(s, p, block);
    default:
      return fill_pairs_of<Real, 0>(s, p, block);
  }
}

template <class Real>
ERGON_ISA void add_rows(VectorOf<Real>* sum,
                        const VectorOf<Real>* rows,
                        std::int64_t n,
                        std::int64_t dim) {
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t a = 0; a < dim; ++a) sum[a] += rows[j * dim + a];
}

template <class Real>
struct ForwardRoom {
  Pairs<Real> pairs;
  VectorOf<Real>* x;       // (dim)
  VectorOf<Real>* field;   // (dim)
  VectorOf<Real>* matrix;  // (dim, dim), or (count, count)
  VectorOf<Real>* room;    // for eliminate()
};

template <class Real>
ForwardRoom<Real> forward_room(Arena<Real>& arena,
                               std::int64_t dim,
                               std::int64_t block,
                               std::int64_t size) {
  ForwardRoom<Real> r;
  r.x = arena.take(dim);
  r.field = arena.take(dim);
  r.matrix = arena.take(size * size);
  r.room = arena.take(16 + 4 * size);
  r.pairs = {r.x, arena.take(block * dim), arena.take(block * dim), arena.take(block), nullptr};
  return r;
}
inline std::int64_t forward_vectors(std::int64_t dim, std::int64_t block, std::int64_t size) {
  return 2 * dim + size * size + 16 + 4 * size + block * (2 * dim + 1);
}

// log det, and what the caller wants to keep of the matrix's inverse.
template <class Real>
ERGON_ISA VectorOf<Real> determinant(const ForwardRoom<Real>& r, std::int64_t size, bool inverse) {
  return inverse ? eliminate<Real, true>(r.matrix, size, r.room)
                 : eliminate<Real, false>(r.matrix, size, r.room);
}

// One tile: Σ_j κ_j g_j in r.field and, where wanted, Σ_j κ_j g_j d_jᵀ in r.matrix; returns Σ_j
// κ_j.
template <class Real>
ERGON_ISA VectorOf<Real> accumulate(const PairSupport<Real>& s, ForwardRoom<Real> r, bool matrix) {
  const std::int64_t dim = s.dim, size = block_size(dim);
  VectorOf<Real> total = {};
  clear<Real>(r.field, dim);
  if (matrix) clear<Real>(r.matrix, dim * dim);
  for (std::int64_t first = 0; first < s.count; first += size) {
    const std::int64_t last = first + size < s.count ? first + size : s.count;
    const VectorOf<Real> kernel = fill_pairs<Real>(s, r.pairs, {first, last});
    if (!any_nonzero<Real>(kernel)) continue;  // every term is zero: all points are far away
    total += kernel;
    add_rows<Real>(r.field, r.pairs.weighted, last - first, dim);
    const Product<Real> outer{
        {r.pairs.weighted, 1, dim}, {r.pairs.difference, 1, dim}, r.matrix, dim, last - first};
    if (matrix) multiply<Real, Into::kAdd>(outer, {0, dim}, {0, dim});
  }
  return total;
}

template <class Real>
ERGON_ISA void forward(const PairSupport<Real>& s,
                       const PairForward<Real>& io,
                       std::int64_t begin,
                       std::int64_t end) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim, block = block_size(dim);
  const bool matrix = io.jacobian != nullptr || io.log_det != nullptr;
  Arena<Real> arena(forward_vectors(dim, block, dim));
  const ForwardRoom<Real> r = forward_room(arena, dim, block, dim);
  const Real inverse_count = Real(1) / Real(s.count), slope = s.beta * inverse_count;
  for (std::int64_t tile = begin; tile < end; tile += Lanes<Real>::kCount) {
    gather(r.x, io.x, dim, tile, end);
    const Vector total = accumulate(s, r, matrix);
    for (std::int64_t a = 0; a < dim; ++a) r.field[a] *= inverse_count;
    if (io.field != nullptr) scatter(r.field, io.field, dim, tile, end);
    if (!matrix) continue;
    const Real scale = io.jacobian != nullptr ? slope : slope * io.step;
    const Real diagonal = io.jacobian != nullptr ? Real(0) : Real(1);
    for (std::int64_t k = 0; k < dim * dim; ++k) r.matrix[k] *= -scale;
    for (std::int64_t a = 0; a < dim; ++a)
      r.matrix[a * dim + a] = (r.matrix[a * dim + a] + total * scale) + diagonal;
    if (io.jacobian != nullptr) {
      scatter(r.matrix, io.jacobian, dim * dim, tile, end);
      continue;
    }
    const Vector log_det = determinant(r, dim, io.inverse != nullptr);
    scatter(&log_det, io.log_det, 1, tile, end);
    if (io.inverse != nullptr) scatter(r.matrix, io.inverse, dim * dim, tile, end);
  }
}

// (25): det(I + ε ∇φ) = a^D det S,  S_jl = δ_jl - (εβ/|B|) κ_l g_lᵀ d_j / a,  a = 1 + εβ Σκ/|B|.
template <class Real>
ERGON_ISA void forward_low_rank(const PairSupport<Real>& s,
                                const PairForward<Real>& io,
                                std::int64_t begin,
                                std::int64_t end) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = s.dim, n = s.count;
  Arena<Real> arena(forward_vectors(dim, n, n));
  const ForwardRoom<Real> r = forward_room(arena, dim, n, n);
  const Real inverse_count = Real(1) / Real(n), slope = io.step * s.beta * inverse_count;
  const Product<Real> gram{
      {r.pairs.difference, dim, 1}, {r.pairs.weighted, dim, 1}, r.matrix, n, dim};
  for (std::int64_t tile = begin; tile < end; tile += Lanes<Real>::kCount) {
    gather(r.x, io.x, dim, tile, end);
    const Vector total = fill_pairs<Real>(s, r.pairs, {0, n});
    clear<Real>(r.field, dim);
    add_rows<Real>(r.field, r.pairs.weighted, n, dim);
    for (std::int64_t a = 0; a < dim; ++a) r.field[a] *= inverse_count;
    if (io.field != nullptr) scatter(r.field, io.field, dim, tile, end);
    multiply<Real, Into::kSet>(gram, {0, n}, {0, n});
    const Vector diagonal = total * slope + Real(1), scale = -slope / diagonal;
    for (std::int64_t k = 0; k < n * n; ++k) r.matrix[k] *= scale;
    for (std::int64_t j = 0; j < n; ++j) r.matrix[j * n + j] += Real(1);
    Vector log_det = determinant(r, n, io.inverse != nullptr);
    for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane)
      log_det[lane] += Real(dim) * Real(__builtin_log1p(double(total[lane] * slope)));
    scatter(&log_det, io.log_det, 1, tile, end);
    if (io.inverse != nullptr) scatter(r.matrix, io.inverse, n * n, tile, end);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
