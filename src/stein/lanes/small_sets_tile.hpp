// Part of lanes/small_sets.hpp: what the passes over the pairs of a tile of sets share.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// One tile of sets: lanes of particles (count, dim) and of their common numbers.
template <class Real>
struct SetTile {
  std::int64_t count;
  std::int64_t dim;
  VectorOf<Real>* points;
  VectorOf<Real>* score;
  VectorOf<Real> beta;
  VectorOf<Real> scale;
};

template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> at_most(VectorOf<Real> x, Real largest) {
  return x > largest ? VectorOf<Real>{} + largest : x;
}

template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> within(VectorOf<Real> x, Real largest) {
  x = at_most<Real>(x, largest);
  return x < -largest ? VectorOf<Real>{} - largest : x;
}

// Differences of points stay finite, and so does β ‖d‖² where κ is not 0.
template <class Real>
ERGON_ISA void read_tile(const SmallSetsInput<Real>& in,
                         SetTile<Real>& tile,
                         std::int64_t begin,
                         std::int64_t end) {
  const std::int64_t width = in.count * in.dim;
  read_sets<Real>(tile.points, {in.points, width, width}, begin, end);
  read_sets<Real>(tile.score, {in.score, width, width}, begin, end);
  read_sets<Real>(&tile.beta, {in.beta, 1, 1}, begin, end);
  read_sets<Real>(&tile.scale, {in.scale, 1, 1}, begin, end);
  tile.beta = at_most<Real>(tile.beta, Real(sizeof(Real) == 4 ? 1e30 : 1e250));
  const Real farthest = sizeof(Real) == 4 ? Real(1.7e38) : Real(8.9e307);
  for (std::int64_t k = 0; k < width; ++k) tile.points[k] = within<Real>(tile.points[k], farthest);
}

// x, or 0 where κ is 0 and x may be infinite.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> if_seen(VectorOf<Real> kernel, VectorOf<Real> x) {
  return kernel == Real(0) ? VectorOf<Real>{} : x;
}

template <class Real>
struct SetPair {
  VectorOf<Real> kernel;    // κ
  VectorOf<Real> squared;   // ‖d‖², or 0 where κ is 0
  VectorOf<Real> exponent;  // β‖d‖², likewise
};

// d = x_i - x_j and κ.
template <class Real>
ERGON_ISA ERGON_INLINE SetPair<Real> set_pair(const VectorOf<Real>* own,
                                              const VectorOf<Real>* other,
                                              std::int64_t dim,
                                              VectorOf<Real> beta,
                                              VectorOf<Real>* difference) {
  using Vector = VectorOf<Real>;
  Vector squared = {};
  for (std::int64_t a = 0; a < dim; ++a) {
    difference[a] = own[a] - other[a];
    squared = squared + difference[a] * difference[a];
  }
  squared = at_most<Real>(squared, Lanes<Real>::kHuge);
  const Vector exponent = squared * beta, kernel = exponential<Real>(exponent * Real(-0.5));
  return {kernel, if_seen<Real>(kernel, squared), if_seen<Real>(kernel, exponent)};
}

// Calls Function::run<kDim>(arguments) with the dimension where it is small enough for registers,
// else with 0.
template <class Function, class... Arguments>
ERGON_INLINE void with_dimension(std::int64_t dim, const Arguments&... arguments) {
  // Code for machines that hardly exist any more shall be small.
  switch (ERGON_VECTOR_BYTES > 16 ? dim : 0) {
    case 1:
      return Function::template run<1>(arguments...);
    case 2:
      return Function::template run<2>(arguments...);
    case 3:
      return Function::template run<3>(arguments...);
    case 4:
      return Function::template run<4>(arguments...);
    case 5:
      return Function::template run<5>(arguments...);
    case 6:
      return Function::template run<6>(arguments...);
    case 7:
      return Function::template run<7>(arguments...);
    case 8:
      return Function::template run<8>(arguments...);
    default:
      return Function::template run<0>(arguments...);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
