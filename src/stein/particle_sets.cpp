#include "particle_sets.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "beta_gradient.hpp"
#include "ergon/core/workers.hpp"
#include "live_set.hpp"
#include "particle_pass.hpp"
#include "small_sets.hpp"

namespace ergon::stein {
namespace {

template <class Real>
Real* data(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<Real>() : nullptr;
}

// Where set `set` begins in (S, ...), or in (P, S, ...) for its first probe.
template <class Real>
Real* of_set(const Tensor& tensor, std::int64_t set, std::int64_t width) {
  return tensor.defined() ? tensor.data_ptr<Real>() + set * width : nullptr;
}

struct Sizes {
  std::int64_t sets, count, dim, probes;
};
Sizes sizes_of(const ParticleInputs& in) {
  return {in.points.size(0), in.points.size(1), in.points.size(2),
          in.vectors.defined() ? in.vectors.size(0) : 0};
}

template <class Real>
bool side_by_side(const ParticleInputs& in) {
  const Sizes n = sizes_of(in);
  return !in.alive.defined() && small_sets_pay(small_sets<Real>().lanes, n.sets, n.count, n.dim);
}

// Ranges of sets that begin at a multiple of the lanes, shared among the worker threads.
template <class Real, class Body>
void over_lanes(std::int64_t sets, const Body& body) {
  const std::int64_t lanes = small_sets<Real>().lanes;
  parallel_over((sets + lanes - 1) / lanes, [&](std::int64_t piece) {
    body(piece * lanes, std::min((piece + 1) * lanes, sets));
  });
}

// Shares the sets among the worker threads, or where they are fewer than those, the tiles of one
// set after the other.
template <class Body>
void over_sets(std::int64_t sets, const Body& body) {
  if (sets >= worker_threads()) {
    parallel_over(sets, body);
  } else {
    for (std::int64_t set = 0; set < sets; ++set) body(set);
  }
}

// β and 1/M of the small sets.
template <class Real>
struct SmallNumbers {
  std::vector<Real> beta;
  std::vector<Real> scale;
};
template <class Real>
SmallSetsInput<Real> small_input(const ParticleInputs& in, const SmallNumbers<Real>& numbers) {
  const Sizes n = sizes_of(in);
  return {data<Real>(in.points),
          data<Real>(in.score),
          numbers.beta.data(),
          numbers.scale.data(),
          n.sets,
          n.count,
          n.dim};
}
template <class Real>
SmallNumbers<Real> small_numbers(const ParticleInputs& in) {
  const Sizes n = sizes_of(in);
  SmallNumbers<Real> numbers{std::vector<Real>(n.sets),
                             std::vector<Real>(n.sets, Real(1) / static_cast<Real>(n.count))};
  const Real* bandwidth = data<Real>(in.bandwidth);
  for (std::int64_t set = 0; set < n.sets; ++set) numbers.beta[set] = precision_of(bandwidth[set]);
  return numbers;
}

// The gradient by σ from that by β = 1/σ², zero where β was cut.
template <class Real>
Real bandwidth_gradient(Real bandwidth, Real beta_gradient) {
  const Real beta = 1 / (bandwidth * bandwidth);
  return precision_of(bandwidth) == beta ? -2 * beta_gradient * beta / bandwidth : Real(0);
}

// The sums of one set of live particles. Sums of dropped ones are zero.
template <class Real>
class SetPass {
 public:
  SetPass(const ParticleInputs& in, std::int64_t set)
      : sizes_(sizes_of(in)),
        set_(set),
        live_(in, set),
        scalars_{sizes_.dim, live_.beta(), live_.scale(), live_.centre()},
        beta_wanted_(in.bandwidth.requires_grad()) {}

  void sum(const ParticleSums& out, const Tensor& vectors, const Tensor& transposed) {
    const Tensor& products = transposed.defined() ? transposed : out.products;
    const bool probing = vectors.defined() && products.defined();
    const std::int64_t n = live_.count(), probes = probing ? sizes_.probes : 0;
    std::vector<Real> room[3], probe_room, gathered(probes * n * sizes_.dim);
    for (std::int64_t p = 0; p < probes; ++p) gather_probe(vectors, p, gathered);
    probe_room.assign(gathered.size(), Real(0));
    Real* sums = probe_room.data();
    PassSums<Real> rows{live_.points(),
                        n,
                        room_for(out.velocity, sizes_.dim, room[0]),
                        room_for(out.kernel, 1, room[1]),
                        room_for(out.trace, 1, room[2]),
                        probes,
                        gathered.data(),
                        transposed.defined() ? nullptr : sums,
                        transposed.defined() ? sums : nullptr};
    if (probes == 0) rows.products = rows.transposed = nullptr;
    accumulate(rows, {live_.points(), live_.score(), n, 0}, scalars_);
    put(rows.velocity, out.velocity, sizes_.dim);
    put(rows.kernel, out.kernel, 1);
    put(rows.trace, out.trace, 1);
    for (std::int64_t p = 0; p < probes; ++p) put_probe(sums, p, products);
  }

  // Gradients; returns that of β.
  Real differentiate_set(const ParticleSums& sums,
                         const ParticleSums& upstream,
                         const Tensor& vectors,
                         const ParticleGradients& out);

 private:
  // The live rows of a tensor (S, M, width); `room` keeps them where some are dropped.
  const Real* rows(const Tensor& tensor, std::int64_t width, std::vector<Real>& room) const {
    const Real* all = of_set<Real>(tensor, set_, sizes_.count * width);
    return all == nullptr ? nullptr : live_.gather(all, width, room);
  }
  void gather_probe(const Tensor& tensor, std::int64_t probe, std::vector<Real>& out) const {
    const std::int64_t width = sizes_.count * sizes_.dim, wide = live_.count() * sizes_.dim;
    std::vector<Real> room;
    const Real* all = data<Real>(tensor) + (probe * sizes_.sets + set_) * width;
    std::copy_n(live_.gather(all, sizes_.dim, room), wide, out.begin() + probe * wide);
  }
  // Where to compute what put() puts into a tensor; null where there is none.
  Real* room_for(const Tensor& out, std::int64_t width, std::vector<Real>& room) const {
    if (!out.defined()) return nullptr;
    return live_.room_for(width, of_set<Real>(out, set_, sizes_.count * width), room);
  }
  void put(const Real* values, const Tensor& out, std::int64_t width) const {
    if (out.defined()) live_.scatter(values, width, of_set<Real>(out, set_, sizes_.count * width));
  }
  void put_probe(const Real* values, std::int64_t probe, const Tensor& out) const {
    const std::int64_t wide = live_.count() * sizes_.dim;
    live_.scatter(values + probe * wide, sizes_.dim,
                  data<Real>(out) + (probe * sizes_.sets + set_) * sizes_.count * sizes_.dim);
  }
  // What the sums gain when points, scores and β are stretched (3c), without the pair of a particle
  // with itself: ⟨x̄, x⟩ - ⟨s̄, s⟩ + ⟨F̄, F⟩.
  double stretch(const PassUpstream<Real>& up, const Real* x_grad, const Real* score_grad) const;

  Sizes sizes_;
  std::int64_t set_;
  LiveSet<Real> live_;
  PassScalars<Real> scalars_;
  bool beta_wanted_;
};

constexpr std::int64_t kPartial = 8;  // sums side by side, which the compiler puts into vectors

// Σ_k a_k b_k in float64; zero for a null.
template <class Real>
double inner(const Real* a, const Real* b, std::int64_t n) {
  double sums[kPartial] = {};
  for (std::int64_t k = 0; a != nullptr && k < n; ++k)
    sums[k % kPartial] += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return std::accumulate(sums, sums + kPartial, 0.0);
}

template <class Real>
double SetPass<Real>::stretch(const PassUpstream<Real>& up,
                              const Real* x_grad,
                              const Real* score_grad) const {
  const std::int64_t dim = sizes_.dim;
  const double scale = static_cast<double>(scalars_.scale);
  std::vector<double> sums(dim, 0.0);  // by coordinate
  for (std::int64_t i = 0; i < live_.count(); ++i) {
    for (std::int64_t k = 0; k < dim; ++k) {
      const std::int64_t at = i * dim + k;
      const double upward = up.velocity_grad[at], score = up.score[at];
      const double point = static_cast<double>(up.points[at]) - scalars_.centre[k];
      sums[k] += x_grad[at] * point + upward * (up.velocity[at] - scale * score) -
                 (score_grad[at] - scale * upward) * score;
    }
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

template <class Real>
Real SetPass<Real>::differentiate_set(const ParticleSums& sums,
                                      const ParticleSums& upstream,
                                      const Tensor& vectors,
                                      const ParticleGradients& out) {
  const std::int64_t n = live_.count(), dim = sizes_.dim, wide = n * dim;
  const std::int64_t probes = upstream.products.defined() ? sizes_.probes : 0;
  std::vector<Real> room[5], x_room, score_room, v(probes * wide);
  std::vector<Real> probe(probes * wide), product_grad(probes * wide), product(probes * wide);
  for (std::int64_t p = 0; p < probes; ++p) {
    gather_probe(vectors, p, probe);
    gather_probe(upstream.products, p, product_grad);
    gather_probe(sums.products, p, product);
  }
  const PassUpstream<Real> up{live_.points(),
                              live_.score(),
                              n,
                              rows(sums.velocity, dim, room[0]),
                              rows(upstream.velocity, dim, room[1]),
                              rows(upstream.trace, 1, room[2]),
                              rows(upstream.kernel, 1, room[3]),
                              probes,
                              probe.data(),
                              product_grad.data()};
  Real *x_grad = room_for(out.points, dim, x_room),
       *score_grad = room_for(out.score, dim, score_room);
  differentiate(up, scalars_, {x_grad, score_grad, v.data()});
  put(x_grad, out.points, dim);
  put(score_grad, out.score, dim);
  for (std::int64_t p = 0; p < probes; ++p) put_probe(v.data(), p, out.vectors);
  if (!beta_wanted_) return Real(0);
  // Points farther than this from their mean, in bandwidths, leave too little to homogeneity.
  constexpr double kFarOut = sizeof(Real) == 4 ? 30 : 1000;
  if (!(live_.spread() * std::sqrt(static_cast<double>(scalars_.beta)) < kFarOut))
    return static_cast<Real>(beta_gradient(up, scalars_));
  const Real* trace = rows(upstream.trace.defined() ? sums.trace : Tensor(), 1, room[4]);
  const Real* products = probes > 0 ? product_grad.data() : nullptr;
  const double sum =
      stretch(up, x_grad, score_grad) +
      2 * (inner(up.trace_grad, trace, n) + inner(products, product.data(), probes * wide));
  return static_cast<Real>(sum / (2 * static_cast<double>(scalars_.beta)));
}

template <class Real>
void sum_sets(const ParticleInputs& in, const ParticleSums& out) {
  if (!side_by_side<Real>(in)) {
    over_sets(in.points.size(0),
              [&](std::int64_t set) { SetPass<Real>(in, set).sum(out, in.vectors, {}); });
    return;
  }
  const auto numbers = small_numbers<Real>(in);
  const SmallSetsForward<Real> forward{data<Real>(out.velocity),
                                       data<Real>(out.kernel),
                                       data<Real>(out.trace),
                                       nullptr,
                                       nullptr,
                                       out.products.defined() ? in.vectors.size(0) : 0,
                                       data<Real>(in.vectors),
                                       data<Real>(out.products)};
  over_lanes<Real>(in.points.size(0), [&](std::int64_t begin, std::int64_t end) {
    small_sets<Real>().forward(small_input<Real>(in, numbers), forward, begin, end);
  });
}

template <class Real>
void small_norms(const ParticleInputs& in, const Tensor& hessian, const Tensor& out) {
  const auto numbers = small_numbers<Real>(in);
  SmallSetsForward<Real> forward{};
  forward.hessian = data<Real>(hessian);
  forward.frobenius = data<Real>(out);
  over_lanes<Real>(in.points.size(0), [&](std::int64_t begin, std::int64_t end) {
    small_sets<Real>().forward(small_input<Real>(in, numbers), forward, begin, end);
  });
}

template <class Real>
void differentiate_sets(const ParticleInputs& in,
                        const ParticleSums& sums,
                        const ParticleSums& upstream,
                        const ParticleGradients& out) {
  const Real* bandwidth = data<Real>(in.bandwidth);
  Real* bandwidth_grad = data<Real>(out.bandwidth);  // of small sets that by β at first
  if (!side_by_side<Real>(in) || upstream.products.defined()) {
    over_sets(in.points.size(0), [&](std::int64_t set) {
      const Real slope = SetPass<Real>(in, set).differentiate_set(sums, upstream, in.vectors, out);
      bandwidth_grad[set] = bandwidth_gradient(bandwidth[set], slope);
    });
    return;
  }
  const auto numbers = small_numbers<Real>(in);
  const SmallSetsBackward<Real> backward{data<Real>(upstream.velocity), data<Real>(upstream.trace),
                                         data<Real>(upstream.kernel),   data<Real>(out.points),
                                         data<Real>(out.score),         bandwidth_grad};
  over_lanes<Real>(in.points.size(0), [&](std::int64_t begin, std::int64_t end) {
    small_sets<Real>().backward(small_input<Real>(in, numbers), backward, begin, end);
  });
  for (std::int64_t set = 0; set < in.points.size(0); ++set)
    bandwidth_grad[set] = bandwidth_gradient(bandwidth[set], bandwidth_grad[set]);
}

}  // namespace

ParticleSums cpu_sums(const ParticleInputs& in, Wanted wanted) {
  const auto options = in.points.options().requires_grad(false);
  const auto per_particle = in.points.sizes().slice(0, 2);
  ParticleSums out;
  out.velocity = at::empty(in.points.sizes(), options);
  if (wanted.kernel) out.kernel = at::empty(per_particle, options);
  if (wanted.trace) out.trace = at::empty(per_particle, options);
  if (wanted.products) out.products = at::empty(in.vectors.sizes(), options);
  if (in.points.scalar_type() == at::kDouble) {
    sum_sets<double>(in, out);
  } else {
    sum_sets<float>(in, out);
  }
  return out;
}

bool cpu_side_by_side(const ParticleInputs& in) {
  return in.points.scalar_type() == at::kDouble ? side_by_side<double>(in)
                                                : side_by_side<float>(in);
}

Tensor cpu_frobenius(const ParticleInputs& in, const Tensor& hessian) {
  const Tensor out =
      at::empty(in.points.sizes().slice(0, 2), in.points.options().requires_grad(false));
  if (in.points.scalar_type() == at::kDouble) {
    small_norms<double>(in, hessian, out);
  } else {
    small_norms<float>(in, hessian, out);
  }
  return out;
}

Tensor cpu_transposed_products(const ParticleInputs& in) {
  const Tensor out = at::empty(in.vectors.sizes(), in.points.options().requires_grad(false));
  over_sets(in.points.size(0), [&](std::int64_t set) {
    if (in.points.scalar_type() == at::kDouble) {
      SetPass<double>(in, set).sum({}, in.vectors, out);
    } else {
      SetPass<float>(in, set).sum({}, in.vectors, out);
    }
  });
  return out;
}

ParticleGradients cpu_gradients(const ParticleInputs& in,
                                const ParticleSums& sums,
                                const ParticleSums& upstream) {
  const auto options = in.points.options().requires_grad(false);
  ParticleGradients out{at::empty(in.points.sizes(), options),
                        at::empty(in.points.sizes(), options),
                        at::empty(in.bandwidth.sizes(), options),
                        {}};
  if (upstream.products.defined()) out.vectors = at::empty(in.vectors.sizes(), options);
  if (in.points.scalar_type() == at::kDouble) {
    differentiate_sets<double>(in, sums, upstream, out);
  } else {
    differentiate_sets<float>(in, sums, upstream, out);
  }
  return out;
}

}  // namespace ergon::stein
