#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "pair_function.hpp"

namespace ergon::stein {
namespace {

// Rows at a time where no graph is wanted.
constexpr std::int64_t kTileRows = 512;

// What products with ∇φ at fixed points share.
struct FieldProduct {
  Tensor x;           // (S, n, D)  less the support's mean
  Tensor points;      // (S, M, D)  likewise
  Tensor score;       // (S, M, D)
  Tensor beta;        // (S, 1, 1)
  Tensor slope;       // (S, 1, 1)  β / |B|
  Tensor kernel;      // (S, n, M)
  Tensor kernel_sum;  // (S, n, 1)
};

FieldProduct field_product(const PairInputs& in) {
  FieldProduct f;
  f.beta = in.beta.view({-1, 1, 1});
  Tensor points = in.points, count = at::full_like(f.beta.detach(), double(in.points.size(1)));
  f.score = in.score;
  if (in.alive.defined()) {
    const Tensor rows = in.alive.unsqueeze(-1);
    points = at::where(rows, points, at::zeros_like(points));
    f.score = at::where(rows, f.score, at::zeros_like(f.score));
    count = in.alive.sum(-1).view_as(f.beta).to(f.beta.scalar_type());
  }
  const Tensor mean = points.detach().sum(1, true) / count;
  f.x = in.x - mean;
  f.points = points - mean;
  f.kernel = (at::cdist(f.x, f.points, 2, /*compute_mode=*/2).pow(2) * (-0.5 * f.beta)).exp();
  if (in.alive.defined()) f.kernel = f.kernel * in.alive.unsqueeze(1);
  f.kernel_sum = f.kernel.sum(-1, true);
  f.slope = f.beta / count;
  return f;
}

// ∇φ v = (β/|B|) [ Σκ v - W S - β (diag(W1) X - W X_B) ],  w_ij = κ_ij d_ijᵀ v_i. (24)
Tensor apply(const FieldProduct& f, const Tensor& v) {
  const Tensor along = (f.x * v).sum(-1, true) - at::matmul(v, f.points.transpose(-1, -2));
  const Tensor w = f.kernel * along;
  const Tensor spread = w.sum(-1, true) * f.x - at::matmul(w, f.points);
  return f.slope * (f.kernel_sum * v - at::matmul(w, f.score) - f.beta * spread);
}

// The chance to go on to the next term. At least α = ε Lip: the k-th term shrinks as α^k / k, so
// that the weighted terms stay bounded.
double chance_to_continue(const PairInputs& in) {
  const at::NoGradGuard no_grad;
  const Tensor lipschitz = lipschitz_bound({in.points, in.score, in.beta.pow(-0.5), in.alive});
  const Tensor rate = at::where(in.step == 0, in.step, in.step.abs() * lipschitz);
  return std::clamp(rate.max().item<double>(), 0.1, 0.999);
}

// How far one estimate goes.
struct Roulette {
  std::int64_t terms;   // certain
  double chance;        // to go on to each further one
  std::int64_t length;  // drawn
};

Roulette spin(std::int64_t terms, double chance, Generator generator) {
  const double u = draw::uniform_like(at::empty({1}, at::kDouble), generator).item<double>();
  const double more = std::floor(std::log(std::max(u, 1e-300)) / std::log(chance));
  return {terms, chance, terms + static_cast<std::int64_t>(more)};
}

// One probe's estimate (S, n).
Tensor one_probe(const FieldProduct& f,
                 const Tensor& step,
                 const Tensor& probe,
                 Roulette roulette) {
  Tensor power = probe, sum = at::zeros(probe.sizes().slice(0, 2), probe.options());
  double reached = 1;  // the probability that term k is there
  for (std::int64_t k = 1; k <= roulette.length; ++k) {
    if (k > roulette.terms) reached *= roulette.chance;
    power = step * apply(f, power);
    const double sign = k % 2 == 1 ? 1 : -1;
    sum = sum + (probe * power).sum(-1) * (sign / (static_cast<double>(k) * reached));
  }
  return sum;
}

PairInputs rows_of(PairInputs in, std::int64_t first, std::int64_t count) {
  in.x = in.x.narrow(1, first, count);
  return in;
}

}  // namespace

Pushed push_forward_series(const Support& support,
                           const Tensor& step_size,
                           const Tensor& x,
                           std::int64_t terms,
                           std::int64_t probes,
                           Generator generator) {
  constexpr char kWhat[] = "stein::push_forward_series";
  const PairInputs in = pair_inputs(support, step_size, x, kWhat);
  require(terms >= 1 && probes >= 1, "{}: terms and probes must be at least 1, got {} and {}",
          kWhat, terms, probes);
  require_certified(in, kWhat);
  const Tensor step = in.step.view({-1, 1, 1});
  const double chance = chance_to_continue(in);
  const bool graph = at::GradMode::is_enabled();
  const std::int64_t rows = in.x.size(1),
                     tile = graph ? std::max<std::int64_t>(rows, 1) : kTileRows;
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < rows; first += tile) {
    const PairInputs part = rows_of(in, first, std::min(tile, rows - first));
    const FieldProduct f = field_product(part);
    Tensor sum = at::zeros({in.x.size(0), part.x.size(1)}, in.x.options());
    for (std::int64_t p = 0; p < probes; ++p) {
      const Tensor probe = draw::rademacher_like(part.x.detach(), generator);
      sum = sum + one_probe(f, step, probe, spin(terms, chance, generator));
    }
    parts.push_back(sum / static_cast<double>(probes));
  }
  const Tensor log_det = rows > 0 ? at::cat(parts, 1) : at::zeros_like(in.x.select(-1, 0));
  return {push_forward_points(support, step_size, x),
          log_det.view(x.sizes().slice(0, x.dim() - 1))};
}

}  // namespace ergon::stein
