#include "particle_sets.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
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

// Scales of the small sets, 1/M each.
template <class Real>
SmallSetsInput<Real> small_input(const ParticleInputs& in, const std::vector<Real>& scale) {
  const Sizes n = sizes_of(in);
  return {data<Real>(in.points),
          data<Real>(in.score),
          data<Real>(in.beta),
          scale.data(),
          n.sets,
          n.count,
          n.dim};
}
template <class Real>
std::vector<Real> small_scale(const ParticleInputs& in) {
  const Sizes n = sizes_of(in);
  return std::vector<Real>(n.sets, Real(1) / static_cast<Real>(n.count));
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
        beta_wanted_(in.beta.requires_grad()) {}

  void sum(const ParticleSums& out, const Tensor& vectors, const Tensor& transposed) {
    const std::int64_t n = live_.count(), wide = n * sizes_.dim;
    const bool probing = vectors.defined() && (out.products.defined() || transposed.defined());
    const std::int64_t probes = probing ? sizes_.probes : 0;
    std::vector<Real> velocity(out.velocity.defined() ? wide : 0), kernel(n), trace(n);
    std::vector<Real> products(probes * wide), gathered(probes * wide);
    for (std::int64_t p = 0; p < probes; ++p) gather_probe(vectors, p, gathered);
    PassSums<Real> rows{live_.points(),
                        n,
                        out.velocity.defined() ? velocity.data() : nullptr,
                        out.kernel.defined() ? kernel.data() : nullptr,
                        out.trace.defined() ? trace.data() : nullptr,
                        probes,
                        gathered.data(),
                        out.products.defined() ? products.data() : nullptr,
                        transposed.defined() ? products.data() : nullptr};
    accumulate(rows, {live_.points(), live_.score(), n, 0}, scalars_);
    put(velocity, out.velocity, sizes_.dim);
    put(kernel, out.kernel, 1);
    put(trace, out.trace, 1);
    for (std::int64_t p = 0; p < probes; ++p)
      put_probe(products, p, transposed.defined() ? transposed : out.products);
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
  void put(const std::vector<Real>& values, const Tensor& out, std::int64_t width) const {
    if (out.defined()) live_.scatter(values, width, of_set<Real>(out, set_, sizes_.count * width));
  }
  void put_probe(const std::vector<Real>& values, std::int64_t probe, const Tensor& out) const {
    const std::int64_t wide = live_.count() * sizes_.dim;
    const auto begin = values.begin() + probe * wide;
    live_.scatter(std::vector<Real>(begin, begin + wide), sizes_.dim,
                  data<Real>(out) + (probe * sizes_.sets + set_) * sizes_.count * sizes_.dim);
  }

  Sizes sizes_;
  std::int64_t set_;
  LiveSet<Real> live_;
  PassScalars<Real> scalars_;
  bool beta_wanted_;
};

// Σ_k a_k b_k in float64.
template <class Real>
double inner(const Real* a, const Real* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t k = 0; a != nullptr && k < n; ++k)
    sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return sum;
}

template <class Real>
Real SetPass<Real>::differentiate_set(const ParticleSums& sums,
                                      const ParticleSums& upstream,
                                      const Tensor& vectors,
                                      const ParticleGradients& out) {
  const std::int64_t n = live_.count(), dim = sizes_.dim, wide = n * dim;
  const std::int64_t probes = upstream.products.defined() ? sizes_.probes : 0;
  std::vector<Real> room[5], x(wide), s(wide), v(probes * wide);
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
  differentiate(up, scalars_, {x.data(), s.data(), v.data()});
  put(x, out.points, dim);
  put(s, out.score, dim);
  for (std::int64_t p = 0; p < probes; ++p) put_probe(v, p, out.vectors);
  // Points farther than this from their mean, in bandwidths, leave too little to homogeneity.
  constexpr double kFarOut = sizeof(Real) == 4 ? 30 : 1000;
  if (beta_wanted_ && !(live_.spread() * std::sqrt(static_cast<double>(scalars_.beta)) < kFarOut))
    return static_cast<Real>(beta_gradient(up, scalars_));
  // The sums are homogeneous, (3c); the pair of a particle with itself takes no part.
  double stretch = live_.inner_with_points(x.data());
  for (std::int64_t k = 0; k < wide; ++k) {
    const double upward = up.velocity_grad[k], score = live_.score()[k];
    stretch += upward * (up.velocity[k] - static_cast<double>(scalars_.scale) * score);
    stretch -= (s[k] - static_cast<double>(scalars_.scale) * upward) * score;
  }
  const Real* trace = rows(upstream.trace.defined() ? sums.trace : Tensor(), 1, room[4]);
  stretch += 2 * inner(up.trace_grad, trace, n);
  stretch += 2 * inner(probes > 0 ? product_grad.data() : nullptr, product.data(), probes * wide);
  return static_cast<Real>(stretch / (2 * static_cast<double>(scalars_.beta)));
}

template <class Real>
void sum_sets(const ParticleInputs& in, const ParticleSums& out) {
  if (!side_by_side<Real>(in)) {
    parallel_over(in.points.size(0),
                  [&](std::int64_t set) { SetPass<Real>(in, set).sum(out, in.vectors, {}); });
    return;
  }
  const auto scale = small_scale<Real>(in);
  const SmallSetsForward<Real> forward{data<Real>(out.velocity),
                                       data<Real>(out.kernel),
                                       data<Real>(out.trace),
                                       nullptr,
                                       nullptr,
                                       out.products.defined() ? in.vectors.size(0) : 0,
                                       data<Real>(in.vectors),
                                       data<Real>(out.products)};
  over_lanes<Real>(in.points.size(0), [&](std::int64_t begin, std::int64_t end) {
    small_sets<Real>().forward(small_input<Real>(in, scale), forward, begin, end);
  });
}

template <class Real>
void small_norms(const ParticleInputs& in, const Tensor& hessian, const Tensor& out) {
  const auto scale = small_scale<Real>(in);
  SmallSetsForward<Real> forward{};
  forward.hessian = data<Real>(hessian);
  forward.frobenius = data<Real>(out);
  over_lanes<Real>(in.points.size(0), [&](std::int64_t begin, std::int64_t end) {
    small_sets<Real>().forward(small_input<Real>(in, scale), forward, begin, end);
  });
}

template <class Real>
void differentiate_sets(const ParticleInputs& in,
                        const ParticleSums& sums,
                        const ParticleSums& upstream,
                        const ParticleGradients& out) {
  if (!side_by_side<Real>(in) || upstream.products.defined()) {
    parallel_over(in.points.size(0), [&](std::int64_t set) {
      data<Real>(out.beta)[set] =
          SetPass<Real>(in, set).differentiate_set(sums, upstream, in.vectors, out);
    });
    return;
  }
  const auto scale = small_scale<Real>(in);
  const SmallSetsBackward<Real> backward{data<Real>(upstream.velocity), data<Real>(upstream.trace),
                                         data<Real>(upstream.kernel),   data<Real>(out.points),
                                         data<Real>(out.score),         data<Real>(out.beta)};
  over_lanes<Real>(in.points.size(0), [&](std::int64_t begin, std::int64_t end) {
    small_sets<Real>().backward(small_input<Real>(in, scale), backward, begin, end);
  });
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
  const Tensor given = hessian.defined() ? hessian.contiguous() : hessian;
  if (in.points.scalar_type() == at::kDouble) {
    small_norms<double>(in, given, out);
  } else {
    small_norms<float>(in, given, out);
  }
  return out;
}

Tensor cpu_transposed_products(const ParticleInputs& in) {
  const Tensor out = at::empty(in.vectors.sizes(), in.points.options().requires_grad(false));
  parallel_over(in.points.size(0), [&](std::int64_t set) {
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
                        at::empty(in.beta.sizes(), options),
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
