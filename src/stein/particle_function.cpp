#include "particle_function.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "composed.hpp"
#include "cuda/particle_tensors.hpp"
#include "ergon/core/errors.hpp"
#include "graph_gradients.hpp"
#include "pair_function.hpp"
#include "particle_pass.hpp"
#include "particle_sets.hpp"

namespace ergon::stein {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool on_cuda(const ParticleInputs& in) { return in.points.is_cuda() && cuda::available(); }

Tensor masked(const Tensor& values, const Tensor& rows) {
  return rows.defined() ? at::where(rows, values, at::zeros_like(values)) : values;
}

Support support_of(const ParticleInputs& in) {
  return {in.points, in.score, in.bandwidth, in.alive};
}

// Of tensor operations, for other devices and derivatives beyond the first.
ParticleSums composed_sums(const ParticleInputs& in, Wanted wanted) {
  const auto kernel = composed::kernel_matrix(support_of(in));
  const Tensor rows = in.alive, wide = rows.defined() ? rows.unsqueeze(-1) : rows;
  const auto both = composed::velocity_and_trace(kernel);
  ParticleSums out;
  out.velocity = masked(both.velocity, wide);
  if (wanted.trace) out.trace = masked(both.drift_trace_sum, rows);
  if (wanted.kernel) out.kernel = masked(kernel.off_row_sum.squeeze(-1), rows);
  if (wanted.products)
    out.products = masked(composed::jacobian_vector_product(kernel, in.vectors), wide);
  return out;
}

cuda::Particles cuda_particles(const ParticleInputs& in) {
  const double farthest =
      in.points.scalar_type() == at::kFloat ? kFarthest<float> : kFarthest<double>;
  return {in.points, in.score, in.bandwidth.pow(-2).clamp(1 / farthest, farthest),
          live_count(in).reciprocal(), in.alive};
}

ParticleSums cuda_sums(const ParticleInputs& in, Wanted wanted) {
  const auto particles = cuda_particles(in);
  const auto sums = cuda::forward(particles);
  ParticleSums out;
  out.velocity = sums.velocity;
  if (wanted.kernel) out.kernel = sums.kernel;
  if (wanted.trace) out.trace = sums.trace;
  if (wanted.products) out.products = cuda::jacobian_products(particles, in.vectors.contiguous());
  return out;
}

// Kernel sums and traces of the passes are divided by the number of live particles, too.
Tensor undivided(const Tensor& divided, const ParticleInputs& in) {
  if (!divided.defined()) return divided;
  if (in.alive.defined()) return divided * live_count(in).unsqueeze(-1);
  return divided * static_cast<double>(in.points.size(1));
}

ParticleSums undivided(ParticleSums sums, const ParticleInputs& in) {
  sums.kernel = undivided(sums.kernel, in);
  sums.trace = undivided(sums.trace, in);
  return sums;
}

// Kernel and trace divided as well.
ParticleSums fused_sums(const ParticleInputs& in, Wanted wanted) {
  return on_cuda(in) ? cuda_sums(in, wanted) : cpu_sums(in, wanted);
}

// What a backward pass starts from; undefined: zero.
struct Upstream {
  variable_list gradients;  // of velocity, kernel, trace, products
  Wanted wanted;
};

// Through the composed form, so that the result can be differentiated again.
variable_list composed_gradients(const ParticleInputs& given, const Upstream& up) {
  const ParticleInputs in{own_node(given.points), own_node(given.score), own_node(given.bandwidth),
                          given.alive, own_node(given.vectors)};
  const ParticleSums sums = composed_sums(in, up.wanted);
  return graph_gradients({sums.velocity, sums.kernel, sums.trace, sums.products}, up.gradients,
                         {in.points, in.score, in.bandwidth, in.vectors});
}

variable_list fused_gradients(const ParticleInputs& in,
                              const Upstream& up,
                              const ParticleSums& sums) {
  const auto contiguous = [](const Tensor& t) { return t.defined() ? t.contiguous() : t; };
  ParticleSums grads{contiguous(up.gradients[0]), contiguous(undivided(up.gradients[1], in)),
                     contiguous(undivided(up.gradients[2], in)), contiguous(up.gradients[3])};
  if (!grads.velocity.defined()) grads.velocity = at::zeros_like(in.points);
  if (!on_cuda(in)) {
    const ParticleGradients found = cpu_gradients(in, sums, grads);
    return {found.points, found.score, found.bandwidth, found.vectors};
  }
  const auto found =
      cuda::backward(cuda_particles(in), {grads.velocity, grads.trace, grads.kernel});
  return {found.points, found.score, -2 * found.beta * in.bandwidth.pow(-3), {}};
}

constexpr std::int64_t kKernelFlag = 1, kTraceFlag = 2, kProductsFlag = 4;

std::int64_t flags_of(Wanted w) {
  return (w.kernel ? kKernelFlag : 0) + (w.trace ? kTraceFlag : 0) +
         (w.products ? kProductsFlag : 0);
}
Wanted wanted_of(std::int64_t flags) {
  return {(flags & kKernelFlag) != 0, (flags & kTraceFlag) != 0, (flags & kProductsFlag) != 0};
}

// Those of velocity, kernel, trace, products that are wanted, and the reverse.
variable_list packed(const ParticleSums& sums) {
  variable_list list;
  for (const Tensor& t : {sums.velocity, sums.kernel, sums.trace, sums.products}) {
    if (t.defined()) list.push_back(t);
  }
  return list;
}
variable_list unpacked(const variable_list& list, Wanted wanted) {
  variable_list all(4);
  const bool there[] = {true, wanted.kernel, wanted.trace, wanted.products};
  std::size_t next = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (there[k]) all[k] = list[next++];
  }
  return all;
}

class ParticleFunction : public torch::autograd::Function<ParticleFunction> {
 public:
  // vectors: empty where there are none; alive: one, which may be undefined.
  static variable_list forward(AutogradContext* context,
                               const Tensor& points,
                               const Tensor& score,
                               const Tensor& bandwidth,
                               const Tensor& vectors,
                               const std::vector<Tensor>& alive,
                               std::int64_t flags) {
    const at::NoGradGuard no_grad;
    const Wanted wanted = wanted_of(flags);
    const ParticleInputs in{points, score, bandwidth, alive[0], vectors};
    const ParticleSums sums = fused_sums(in, wanted);
    context->save_for_backward(
        {points, score, bandwidth, vectors, alive[0], sums.velocity, sums.trace, sums.products});
    context->saved_data["flags"] = flags;
    context->set_materialize_grads(false);
    return packed(undivided(sums, in));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Wanted wanted = wanted_of(context->saved_data["flags"].toInt());
    const ParticleInputs in{saved[0], saved[1], saved[2], saved[4],
                            wanted.products ? saved[3] : Tensor()};
    const Upstream up{unpacked(gradients, wanted), wanted};
    const bool only_composed = on_cuda(in) && up.gradients[3].defined();
    variable_list found;
    if (at::GradMode::is_enabled() || only_composed) {
      const at::AutoGradMode recording(true);
      found = composed_gradients(in, up);
    } else {
      found = fused_gradients(in, up, {saved[5], {}, saved[6], saved[7]});
    }
    found.resize(6);  // alive and flags have none
    return found;
  }
};

}  // namespace

ParticleInputs particle_inputs(const Support& support, const Tensor& vectors, const char* what) {
  require_support(support, {}, support.points, what);
  const auto& points = support.points;
  require(points.device() == support.score.device() &&
              (!support.alive.defined() || support.alive.device() == points.device()) &&
              (!vectors.defined() || vectors.device() == points.device()),
          "{}: points, scores, mask and vectors must be on one device; move them there", what);
  const auto lead = points.sizes().slice(0, points.dim() - 2);
  const std::int64_t sets = c10::multiply_integers(lead), count = points.size(-2);
  const auto flat = [](const Tensor& t, at::IntArrayRef shape) {  // without a needless graph node
    return (t.sizes() == shape ? t : t.reshape(shape)).contiguous();
  };
  ParticleInputs in;
  in.points = flat(points, {sets, count, points.size(-1)});
  in.score = flat(support.score, in.points.sizes());
  const Tensor bandwidth = support.bandwidth.to(points.device(), points.scalar_type());
  in.bandwidth = flat(bandwidth.sizes() == lead ? bandwidth : bandwidth.expand(lead), {sets});
  if (support.alive.defined()) {
    std::vector<std::int64_t> shape(lead.begin(), lead.end());
    shape.push_back(count);
    in.alive = flat(support.alive.expand(shape), {sets, count});
    require(in.alive.any(-1).all().item<bool>(),
            "{}: a set has no live particle; leave such sets out", what);
  }
  if (!vectors.defined()) return in;
  const auto sizes = support.points.sizes(), given = vectors.sizes();
  const bool one = given == sizes;
  require(one || (vectors.dim() == support.points.dim() + 1 && given.slice(1) == sizes),
          "{}: vectors must be (..., M, D) like the points ({}), or (P, ..., M, D), got ({})", what,
          fmt::join(sizes, ", "), fmt::join(given, ", "));
  require(vectors.scalar_type() == in.points.scalar_type(),
          "{}: vectors must have the element type of the points, {}; convert them", what,
          c10::toString(in.points.scalar_type()));
  const std::int64_t probes = one ? 1 : given[0];
  in.vectors = vectors.reshape({probes, in.points.size(0), in.points.size(1), in.points.size(2)})
                   .contiguous();
  return in;
}

ParticleInputs product_inputs(const Support& support, const Tensor& vectors, const char* what) {
  require(vectors.defined(), "{}: the vectors are undefined; give one for every particle", what);
  return particle_inputs(support, vectors, what);
}

Tensor live_count(const ParticleInputs& in) {
  if (in.alive.defined()) return in.alive.sum(-1).to(in.points.scalar_type());
  return at::full({in.points.size(0)}, static_cast<double>(in.points.size(1)),
                  in.points.options().requires_grad(false));
}

bool records_graph(const ParticleInputs& in) {
  return at::GradMode::is_enabled() &&
         (in.points.requires_grad() || in.score.requires_grad() || in.bandwidth.requires_grad() ||
          (in.vectors.defined() && in.vectors.requires_grad()));
}

ParticleSums particle_sums(const ParticleInputs& in, Wanted wanted) {
  if (!in.points.is_cpu() && !on_cuda(in)) return composed_sums(in, wanted);
  if (!records_graph(in)) {
    const at::NoGradGuard no_grad;
    return undivided(fused_sums(in, wanted), in);
  }
  const Tensor vectors =
      wanted.products ? in.vectors : at::empty({0}, in.points.options().requires_grad(false));
  const auto list = ParticleFunction::apply(in.points, in.score, in.bandwidth, vectors,
                                            std::vector<Tensor>{in.alive}, flags_of(wanted));
  const auto all = unpacked(list, wanted);
  return {all[0], all[1], all[2], all[3]};
}

Tensor transposed_products(const ParticleInputs& in) {
  if (in.points.is_cpu() && !records_graph(in)) return cpu_transposed_products(in);
  if (on_cuda(in) && !records_graph(in))
    return cuda::transposed_jacobian_products(cuda_particles(in), in.vectors);
  const auto kernel = composed::kernel_matrix(support_of(in));
  const Tensor rows = in.alive.defined() ? in.alive.unsqueeze(-1) : in.alive;
  return masked(composed::transposed_jacobian_vector_product(kernel, in.vectors), rows);
}

}  // namespace ergon::stein
