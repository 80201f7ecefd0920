// Part of lanes/small_sets.hpp: the forward pass, a tile of sets at a time.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// The sums of a tile times c into the caller's arrays.
template <class Real>
ERGON_ISA void write_scaled(Real* to,
                            VectorOf<Real>* sums,
                            const SetTile<Real>& tile,
                            std::int64_t width,
                            std::int64_t begin,
                            std::int64_t end) {
  if (to == nullptr) return;
  for (std::int64_t k = 0; k < width; ++k) sums[k] *= tile.scale;
  write_sets<Real>(sums, {to, width, width}, begin, end);
}

template <class Real>
ERGON_ISA void add_pairs(const SetTile<Real>& tile, const SetSums<Real>& sums, bool trace) {
  copy<Real>(sums.velocity, tile.score, tile.count * tile.dim);
  clear<Real>(sums.total, tile.count);
  clear<Real>(sums.trace, tile.count);
  if (trace)
    with_dimension<AddPairs<Real, true>>(tile.dim, tile, sums);
  else
    with_dimension<AddPairs<Real, false>>(tile.dim, tile, sums);
}

template <class Real>
ERGON_ISA void write_norms(const SmallSetsInput<Real>& in,
                           const SmallSetsForward<Real>& out,
                           const SetTile<Real>& tile,
                           const SetSums<Real>& sums,
                           Range sets) {
  const std::int64_t square = in.dim * in.dim;
  for (std::int64_t i = 0; i < in.count; ++i) {
    if (out.hessian != nullptr)
      read_sets<Real>(sums.hessian, {out.hessian + i * square, in.count * square, square},
                      sets.first, sets.last);
    with_dimension<AddNorm<Real>>(in.dim, tile, sums, i, out.hessian != nullptr);
    sums.norms[i] *= tile.scale;
  }
  write_scaled<Real>(out.frobenius, sums.norms, tile, in.count, sets.first, sets.last);
}

template <class Real>
ERGON_ISA void write_products(const SmallSetsInput<Real>& in,
                              const SmallSetsForward<Real>& out,
                              const SetTile<Real>& tile,
                              const SetSums<Real>& sums,
                              Range sets) {
  using Vector = VectorOf<Real>;
  const std::int64_t dim = in.dim, width = in.count * dim, all = in.sets * width;
  for (std::int64_t probe = 0; probe < out.probes; ++probe) {
    read_sets<Real>(sums.vectors, {out.vectors + probe * all, width, width}, sets.first, sets.last);
    clear<Real>(sums.products, width);
    with_dimension<AddProducts<Real>>(dim, tile, sums);
    for (std::int64_t k = 0; k < width; ++k) {
      const Vector spread = sums.total[k / dim] * sums.vectors[k];
      sums.products[k] = tile.beta * (spread - sums.products[k]);
    }
    write_scaled<Real>(out.products + probe * all, sums.products, tile, width, sets.first,
                       sets.last);
  }
}

// What is wanted beside velocity, kernel sums and trace, in vectors.
struct SetRoom {
  std::int64_t width;   // of particles
  std::int64_t pairs;   // kernels kept
  std::int64_t probed;  // of a probe's vectors
  std::int64_t square;  // of a Hessian
  std::int64_t norm;    // to work out a norm
};
template <class Real>
SetRoom set_room(const SmallSetsInput<Real>& in, const SmallSetsForward<Real>& out) {
  const bool norms = out.frobenius != nullptr, probes = out.probes > 0;
  SetRoom room;
  room.width = in.count * in.dim;
  room.pairs = norms || probes ? in.count * (in.count - 1) / 2 : 0;
  room.probed = probes ? room.width : 0;
  room.square = norms ? in.dim * in.dim : 0;
  room.norm = norms ? norm_vectors(in.dim) : 0;
  return room;
}
template <class Real>
std::int64_t forward_vectors(const SmallSetsInput<Real>& in, const SetRoom& room) {
  return 3 * room.width + 3 * in.count + room.pairs + 2 * room.probed + room.square + room.norm +
         4 * in.dim;
}

template <class Real>
ERGON_ISA void small_sets_forward(const SmallSetsInput<Real>& in,
                                  const SmallSetsForward<Real>& out,
                                  std::int64_t begin,
                                  std::int64_t end) {
  const std::int64_t count = in.count;
  const SetRoom room = set_room(in, out);
  Arena<Real> arena(forward_vectors(in, room));
  SetTile<Real> tile{count, in.dim, arena.take(room.width), arena.take(room.width), {}, {}};
  SetSums<Real> sums;
  sums.velocity = arena.take(room.width);
  sums.total = arena.take(count);
  sums.trace = arena.take(count);
  sums.norms = arena.take(count);
  sums.kernel = room.pairs > 0 ? arena.take(room.pairs) : nullptr;
  sums.vectors = arena.take(room.probed);
  sums.products = arena.take(room.probed);
  sums.hessian = arena.take(room.square);
  sums.norm_room = arena.take(room.norm);
  sums.room = arena.take(4 * in.dim);
  for (std::int64_t first = begin; first < end; first += Lanes<Real>::kCount) {
    read_tile<Real>(in, tile, first, end);
    add_pairs<Real>(tile, sums, out.trace != nullptr);
    if (out.frobenius != nullptr) write_norms<Real>(in, out, tile, sums, {first, end});
    if (out.probes > 0) write_products<Real>(in, out, tile, sums, {first, end});
    write_scaled<Real>(out.velocity, sums.velocity, tile, room.width, first, end);
    write_scaled<Real>(out.kernel, sums.total, tile, count, first, end);
    write_scaled<Real>(out.trace, sums.trace, tile, count, first, end);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
