#include "particle_tensors.hpp"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <fmt/ranges.h>

#include <optional>
#include <vector>

#include "particle_pass.hpp"

namespace ergon::stein::cuda {
namespace {

void require_like(const Tensor& tensor,
                  const Tensor& points,
                  std::vector<std::int64_t> shape,
                  const char* name) {
  require(tensor.defined() && tensor.sizes() == at::IntArrayRef(shape),
          "the {} of a Stein pass on CUDA must have shape ({}), not ({})", name,
          fmt::join(shape, ", "),
          fmt::join(tensor.defined() ? tensor.sizes().vec() : std::vector<std::int64_t>{}, ", "));
  require(tensor.scalar_type() == points.scalar_type() && tensor.device() == points.device(),
          "the {} of a Stein pass on CUDA must have the type and the device of the points", name);
}

// The same with every tensor contiguous and without a graph.
Particles checked(const Particles& given) {
  const Tensor& x = given.points;
  require(
      x.defined() && x.is_cuda() && x.dim() == 3,
      "the points of a Stein pass on CUDA must be a CUDA tensor of shape (sets, particles, dim)");
  require(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble,
          "the points of a Stein pass on CUDA must be float32 or float64");
  const auto sets = x.size(0), count = x.size(1);
  require_like(given.score, x, x.sizes().vec(), "score");
  require_like(given.beta, x, {sets}, "beta");
  require_like(given.scale, x, {sets}, "scale");
  if (given.alive.defined())
    require(
        given.alive.scalar_type() == at::kBool && given.alive.device() == x.device() &&
            given.alive.sizes() == at::IntArrayRef({sets, count}),
        "the alive mask of a Stein pass on CUDA must be bool of shape ({}, {}) on the device of "
        "the points",
        sets, count);
  const auto plain = [](const Tensor& each) { return each.detach().contiguous(); };
  return {plain(x), plain(given.score), plain(given.beta), plain(given.scale),
          given.alive.defined() ? plain(given.alive) : given.alive};
}

template <class Real>
ParticleSets<Real> arrays_of(const Particles& p, std::int64_t items) {
  const auto* properties = at::cuda::getCurrentDeviceProperties();
  // Two blocks of threads run on a multiprocessor at a time.
  const std::int64_t blocks = 2 * std::int64_t{properties->multiProcessorCount};
  return {p.points.data_ptr<Real>(),
          p.score.data_ptr<Real>(),
          p.beta.data_ptr<Real>(),
          p.scale.data_ptr<Real>(),
          p.alive.defined() ? p.alive.data_ptr<bool>() : nullptr,
          p.points.size(0),
          p.points.size(1),
          p.points.size(2),
          column_splits<Real>(items, p.points.size(1), blocks)};
}

template <class Real>
const Real* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<Real>() : nullptr;
}

// What every slab of columns is written to.
Tensor slabs(std::int64_t splits, at::IntArrayRef shape, const Tensor& like) {
  auto all = shape.vec();
  all.insert(all.begin(), splits);
  return at::empty(all, like.options());
}

Tensor added_up(const Tensor& slabs) {
  return slabs.size(0) == 1 ? slabs.select(0, 0) : slabs.sum(0);
}

void require_launched(const char* error) {
  require(error == nullptr, "the CUDA device refused a Stein pass: {}", error ? error : "");
}

template <class Real>
ForwardResult forward_of(const Particles& p) {
  const auto arrays = arrays_of<Real>(p, p.points.size(0));
  const auto rows = p.points.sizes().slice(0, 2);
  const Tensor velocity = slabs(arrays.splits, p.points.sizes(), p.points);
  const Tensor kernel = slabs(arrays.splits, rows, p.points);
  const Tensor trace = slabs(arrays.splits, rows, p.points);
  require_launched(launch_velocity<Real>(
      {arrays, velocity.data_ptr<Real>(), kernel.data_ptr<Real>(), trace.data_ptr<Real>()},
      at::cuda::getCurrentCUDAStream()));
  return {added_up(velocity), added_up(kernel), added_up(trace)};
}

template <class Real>
BackwardResult backward_of(const Particles& p, const ForwardGradients& grads) {
  const auto arrays = arrays_of<Real>(p, p.points.size(0));
  const auto rows = p.points.sizes().slice(0, 2);
  const Tensor points = slabs(arrays.splits, p.points.sizes(), p.points);
  const Tensor score = slabs(arrays.splits, p.points.sizes(), p.points);
  const Tensor beta = slabs(arrays.splits, rows, p.points);
  require_launched(launch_gradients<Real>(
      {arrays, grads.velocity.data_ptr<Real>(), data_or_null<Real>(grads.trace),
       data_or_null<Real>(grads.kernel), points.data_ptr<Real>(), score.data_ptr<Real>(),
       beta.data_ptr<Real>()},
      at::cuda::getCurrentCUDAStream()));
  return {added_up(points), added_up(score), added_up(beta).sum(-1)};
}

template <class Real>
Tensor products_of(const Particles& p, const Tensor& vectors, bool transposed) {
  const auto probes = vectors.size(0);
  const auto arrays = arrays_of<Real>(p, probes * p.points.size(0));
  const Tensor products = slabs(arrays.splits, vectors.sizes(), vectors);
  const ProductArrays<Real> all{arrays, probes, vectors.data_ptr<Real>(),
                                products.data_ptr<Real>()};
  const Stream stream = at::cuda::getCurrentCUDAStream();
  require_launched(transposed ? launch_transposed_products(all, stream)
                              : launch_products(all, stream));
  return added_up(products);
}

Tensor products(const Particles& given, const Tensor& given_vectors, bool transposed) {
  const Particles p = checked(given);
  require(given_vectors.defined() && given_vectors.dim() == 4,
          "the vectors of a Stein pass on CUDA must have shape (probes, sets, particles, dim)");
  auto shape = p.points.sizes().vec();
  shape.insert(shape.begin(), given_vectors.size(0));
  require_like(given_vectors, p.points, shape, "vectors");
  const Tensor vectors = given_vectors.detach().contiguous();
  if (vectors.numel() == 0) return at::empty_like(vectors);
  const c10::cuda::CUDAGuard guard(p.points.device());
  return p.points.scalar_type() == at::kFloat ? products_of<float>(p, vectors, transposed)
                                              : products_of<double>(p, vectors, transposed);
}

// c times the gradient, contiguous.
Tensor scaled(const Tensor& gradient, const Tensor& scale) {
  if (!gradient.defined()) return gradient;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(gradient.dim()), 1);
  shape[0] = -1;
  return (gradient.detach() * scale.view(shape)).contiguous();
}

}  // namespace

bool available() { return at::cuda::is_available(); }

ForwardResult forward(const Particles& given) {
  const Particles p = checked(given);
  if (p.points.numel() == 0) {
    const Tensor rows = at::zeros(p.points.sizes().slice(0, 2), p.points.options());
    return {at::empty_like(p.points), rows, rows.clone()};
  }
  const c10::cuda::CUDAGuard guard(p.points.device());
  return p.points.scalar_type() == at::kFloat ? forward_of<float>(p) : forward_of<double>(p);
}

BackwardResult backward(const Particles& given, const ForwardGradients& gradients) {
  const Particles p = checked(given);
  const auto rows = p.points.sizes().slice(0, 2).vec();
  require_like(gradients.velocity, p.points, p.points.sizes().vec(), "velocity gradient");
  if (gradients.trace.defined()) require_like(gradients.trace, p.points, rows, "trace gradient");
  if (gradients.kernel.defined()) require_like(gradients.kernel, p.points, rows, "kernel gradient");
  if (p.points.numel() == 0)
    return {at::empty_like(p.points), at::empty_like(p.points), at::zeros_like(p.beta)};
  const c10::cuda::CUDAGuard guard(p.points.device());
  const ForwardGradients grads{scaled(gradients.velocity, p.scale),
                               scaled(gradients.trace, p.scale), scaled(gradients.kernel, p.scale)};
  return p.points.scalar_type() == at::kFloat ? backward_of<float>(p, grads)
                                              : backward_of<double>(p, grads);
}

Tensor jacobian_products(const Particles& particles, const Tensor& vectors) {
  return products(particles, vectors, false);
}

Tensor transposed_jacobian_products(const Particles& particles, const Tensor& vectors) {
  return products(particles, vectors, true);
}

}  // namespace ergon::stein::cuda
