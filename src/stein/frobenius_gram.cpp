#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "frobenius.hpp"

// ‖A_i‖_F² through inner products (8a). Float64 throughout: the terms of fourth order cancel.
namespace ergon::stein::internal {
namespace {

constexpr std::int64_t kTile = 256;         // of columns
constexpr std::int64_t kNumbers = 1 << 17;  // in a block of kernel rows of sets that go together

// Rows that share one making of the tiles in quartic(): as many as D, so that it is not dearer than
// their use.
std::int64_t block_rows(std::int64_t count, std::int64_t dim) {
  return std::min(count, std::max<std::int64_t>(dim, 256));
}

// Σ over the last dimension.
Tensor row_dot(const Tensor& a, const Tensor& b) { return (a * b).sum(-1, true); }

// Sets of particles, centred; dropped ones are zero.
struct Particles {
  Tensor x;       // (S, M, D)
  Tensor h;       // (S, M, D)  h_j = s_j - β x_j, so that g_j = h_j + β x_i
  Tensor length;  // (S, M, 1)  ‖x_j‖²
  Tensor beta;    // (S, 1, 1)
  Tensor alive;   // (S, 1, M)  1 or 0; or undefined
  Tensor count;   // (S, 1, 1)
  Tensor summed;  // (S, M, 2D + 5)  what each kernel row is multiplied with
};

// The kernel sums of a block of n rows.
struct RowSums {
  Tensor kernel;       // (S, n, 1)  w = Σ κ
  Tensor points;       // (S, n, D)  q = Σ κ x_j
  Tensor shifted;      // (S, n, D)  p = Σ κ h_j
  Tensor trace;        // (S, n, 1)  Σ κ h_jᵀx_j
  Tensor norm_points;  // (S, n, 1)  Σ κ ‖x_j‖, and the next two: what bounds the rounding error
  Tensor norm_shifted;
  Tensor norm_both;
};

Particles read(const PairInputs& in) {
  Particles p;
  p.x = in.points.to(at::kDouble);
  Tensor score = in.score.to(at::kDouble);
  p.beta = in.beta.to(at::kDouble).view({-1, 1, 1});
  p.count = at::full_like(p.beta, static_cast<double>(p.x.size(1)));
  if (in.alive.defined()) {
    const Tensor rows = in.alive.unsqueeze(-1);
    p.x = at::where(rows, p.x, at::zeros_like(p.x));
    score = at::where(rows, score, at::zeros_like(score));
    p.alive = in.alive.unsqueeze(1).to(at::kDouble);
    p.count = p.alive.sum(-1, true);
  }
  p.x = p.x - p.x.sum(1, true) / p.count;
  if (in.alive.defined()) p.x.mul_(p.alive.transpose(1, 2));
  p.h = score - p.beta * p.x;
  p.length = row_dot(p.x, p.x);
  const Tensor norm_x = p.length.sqrt(), norm_h = row_dot(p.h, p.h).sqrt();
  p.summed = at::cat(
      {p.x, p.h, row_dot(p.h, p.x), at::ones_like(p.length), norm_x, norm_h, norm_x * norm_h}, -1);
  return p;
}

// κ_ij for the rows from `first` on, (S, n, M); zero for j = i and for dropped j.
Tensor kernel_rows(const Particles& p, std::int64_t first, std::int64_t rows) {
  const Tensor own = p.x.narrow(1, first, rows);
  Tensor k = at::bmm(own, p.x.transpose(1, 2));
  k.mul_(2).sub_(p.length.narrow(1, first, rows)).sub_(p.length.transpose(1, 2));
  k.clamp_max_(0).mul_(0.5 * p.beta).exp_();
  k.diagonal(first, 1, 2).zero_();
  if (p.alive.defined()) k.mul_(p.alive);
  return k;
}

RowSums sums(const Particles& p, const Tensor& kernel) {
  const std::int64_t dim = p.x.size(2);
  const Tensor all = at::bmm(kernel, p.summed);
  const auto column = [&](std::int64_t k) { return all.narrow(2, 2 * dim + k, 1); };
  return {
      column(1), all.narrow(2, 0, dim), all.narrow(2, dim, dim), column(0), column(2), column(3),
      column(4)};
}

// Σ_jk κ_j κ_k (h_jᵀh_k)(x_jᵀx_k), (S, n, 1): the upper half of the tiles of columns.
Tensor quartic(const Particles& p, const Tensor& kernel) {
  const std::int64_t count = p.x.size(1);
  Tensor sum = at::zeros({kernel.size(0), kernel.size(1), 1}, kernel.options());
  for (std::int64_t j = 0; j < count; j += kTile) {
    const std::int64_t rows = std::min(kTile, count - j);
    const Tensor left = kernel.narrow(2, j, rows);
    for (std::int64_t k = j; k < count; k += kTile) {
      const std::int64_t cols = std::min(kTile, count - k);
      Tensor grams = at::bmm(p.h.narrow(1, j, rows), p.h.narrow(1, k, cols).transpose(1, 2));
      grams.mul_(at::bmm(p.x.narrow(1, j, rows), p.x.narrow(1, k, cols).transpose(1, 2)));
      sum.add_(at::bmm(left, grams).mul_(kernel.narrow(2, k, cols)).sum(-1, true), j == k ? 1 : 2);
    }
  }
  return sum;
}

// Σ_j κ_j (uᵀh_j)(vᵀx_j), (S, n, 1), for vectors u and v (S, n, D) of the rows.
Tensor bilinear(const Particles& p, const Tensor& kernel, const Tensor& u, const Tensor& v) {
  const std::int64_t count = p.x.size(1);
  Tensor sum = at::zeros({kernel.size(0), kernel.size(1), 1}, kernel.options());
  for (std::int64_t j = 0; j < count; j += kTile) {
    const std::int64_t cols = std::min(kTile, count - j);
    Tensor product = at::bmm(u, p.h.narrow(1, j, cols).transpose(1, 2));
    product.mul_(at::bmm(v, p.x.narrow(1, j, cols).transpose(1, 2)));
    sum.add_(product.mul_(kernel.narrow(2, j, cols)).sum(-1, true));
  }
  return sum;
}

// (8a) for the rows from `first` on.
GramNorms block_norms(const Particles& p, std::int64_t first, std::int64_t rows, double tolerance) {
  const Tensor kernel = kernel_rows(p, first, rows);
  const RowSums s = sums(p, kernel);
  const Tensor x = p.x.narrow(1, first, rows), length = p.length.narrow(1, first, rows);
  const Tensor &w = s.kernel, &q = s.points, &beta = p.beta;
  const Tensor a = s.shifted + beta * w * x;
  const Tensor a_x = row_dot(a, x), x_q = row_dot(x, q);
  const Tensor trace = a_x - beta * x_q - s.trace;  // Σ κ g_jᵀd_j
  const Tensor square =                             // ‖Σ κ g_j d_jᵀ‖²
      quartic(p, kernel) + length * row_dot(a, a) + beta.square() * length * row_dot(q, q) -
      2 * beta * a_x * x_q - 2 * bilinear(p, kernel, a, x) + 2 * beta * bilinear(p, kernel, x, q);
  const double dim = static_cast<double>(p.x.size(2));
  const Tensor sum = dim * w.square() - 2 * w * trace + square;
  const Tensor norm = length.sqrt(), scaled = norm * beta.sqrt();
  // What the terms would add up to without any cancellation; κ inherits the error of ‖d‖².
  const Tensor terms = norm * (s.norm_shifted + beta * (norm * w + s.norm_points)) + s.norm_both +
                       std::sqrt(dim) * w;
  constexpr double kRounding = 1.1e-16;
  const Tensor exact = (kRounding * terms.square() <= tolerance * sum)
                           .logical_and(kRounding * (2 * scaled + 12).square() <= tolerance)
                           .logical_or(w == 0);
  const Tensor alone = at::zeros_like(sum);  // nothing is near, however large the inner products
  return {(at::where(w == 0, alone, sum) * (beta / p.count).square()).squeeze(-1),
          exact.squeeze(-1)};
}

// Of sets that are taken at once.
void write_norms(const PairInputs& in, double tolerance, const GramNorms& out) {
  const Particles all = read(in);
  const std::int64_t count = all.x.size(1);
  const std::int64_t rows = block_rows(count, all.x.size(2));
  for (std::int64_t first = 0; first < count; first += rows) {
    const std::int64_t n = std::min(rows, count - first);
    const GramNorms block = block_norms(all, first, n, tolerance);
    out.squared.narrow(1, first, n).copy_(block.squared);
    out.exact.narrow(1, first, n).copy_(block.exact);
  }
  if (!in.alive.defined()) return;
  const Tensor dropped = in.alive.logical_not();
  out.squared.masked_fill_(dropped, 0);
  out.exact.logical_or_(dropped);
}

}  // namespace

GramNorms gram_norms(const PairInputs& in, double tolerance) {
  const at::NoGradGuard no_grad;
  const std::int64_t sets = in.points.size(0), count = in.points.size(1), dim = in.points.size(2);
  const auto options = in.points.options();
  const GramNorms out{at::zeros({sets, count}, options.dtype(at::kDouble)),
                      at::zeros({sets, count}, options.dtype(at::kBool))};
  const std::int64_t each = count * std::max(block_rows(count, dim), 2 * dim + 5);
  const std::int64_t together = std::max<std::int64_t>(1, kNumbers / each);
  for (std::int64_t set = 0; set < sets; set += together) {
    const std::int64_t n = std::min(together, sets - set);
    const auto part = [&](const Tensor& t) { return t.defined() ? t.narrow(0, set, n) : t; };
    const PairInputs some{part(in.x),    part(in.points), part(in.score),
                          part(in.beta), part(in.step),   part(in.alive)};
    write_norms(some, tolerance, {part(out.squared), part(out.exact)});
  }
  return out;
}

// Nanoseconds on one core with vectors of 64 bytes, fitted to calls with M from 10 to 1024 and D
// from 2 to 784 (within a third of all but the smallest); narrower vectors slow both forms alike.
bool gram_is_cheaper(std::int64_t sets, const Tensor& points) {
  const auto m = static_cast<double>(points.size(-2)), d = static_cast<double>(points.size(-1));
  const double lanes = points.scalar_type() == at::kDouble ? 8 : 16;
  const double jacobians =
      std::ceil(m / lanes) * (0.32 * m * (d * d + 8 * d + 40) + 1.5 * d * d) + 400;
  const double upper = 0.5 * (1 + std::min(1.0, kTile / m));  // share of the tiles in quartic()
  const double blocks = std::ceil(m / std::max(d, 256.0));
  const double flops = m * m * (2 * m * upper + 4 * d * upper * blocks + 12 * d);
  const double products = 9000 + 12 * m * d + 6 * m * m + flops / 42;
  constexpr double kCall = 130e3;  // some sixty tensor operations
  return static_cast<double>(sets) * (jacobians - products) > kCall;
}

}  // namespace ergon::stein::internal
