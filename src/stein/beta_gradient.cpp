#include "beta_gradient.hpp"

#include <cmath>
#include <vector>

#include "ergon/core/workers.hpp"

namespace ergon::stein {
namespace {

// βr² from which on κ is no more than the rounding of anything.
constexpr double kVanished = 1500;

// d/dβ of κ q over c, with g = s_j + βe:
//   q = F̄ᵀg + T̄ (βD - β gᵀe) + K̄ + Σ_p β [J̄ᵀv - J̄ᵀg eᵀv].
template <class Real>
double pair_gradient(const PassUpstream<Real>& u,
                     const PassScalars<Real>& s,
                     std::int64_t i,
                     std::int64_t j) {
  const double beta = static_cast<double>(s.beta);
  const Real *x = u.points + i * s.dim, *y = u.points + j * s.dim, *score = u.score + j * s.dim;
  const auto difference = [&](std::int64_t k) {
    return static_cast<double>(x[k]) - static_cast<double>(y[k]);
  };
  double squared = 0;
  for (std::int64_t k = 0; k < s.dim; ++k) squared += difference(k) * difference(k);
  if (!(beta * squared < kVanished)) return 0;
  double upward_score = 0, upward_e = 0, score_e = 0;
  for (std::int64_t k = 0; k < s.dim; ++k) {
    const double upward = u.velocity_grad[i * s.dim + k], e = difference(k);
    upward_score += upward * score[k];
    upward_e += upward * e;
    score_e += score[k] * e;
  }
  const double trace = u.trace_grad != nullptr ? u.trace_grad[i] : 0;
  double q = upward_score + beta * upward_e;
  double slope = upward_e + trace * (static_cast<double>(s.dim) - score_e - 2 * beta * squared);
  q += beta * trace * (static_cast<double>(s.dim) - score_e - beta * squared);
  if (u.kernel_grad != nullptr) q += u.kernel_grad[i];
  for (std::int64_t p = 0; p < u.probes; ++p) {
    const std::int64_t at = (p * u.count + i) * s.dim;
    double inner = 0, grad_score = 0, grad_e = 0, vector_e = 0;
    for (std::int64_t k = 0; k < s.dim; ++k) {
      const double grad = u.products_grad[at + k], v = u.vectors[at + k], e = difference(k);
      inner += grad * v, grad_score += grad * score[k], grad_e += grad * e, vector_e += v * e;
    }
    const double product = inner - (grad_score + beta * grad_e) * vector_e;
    q += beta * product;
    slope += product - beta * grad_e * vector_e;
  }
  return std::exp(-0.5 * beta * squared) * (slope - 0.5 * squared * q);
}

}  // namespace

template <class Real>
double beta_gradient(const PassUpstream<Real>& u, const PassScalars<Real>& s) {
  std::vector<double> rows(static_cast<std::size_t>(u.count), 0.0);
  parallel_over(u.count, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < u.count; ++j)
      if (j != i) rows[i] += pair_gradient(u, s, i, j);
  });
  double sum = 0;
  for (const double row : rows) sum += row;
  return static_cast<double>(s.scale) * sum;
}

template double beta_gradient(const PassUpstream<float>&, const PassScalars<float>&);
template double beta_gradient(const PassUpstream<double>&, const PassScalars<double>&);

}  // namespace ergon::stein
