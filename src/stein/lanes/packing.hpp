// Needs tile.hpp: the columns of a pass, packed for its products.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

inline std::int64_t panel_numbers(std::int64_t count, std::int64_t dim) {
  return groups(count) * kGroup * groups(dim) * kGroup;
}

// Numbers of memory that pack() takes.
inline std::int64_t packed_numbers(std::int64_t count, std::int64_t dim, bool transposed) {
  return (transposed ? 6 : 4) * panel_numbers(count, dim) + 2 * groups(count) * kGroup;
}

template <class Real>
ERGON_ISA void pack_pull(const PassColumns<Real>& c,
                         PassScalars<Real> s,
                         PackedColumns<Real>& p,
                         const Real* points,
                         Real* pull) {
  const Real exponent = Real(-0.5 / kLogTwo) * s.beta;
  for (std::int64_t j = 0; j < c.count; ++j) {
    const Real *x = points + j * s.dim, *score = c.score + j * s.dim;
    Real* h = pull + j * s.dim;
    VectorOf<Real> norms = {}, moments = {}, overflows = {};
    std::int64_t k = 0;
    for (; k + Lanes<Real>::kCount <= s.dim; k += Lanes<Real>::kCount) {
      const VectorOf<Real> point = load(x + k);
      const VectorOf<Real> value = (load(score + k) - point * s.beta) * s.scale;
      store(value, h + k);
      norms = norms + point * point;
      moments = moments + value * point;
      overflows = overflows + value * Real(0);
    }
    Real norm = sum_of<Real>(norms), moment = sum_of<Real>(moments);
    Real overflow = sum_of<Real>(overflows);
    for (; k < s.dim; ++k) {
      h[k] = s.scale * (score[k] - s.beta * x[k]);
      norm += x[k] * x[k];
      moment += h[k] * x[k];
      overflow += h[k] * Real(0);
    }
    p.offset[j] = overflow == 0 ? exponent * norm : -__builtin_inf();
    p.moment[j] = moment + Real(0.5) * s.scale * s.beta * norm;
  }
}

template <class Real>
ERGON_ISA PackedColumns<Real> pack(const PassColumns<Real>& c,
                                   PassScalars<Real> s,
                                   bool transposed,
                                   Real* memory) {
  const std::int64_t panel = panel_numbers(c.count, s.dim), padded = groups(c.count) * kGroup;
  PackedColumns<Real> p{c.points, c.score, memory,  nullptr, nullptr,
                        nullptr,  nullptr, nullptr, c.count, c.first_same};
  p.outer_pull = p.inner_points + panel;
  Real *pull = p.outer_pull + panel, *room = pull + panel;
  p.offset = room + panel;
  p.moment = p.offset + padded;
  const Real* points = centred_rows(c.points, s.centre, c.count, s.dim, room);
  pack_rows(points, c.count, s.dim, s.dim * kGroup, p.inner_points);
  pack_pull(c, s, p, points, pull);
  pack_columns(pull, c.count, s.dim, p.outer_pull);
  if (!transposed) return p;
  p.inner_pull = p.moment + padded;
  p.outer_points = p.inner_pull + panel;
  pack_rows(pull, c.count, s.dim, s.dim * kGroup, p.inner_pull);
  pack_columns(points, c.count, s.dim, p.outer_points);
  return p;
}

inline std::int64_t upstream_numbers(std::int64_t count, std::int64_t dim) {
  return 9 * panel_numbers(count, dim) + 5 * groups(count) * kGroup;
}

template <class Real>
ERGON_ISA void pack_mixed(const PassUpstream<Real>& u,
                          PassScalars<Real> s,
                          const PackedUpstream<Real>& p) {
  const Real exponent = Real(-0.5 / kLogTwo) * s.beta;
  for (std::int64_t j = 0; j < u.count; ++j) {
    const Real *x = p.points + j * s.dim, *score = u.score + j * s.dim;
    const Real* velocity = u.velocity_grad + j * s.dim;
    const Real trace = u.trace_grad != nullptr ? s.scale * u.trace_grad[j] : Real(0);
    VectorOf<Real> norms = {}, upwards = {}, moments = {}, overflows = {};
    std::int64_t k = 0;
    for (; k + Lanes<Real>::kCount <= s.dim; k += Lanes<Real>::kCount) {
      const VectorOf<Real> point = load(x + k), given = load(velocity + k);
      const VectorOf<Real> own_score = load(score + k), scaled = given * s.scale;
      const VectorOf<Real> h = own_score - point * s.beta;
      const VectorOf<Real> mixed = scaled - point * (s.beta * trace);
      store(scaled, p.upward + j * s.dim + k);
      store(h, p.pull + j * s.dim + k);
      store(mixed, p.mixed + j * s.dim + k);
      norms = norms + point * point;
      upwards = upwards + given * point;
      moments = moments + own_score * point;
      overflows = overflows + (h + mixed) * Real(0);
    }
    Real norm = sum_of<Real>(norms), upward = sum_of<Real>(upwards);
    Real moment = sum_of<Real>(moments), overflow = sum_of<Real>(overflows);
    for (; k < s.dim; ++k) {
      Real &h = p.pull[j * s.dim + k], &mixed = p.mixed[j * s.dim + k];
      p.upward[j * s.dim + k] = s.scale * velocity[k];
      h = score[k] - s.beta * x[k];
      mixed = s.scale * velocity[k] - s.beta * trace * x[k];
      norm += x[k] * x[k];
      upward += velocity[k] * x[k];
      moment += score[k] * x[k];
      overflow += (h + mixed) * Real(0);
    }
    const Real spread = Real(0.5) * s.beta * s.beta * norm;
    p.offset[j] = overflow == 0 ? exponent * norm : -__builtin_inf();
    p.trace[j] = trace;
    p.kernel[j] = u.kernel_grad != nullptr ? s.scale * u.kernel_grad[j] : Real(0);
    p.own[j] = s.beta * s.scale * upward + p.kernel[j] + trace * (s.beta * Real(s.dim) - spread);
    p.cross[j] = s.beta * moment - spread;
  }
}

template <class Real>
ERGON_ISA PackedUpstream<Real> pack_upstream(const PassUpstream<Real>& u,
                                             PassScalars<Real> s,
                                             Real* memory) {
  const std::int64_t panel = panel_numbers(u.count, s.dim), padded = groups(u.count) * kGroup;
  PackedUpstream<Real> p;
  p.inner_both = memory;
  memory += 2 * panel;
  Real** panels[] = {&p.inner_points, &p.outer_mixed, &p.outer_points,
                     &p.pull,         &p.mixed,       &p.upward};
  for (Real** taken : panels) *taken = memory, memory += panel;
  Real** numbers[] = {&p.offset, &p.own, &p.cross, &p.trace, &p.kernel};
  for (Real** taken : numbers) *taken = memory, memory += padded;
  p.points = centred_rows(u.points, s.centre, u.count, s.dim, memory);
  pack_mixed(u, s, p);
  const std::int64_t group = s.dim * kGroup;
  pack_rows(p.points, u.count, s.dim, group, p.inner_points);
  pack_rows(p.pull, u.count, s.dim, 2 * group, p.inner_both);
  pack_rows(p.mixed, u.count, s.dim, 2 * group, p.inner_both + group);
  pack_columns(p.mixed, u.count, s.dim, p.outer_mixed);
  pack_columns(p.points, u.count, s.dim, p.outer_points);
  return p;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
