// Part of lanes/small_sets.hpp: the gradients of velocity, trace and kernel sums. With F̄, T̄, K̄ the
// gradients times c, e = x_i - x_j and
//   z = F̄_i - F̄_j - T̄_i s_j + T̄_j s_i,
//   ψ = F̄_i·s_j + F̄_j·s_i + β z·e + (T̄_i + T̄_j)(βD - β² r²) + K̄_i + K̄_j
// an unordered pair gives
//   x̄_i: κβ [z - (ψ + 2β(T̄_i + T̄_j)) e],  x̄_j: minus that,
//   s̄_i: κ [F̄_j + β T̄_j e],  s̄_j: κ [F̄_i - β T̄_i e],
//   β̄:   κ [-r²ψ/2 + z·e + (T̄_i + T̄_j)(D - 2β r²)].
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
struct SetGradients {
  VectorOf<Real>* of_velocity;  // (count, dim)  F̄
  VectorOf<Real>* of_trace;     // (count)       T̄
  VectorOf<Real>* of_kernel;    // (count)       K̄
  VectorOf<Real>* points;       // (count, dim)  x̄
  VectorOf<Real>* score;        // (count, dim)  s̄
  VectorOf<Real>* beta;         // (1)           β̄
  VectorOf<Real>* room;         // (7, dim)
};

// Particle i's rows while j runs.
template <class Real>
struct OwnGradients {
  VectorOf<Real>* points;
  VectorOf<Real>* score;
  VectorOf<Real>* of_velocity;
  VectorOf<Real>* points_grad;
  VectorOf<Real>* score_grad;
  VectorOf<Real>* difference;
  VectorOf<Real>* lever;  // z
  VectorOf<Real> of_trace;
  VectorOf<Real> of_kernel;
};

// One pair; returns its share of β̄.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> add_pair_gradients(const SetTile<Real>& tile,
                                                         const SetGradients<Real>& grads,
                                                         const OwnGradients<Real>& own,
                                                         std::int64_t j,
                                                         std::int64_t dim) {
  using Vector = VectorOf<Real>;
  const Vector *d = own.difference, *other_s = tile.score + j * dim;
  const Vector* other_of_velocity = grads.of_velocity + j * dim;
  const Vector other_of_trace = grads.of_trace[j], beta = tile.beta;
  const SetPair<Real> pair =
      set_pair<Real>(own.points, tile.points + j * dim, dim, beta, own.difference);
  Vector drive = own.of_kernel + grads.of_kernel[j], turn = {};
  for (std::int64_t a = 0; a < dim; ++a) {
    drive = drive + own.of_velocity[a] * other_s[a];
    drive = drive + other_of_velocity[a] * own.score[a];
    Vector lever = own.of_velocity[a] - other_of_velocity[a];
    lever = lever - own.of_trace * other_s[a];
    lever = lever + other_of_trace * own.score[a];
    turn = turn + lever * d[a];
    own.lever[a] = lever;
  }
  turn = if_seen<Real>(pair.kernel, turn);
  const Vector of_trace = own.of_trace + other_of_trace;
  const Vector spread = Real(dim) - pair.exponent;
  drive = drive + beta * (turn + of_trace * spread);  // ψ
  drive = within<Real>(drive, Lanes<Real>::kHuge);
  const Vector along = if_seen<Real>(pair.kernel, drive + Real(2) * beta * of_trace);
  const Vector weight = pair.kernel * beta;
  const Vector slope = weight * own.of_trace, other_slope = weight * other_of_trace;
  Vector* points_grad = grads.points + j * dim;
  Vector* score_grad = grads.score + j * dim;
  for (std::int64_t a = 0; a < dim; ++a) {
    const Vector push = own.lever[a] - along * d[a];
    own.points_grad[a] = own.points_grad[a] + weight * push;
    points_grad[a] = points_grad[a] - weight * push;
    own.score_grad[a] =
        (own.score_grad[a] + pair.kernel * other_of_velocity[a]) + other_slope * d[a];
    score_grad[a] = (score_grad[a] + pair.kernel * own.of_velocity[a]) - slope * d[a];
  }
  const Vector of_beta = turn + of_trace * (spread - pair.exponent);
  return pair.kernel * (of_beta - Real(0.5) * pair.squared * drive);
}

template <class Real>
struct AddGradients {
  template <int kDim>
  ERGON_ISA static void run(const SetTile<Real>& tile, const SetGradients<Real>& grads) {
    const std::int64_t dim = kDim > 0 ? kDim : tile.dim;
    OwnRow<Real, kDim> rows[7];
    OwnGradients<Real> own;
    own.points = rows[0].place(grads.room);
    own.score = rows[1].place(grads.room + dim);
    own.of_velocity = rows[2].place(grads.room + 2 * dim);
    own.points_grad = rows[3].place(grads.room + 3 * dim);
    own.score_grad = rows[4].place(grads.room + 4 * dim);
    own.difference = rows[5].place(grads.room + 5 * dim);
    own.lever = rows[6].place(grads.room + 6 * dim);
    VectorOf<Real> beta = {};
    for (std::int64_t i = 0; i < tile.count; ++i) {
      copy<Real>(own.points, tile.points + i * dim, dim);
      copy<Real>(own.score, tile.score + i * dim, dim);
      copy<Real>(own.of_velocity, grads.of_velocity + i * dim, dim);
      copy<Real>(own.points_grad, grads.points + i * dim, dim);
      copy<Real>(own.score_grad, grads.score + i * dim, dim);
      own.of_trace = grads.of_trace[i];
      own.of_kernel = grads.of_kernel[i];
      for (std::int64_t j = i + 1; j < tile.count; ++j)
        beta = beta + add_pair_gradients<Real>(tile, grads, own, j, dim);
      copy<Real>(grads.points + i * dim, own.points_grad, dim);
      copy<Real>(grads.score + i * dim, own.score_grad, dim);
    }
    *grads.beta = beta;
  }
};

// A gradient times c, or zeros.
template <class Real>
ERGON_ISA void read_gradient(VectorOf<Real>* to,
                             SetRows<const Real> rows,
                             VectorOf<Real> scale,
                             std::int64_t begin,
                             std::int64_t end) {
  if (rows.data == nullptr) return clear<Real>(to, rows.width);
  read_sets<Real>(to, rows, begin, end);
  for (std::int64_t k = 0; k < rows.width; ++k) to[k] *= scale;
}

template <class Real>
ERGON_ISA void small_sets_backward(const SmallSetsInput<Real>& in,
                                   const SmallSetsBackward<Real>& io,
                                   std::int64_t begin,
                                   std::int64_t end) {
  const std::int64_t count = in.count, width = count * in.dim;
  Arena<Real> arena(5 * width + 2 * count + 1 + 7 * in.dim);
  SetTile<Real> tile{count, in.dim, arena.take(width), arena.take(width), {}, {}};
  SetGradients<Real> grads;
  grads.of_velocity = arena.take(width);
  grads.of_trace = arena.take(count);
  grads.of_kernel = arena.take(count);
  grads.points = arena.take(width);
  grads.score = arena.take(width);
  grads.beta = arena.take(1);
  grads.room = arena.take(7 * in.dim);
  for (std::int64_t first = begin; first < end; first += Lanes<Real>::kCount) {
    read_tile<Real>(in, tile, first, end);
    read_gradient<Real>(grads.of_velocity, {io.velocity_grad, width, width}, tile.scale, first,
                        end);
    read_gradient<Real>(grads.of_trace, {io.trace_grad, count, count}, tile.scale, first, end);
    read_gradient<Real>(grads.of_kernel, {io.kernel_grad, count, count}, tile.scale, first, end);
    clear<Real>(grads.points, width);
    copy<Real>(grads.score, grads.of_velocity, width);
    with_dimension<AddGradients<Real>>(in.dim, tile, grads);
    write_sets<Real>(grads.points, {io.points_grad, width, width}, first, end);
    write_sets<Real>(grads.score, {io.score_grad, width, width}, first, end);
    write_sets<Real>(grads.beta, {io.beta_grad, 1, 1}, first, end);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
