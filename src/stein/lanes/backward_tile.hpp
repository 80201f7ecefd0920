// Needs gradient_differences.hpp: the derivatives of a pass for a tile of rows from start to end.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

inline std::int64_t gradient_tile_vectors(std::int64_t dim, std::int64_t probes) {
  return kTileVectors * (7 * dim + 2 * block_columns(dim) + 3 * probes * dim);
}

template <class Real, int kVectors>
ERGON_ISA GradientTile<Real, kVectors> gradient_tile(Arena<Real>& arena, std::int64_t dim) {
  GradientTile<Real, kVectors> t;
  const std::int64_t wide = dim * kVectors, block = block_columns(dim) * kVectors;
  t.base.points = arena.take(wide);
  t.base.weights = arena.take(block);
  t.base.probe = arena.take(block);
  VectorOf<Real>** arrays[] = {&t.mixed, &t.pull, &t.mixed_sum, &t.point_sum, &t.score, &t.upward};
  for (VectorOf<Real>** taken : arrays) *taken = arena.take(wide);
  return t;
}

template <class Real, int kVectors>
ERGON_ISA void clear_gradients(GradientTile<Real, kVectors>& t, std::int64_t dim) {
  clear<Real>(t.mixed_sum, dim * kVectors);
  clear<Real>(t.point_sum, dim * kVectors);
  for (int v = 0; v < kVectors; ++v)
    t.base.kernel[v] = t.base.moment[v] = t.base.spread[v] = t.weight_sum[v] = t.trace_sum[v] =
        VectorOf<Real>{};
}

template <class Real, int kVectors>
ERGON_ISA void gather_upstream(const PackedUpstream<Real>& p,
                               const PassUpstream<Real>& u,
                               PassScalars<Real> s,
                               GradientTile<Real, kVectors>& t) {
  const std::int64_t at = t.base.first * s.dim, count = t.base.count;
  gather_tile<Real, kVectors>(u.points + at, count, s.dim, t.base.points);
  gather_tile<Real, kVectors>(p.pull + at, count, s.dim, t.pull);
  gather_tile<Real, kVectors>(p.mixed + at, count, s.dim, t.mixed);
  gather_numbers(p.offset, t, -kFar<Real>, t.base.offset);
  gather_numbers(p.own, t, Real(0), t.own);
  gather_numbers(p.cross, t, Real(0), t.cross);
  gather_numbers(p.trace, t, Real(0), t.trace);
}

// By differences, from gathering to storing.
template <class Real, int kVectors>
ERGON_ISA void backward_by_differences(const PackedUpstream<Real>& p,
                                       const PassUpstream<Real>& u,
                                       PassScalars<Real> s,
                                       const PassGradients<Real>& out,
                                       GradientTile<Real, kVectors>& t,
                                       Arena<Real>& arena) {
  const std::int64_t at = t.base.first * s.dim, wide = s.dim * kVectors;
  clear_gradients(t, s.dim);
  gather_tile<Real, kVectors>(u.points + at, t.base.count, s.dim, t.base.points);
  gather_tile<Real, kVectors>(u.score + at, t.base.count, s.dim, t.score);
  gather_tile<Real, kVectors>(p.upward + at, t.base.count, s.dim, t.upward);
  for (std::int64_t k = 0; k < wide; ++k) t.mixed_sum[k] = t.upward[k];
  gather_numbers(p.kernel, t, Real(0), t.own);
  ProductTiles<Real> products{arena.take(u.probes * wide), arena.take(u.probes * wide),
                              arena.take(u.probes * wide)};
  clear<Real>(products.vectors_grad, u.probes * wide);
  for (std::int64_t k = 0; k < u.probes; ++k) {
    const std::int64_t row = k * u.count * s.dim + at;
    gather_tile<Real, kVectors>(u.vectors + row, t.base.count, s.dim, products.vectors + k * wide);
    gather_tile<Real, kVectors>(u.products_grad + row, t.base.count, s.dim,
                                products.upward + k * wide);
  }
  differentiate_by_differences(p, u, s, products, t);
  scatter_lanes<Real, kVectors, false>(t.point_sum, t.base.count, s.dim, out.points + at);
  scatter_lanes<Real, kVectors, false>(t.mixed_sum, t.base.count, s.dim, out.score + at);
  for (std::int64_t k = 0; k < u.probes; ++k)
    scatter_lanes<Real, kVectors, false>(products.vectors_grad + k * wide, t.base.count, s.dim,
                                         out.vectors + k * u.count * s.dim + at);
}

// Where a factor overflowed, a κ of zero times it is NaN.
template <class Real, int kVectors>
ERGON_ISA bool finite_gradients(const GradientTile<Real, kVectors>& t, std::int64_t dim) {
  const std::int64_t wide = dim * kVectors;
  return all_finite<Real>(t.point_sum, wide) && all_finite<Real>(t.mixed_sum, wide) &&
         all_finite<Real>(t.weight_sum, kVectors);
}

template <class Real, int kVectors>
ERGON_ISA void backward_tile(const PackedUpstream<Real>& p,
                             const PassUpstream<Real>& u,
                             PassScalars<Real> s,
                             const PassGradients<Real>& out,
                             TileAt tile) {
  Arena<Real> arena(tile.memory);
  GradientTile<Real, kVectors> t = gradient_tile<Real, kVectors>(arena, s.dim);
  constexpr std::int64_t kLanes = kVectors * Lanes<Real>::kCount;
  t.base.first = tile.first;
  t.base.count = u.count - tile.first < kLanes ? u.count - tile.first : kLanes;
  gather_upstream(p, u, s, t);
  clear_gradients(t, s.dim);
  const bool few = s.dim <= kDirectDim, products = u.probes > 0;
  if (!few) centre_tile<Real, kVectors>(s.centre, t.base.count, s.dim, t.base.points);
  const bool done = !products && (few ? differentiate_directly(p, u, s, t)
                                      : differentiate_by_expansion(p, u, s, t));
  if (!done || !finite_gradients(t, s.dim)) {
    backward_by_differences(p, u, s, out, t, arena);
  } else if (few) {
    scatter_lanes<Real, kVectors, false>(t.point_sum, t.base.count, s.dim,
                                         out.points + tile.first * s.dim);
    scatter_lanes<Real, kVectors, false>(t.mixed_sum, t.base.count, s.dim,
                                         out.score + tile.first * s.dim);
  } else {
    store_gradients(p, u, s, out, t);
  }
}

template <class Real>
ERGON_ISA void backward_rows(const PackedUpstream<Real>& p,
                             const PassUpstream<Real>& u,
                             PassScalars<Real> s,
                             const PassGradients<Real>& out,
                             TileAt tile) {
  const std::int64_t left = u.count - tile.first, lanes = Lanes<Real>::kCount;
  if (left > 2 * lanes) return backward_tile<Real, 3>(p, u, s, out, tile);
  if (left > lanes) return backward_tile<Real, 2>(p, u, s, out, tile);
  backward_tile<Real, 1>(p, u, s, out, tile);
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
