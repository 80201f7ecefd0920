#include "frobenius.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "ergon/core/errors.hpp"
#include "frobenius_sums.hpp"

namespace ergon::stein {
namespace {

constexpr char kWhat[] = "stein::frobenius_squared";
constexpr std::int64_t kNumbers = 1 << 21;  // in an array of differences or Jacobians, kComposed

template <class Real>
Real* row_of(const Tensor& tensor, std::int64_t set) {
  return tensor.defined() ? tensor.data_ptr<Real>() + set * tensor.stride(0) : nullptr;
}

// By differences over vector lanes, for the particles that `wanted` (S, M) marks; undefined: all.
template <class Real>
void write_by_lanes(const PairInputs& in,
                    const Tensor& hessian,
                    const Tensor& wanted,
                    Tensor& out) {
  const NormPass<Real> pass = norm_pass<Real>();
  const std::int64_t count = in.points.size(1);
  std::vector<std::int64_t> places(static_cast<std::size_t>(count));
  std::iota(places.begin(), places.end(), std::int64_t{0});
  for (std::int64_t set = 0; set < in.points.size(0); ++set) {
    NormSet<Real> s{row_of<Real>(in.points, set),
                    row_of<Real>(in.score, set),
                    row_of<Real>(hessian, set),
                    row_of<bool>(in.alive, set),
                    count,
                    in.points.size(2),
                    in.beta.data_ptr<Real>()[set],
                    0};
    const auto live = s.alive == nullptr ? count : std::count(s.alive, s.alive + count, true);
    s.scale = Real(1) / Real(live);
    if (wanted.defined()) {
      const bool* marks = row_of<bool>(wanted, set);
      places.clear();
      for (std::int64_t i = 0; i < count; ++i) {
        if (marks[i]) places.push_back(i);
      }
    }
    if (!places.empty())
      pass(s, places.data(), static_cast<std::int64_t>(places.size()), row_of<Real>(out, set));
  }
}

void write_by_lanes(const PairInputs& in,
                    const Tensor& hessian,
                    const Tensor& wanted,
                    Tensor& out) {
  if (in.points.scalar_type() == at::kDouble) {
    write_by_lanes<double>(in, hessian, wanted, out);
  } else {
    write_by_lanes<float>(in, hessian, wanted, out);
  }
}

// By differences from tensor operations, blocks of rows at a time.
Tensor composed(const PairInputs& in, const Tensor& hessian) {
  Tensor points = in.points.to(at::kDouble), score = in.score.to(at::kDouble), live;
  const std::int64_t sets = points.size(0), count = points.size(1), dim = points.size(2);
  Tensor number = at::full({sets, 1}, static_cast<double>(count), points.options());
  if (in.alive.defined()) {
    points = at::where(in.alive.unsqueeze(-1), points, at::zeros_like(points));
    score = at::where(in.alive.unsqueeze(-1), score, at::zeros_like(score));
    live = in.alive.to(at::kDouble);
    number = live.sum(-1, true);
  }
  const Tensor beta = in.beta.to(at::kDouble).view({-1, 1, 1, 1});
  const Tensor identity = at::eye(dim, points.options());
  const Tensor out = at::empty({sets, count}, points.options());
  const std::int64_t each = std::max<std::int64_t>(1, sets * dim * std::max(count, dim));
  const std::int64_t rows = std::max<std::int64_t>(1, kNumbers / each);
  for (std::int64_t first = 0; first < count; first += rows) {
    const std::int64_t n = std::min(rows, count - first);
    const Tensor d = points.narrow(1, first, n).unsqueeze(2) - points.unsqueeze(1);
    Tensor kernel = (d.square().sum(-1, true) * (-0.5 * beta)).exp();  // (S, n, M, 1)
    kernel.squeeze(-1).diagonal(first, 1, 2).zero_();
    if (live.defined()) kernel.mul_(live.view({sets, 1, count, 1}));
    const Tensor pull = kernel * (score.unsqueeze(1) + beta * d);
    Tensor sum = beta * (kernel.sum(2, true) * identity - at::matmul(pull.transpose(2, 3), d));
    if (hessian.defined()) sum = sum + hessian.narrow(1, first, n);
    out.narrow(1, first, n).copy_(sum.square().sum({2, 3}) / number.square());
  }
  return in.alive.defined() ? out.masked_fill_(in.alive.logical_not(), 0) : out;
}

Tensor by_differences(const PairInputs& in, const Tensor& hessian) {
  const auto type = in.points.scalar_type();
  if (!in.points.is_cpu()) return composed(in, hessian).to(type);
  Tensor out = at::zeros(in.points.sizes().slice(0, 2), in.points.options());
  write_by_lanes(in, hessian, in.alive, out);
  return out;
}

// (8a), and by differences where it would be too far off.
Tensor by_inner_products(const PairInputs& in) {
  const auto type = in.points.scalar_type();
  const auto norms = internal::gram_norms(in, type == at::kDouble ? 1e-10 : 5e-6);
  Tensor out = norms.squared.to(type);
  if (norms.exact.all().item<bool>()) return out;
  if (!in.points.is_cpu()) return at::where(norms.exact, out, composed(in, {}).to(type));
  write_by_lanes(in, {}, norms.exact.logical_not(), out);
  return out;
}

Tensor norms(const PairInputs& in, const Tensor& hessian, FrobeniusForm form) {
  const auto type = in.points.scalar_type();
  if (form == FrobeniusForm::kJacobian) return by_differences(in, hessian);
  if (form == FrobeniusForm::kComposed) return composed(in, hessian).to(type);
  if (form == FrobeniusForm::kGram) {
    require(!hessian.defined(),
            "{}: the Gram form has no Hessian term; take kAuto, which takes the Jacobians", kWhat);
    return internal::gram_norms(in, 0).squared.to(type);
  }
  if (hessian.defined() || !internal::gram_is_cheaper(in.points.size(0), in.points))
    return by_differences(in, hessian);
  return by_inner_products(in);
}

}  // namespace

Tensor checked_hessian(const Tensor& hessian, const Tensor& points) {
  if (!hessian.defined()) return {};
  std::vector<std::int64_t> shape = points.sizes().vec();
  shape.push_back(shape.back());
  require(
      hessian.sizes() == at::IntArrayRef(shape) && hessian.scalar_type() == points.scalar_type(),
      "{}: the Hessians must be ({}) of the particles' type {}, got ({}) of {}", kWhat,
      fmt::join(shape, ", "), c10::toString(points.scalar_type()), fmt::join(hessian.sizes(), ", "),
      c10::toString(hessian.scalar_type()));
  return hessian.reshape({-1, shape[shape.size() - 3], shape.back(), shape.back()}).contiguous();
}

Tensor frobenius_squared_exact(const Support& support, const Tensor& hessian, FrobeniusForm form) {
  const at::NoGradGuard no_grad;
  PairInputs in = pair_inputs(support, {}, support.points, kWhat);
  in.beta = in.beta.clamp_max(in.beta.scalar_type() == at::kDouble ? 1e250 : 1e30);  // 0 · ∞
  const Tensor checked = checked_hessian(hessian, support.points);
  return norms(in, checked, form).view(support.points.sizes().slice(0, support.points.dim() - 1));
}

}  // namespace ergon::stein
