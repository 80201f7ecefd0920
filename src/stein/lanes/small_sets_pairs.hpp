// Part of lanes/small_sets.hpp: velocity, trace and Jacobian products of a tile.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// What the passes over one tile leave. Null: not wanted.
template <class Real>
struct SetSums {
  VectorOf<Real>* velocity;   // (count, dim)  s_i + Σ_j κ g_ij
  VectorOf<Real>* total;      // (count)       Σ_j κ
  VectorOf<Real>* trace;      // (count)       Σ_j κ [βD - β g_ijᵀd]
  VectorOf<Real>* kernel;     // κ of the pairs (0, 1), (0, 2) ... (1, 2) ...
  VectorOf<Real>* vectors;    // (count, dim)  v
  VectorOf<Real>* products;   // (count, dim)  Σ_j κ g_ij dᵀv_i
  VectorOf<Real>* norms;      // (count)       ‖H_i + Σ_j ...‖_F²
  VectorOf<Real>* hessian;    // (dim, dim)    H_i
  VectorOf<Real>* norm_room;  // norm_vectors()
  VectorOf<Real>* room;       // (4, dim)
};

// With the dimension known, what belongs to particle i stays in registers while j runs; else in the
// room given.
template <class Real, int kDim>
struct OwnRow {
  VectorOf<Real> local[kDim > 0 ? kDim : 1];
  ERGON_ISA ERGON_INLINE VectorOf<Real>* place(VectorOf<Real>* room) {
    return kDim > 0 ? local : room;
  }
};

template <class Real>
ERGON_ISA ERGON_INLINE void copy(VectorOf<Real>* to,
                                 const VectorOf<Real>* from,
                                 std::int64_t count) {
  for (std::int64_t a = 0; a < count; ++a) to[a] = from[a];
}

// Particle i while j runs.
template <class Real>
struct OwnSums {
  VectorOf<Real>* points;
  VectorOf<Real>* score;
  VectorOf<Real>* velocity;
  VectorOf<Real>* difference;
  VectorOf<Real> total;
  VectorOf<Real> trace;
};

// One pair; returns its κ.
template <class Real, bool kTrace>
ERGON_ISA ERGON_INLINE VectorOf<Real> add_pair(const SetTile<Real>& tile,
                                               const SetSums<Real>& sums,
                                               OwnSums<Real>& own,
                                               std::int64_t j,
                                               std::int64_t dim) {
  using Vector = VectorOf<Real>;
  const Vector *d = own.difference, *other_score = tile.score + j * dim;
  Vector* const other = sums.velocity + j * dim;
  const SetPair<Real> pair =
      set_pair<Real>(own.points, tile.points + j * dim, dim, tile.beta, own.difference);
  const Vector weight = pair.kernel * tile.beta;
  Vector along = {}, other_along = {};
  for (std::int64_t a = 0; a < dim; ++a) {
    own.velocity[a] = (own.velocity[a] + pair.kernel * other_score[a]) + weight * d[a];
    other[a] = (other[a] + pair.kernel * own.score[a]) - weight * d[a];
    if (!kTrace) continue;
    along = along + other_score[a] * d[a];
    other_along = other_along + own.score[a] * d[a];
  }
  own.total = own.total + pair.kernel;
  sums.total[j] = sums.total[j] + pair.kernel;
  if (kTrace) {
    const Vector spread = Real(dim) - pair.exponent;
    own.trace = own.trace + weight * (spread - if_seen<Real>(pair.kernel, along));
    sums.trace[j] = sums.trace[j] + weight * (spread + if_seen<Real>(pair.kernel, other_along));
  }
  return pair.kernel;
}

// The velocity, kernel sums and trace: each unordered pair once.
template <class Real, bool kTrace>
struct AddPairs {
  template <int kDim>
  ERGON_ISA static void run(const SetTile<Real>& tile, const SetSums<Real>& sums) {
    const std::int64_t dim = kDim > 0 ? kDim : tile.dim;
    OwnRow<Real, kDim> rows[4];
    OwnSums<Real> own;
    own.points = rows[0].place(sums.room);
    own.score = rows[1].place(sums.room + dim);
    own.velocity = rows[2].place(sums.room + 2 * dim);
    own.difference = rows[3].place(sums.room + 3 * dim);
    VectorOf<Real>* kept = sums.kernel;
    for (std::int64_t i = 0; i < tile.count; ++i) {
      copy<Real>(own.points, tile.points + i * dim, dim);
      copy<Real>(own.score, tile.score + i * dim, dim);
      copy<Real>(own.velocity, sums.velocity + i * dim, dim);
      own.total = sums.total[i];
      own.trace = sums.trace[i];
      for (std::int64_t j = i + 1; j < tile.count; ++j) {
        const VectorOf<Real> kernel = add_pair<Real, kTrace>(tile, sums, own, j, dim);
        if (kept != nullptr) *kept++ = kernel;
      }
      copy<Real>(sums.velocity + i * dim, own.velocity, dim);
      sums.total[i] = own.total;
      sums.trace[i] = own.trace;
    }
  }
};

// Σ_j κ g_ij dᵀv_i from the kernels that were kept.
template <class Real>
struct AddProducts {
  template <int kDim>
  ERGON_ISA static void run(const SetTile<Real>& tile, const SetSums<Real>& sums) {
    using Vector = VectorOf<Real>;
    const std::int64_t dim = kDim > 0 ? kDim : tile.dim;
    OwnRow<Real, kDim> rows[2];
    Vector* const sum = rows[0].place(sums.room);
    Vector* const d = rows[1].place(sums.room + dim);
    const Vector* kept = sums.kernel;
    for (std::int64_t i = 0; i < tile.count; ++i) {
      const Vector *x = tile.points + i * dim, *s = tile.score + i * dim;
      const Vector* v = sums.vectors + i * dim;
      copy<Real>(sum, sums.products + i * dim, dim);
      for (std::int64_t j = i + 1; j < tile.count; ++j) {
        const Vector *other_x = tile.points + j * dim, *other_s = tile.score + j * dim;
        const Vector* other_v = sums.vectors + j * dim;
        Vector* other_sum = sums.products + j * dim;
        const Vector kernel = *kept++;
        Vector along = {}, other_along = {};
        for (std::int64_t a = 0; a < dim; ++a) {
          d[a] = x[a] - other_x[a];
          along = along + d[a] * v[a];
          other_along = other_along + d[a] * other_v[a];
        }
        along = kernel * if_seen<Real>(kernel, along);
        other_along = kernel * if_seen<Real>(kernel, other_along);
        const Vector slope = along * tile.beta, other_slope = other_along * tile.beta;
        for (std::int64_t a = 0; a < dim; ++a) {
          sum[a] = (sum[a] + along * other_s[a]) + slope * d[a];
          other_sum[a] = (other_sum[a] - other_along * s[a]) + other_slope * d[a];
        }
      }
      copy<Real>(sums.products + i * dim, sum, dim);
    }
  }
};

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
