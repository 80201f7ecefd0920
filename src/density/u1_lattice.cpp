#include "ergon/density/u1_lattice.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kSmallBeta = 1e-9;  // below it I_0 = 1 and I_1 = β / 2 to the last bit

/// e^{-β} I_n(β) for n = 0, 1, ... until they vanish: downward recurrence I_{n-1} = I_{n+1} +
/// (2n/β) I_n (Miller's algorithm), normalised by I_0 + 2 Σ I_n = e^β.
std::vector<double> scaled_bessel(double beta) {
  if (beta < kSmallBeta) return {1.0 - beta, 0.5 * beta};
  const auto start = static_cast<std::size_t>(60.0 + 12.0 * std::sqrt(beta) + beta);
  std::vector<double> values(start + 1, 0.0);
  double above = 0.0;
  double here = 1e-300;
  for (std::size_t n = start; n > 0; --n) {
    values[n] = here;
    const double below = above + 2.0 * static_cast<double>(n) / beta * here;
    above = here;
    here = below;
    if (here < 1e200) continue;
    above *= 1e-250;
    here *= 1e-250;
    for (std::size_t m = n; m <= start; ++m) values[m] *= 1e-250;
  }
  values[0] = here;
  double total = values[0];
  for (std::size_t n = 1; n <= start; ++n) total += 2.0 * values[n];
  for (double& value : values) value /= total;
  return values;
}

/// Σ_n (I_n / I_0)^V over all integers n, and that sum's weighted mean of (log I_n)' = I_n' / I_n
/// with I_n' = (I_{n-1} + I_{n+1}) / 2.
struct CharacterSum {
  double sum;
  double mean_slope;
};

CharacterSum character_sum(const std::vector<double>& bessel, double plaquettes) {
  const auto value = [&](std::size_t n) { return n < bessel.size() ? bessel[n] : 0.0; };
  CharacterSum result{1.0, value(1) / value(0)};
  for (std::size_t n = 1; n < bessel.size(); ++n) {
    const double weight = 2.0 * std::pow(value(n) / value(0), plaquettes);
    if (weight == 0.0) break;
    result.sum += weight;
    result.mean_slope += weight * 0.5 * (value(n - 1) + value(n + 1)) / value(n);
  }
  result.mean_slope /= result.sum;
  return result;
}

}  // namespace

U1Lattice::U1Lattice(std::int64_t side, double beta) : side_(side), beta_(beta) {
  require(side >= 1, "lattice = {} must be at least 1", side);
  require(std::isfinite(beta) && beta >= 0, "beta = {} must be a finite number, at least 0", beta);
}

Tensor U1Lattice::angles(const Tensor& x) const {
  require_points(x);
  return kPi * (0.5 * x).tanh();  // 2π σ(u) - π
}

Tensor U1Lattice::plaquettes(const Tensor& angles) const {
  require_points(angles);
  auto shape = angles.sizes().vec();
  shape.back() = 2;
  shape.insert(shape.end(), {side_, side_});
  const Tensor links = angles.reshape(shape);
  const Tensor down = links.select(-3, 0);
  const Tensor right = links.select(-3, 1);
  return down + at::roll(right, -1, -2) - at::roll(down, -1, -1) - right;
}

Tensor U1Lattice::to_links(const Tensor& by_plaquette) const {
  const Tensor down = by_plaquette - at::roll(by_plaquette, 1, -1);
  const Tensor right = at::roll(by_plaquette, 1, -2) - by_plaquette;
  auto shape = by_plaquette.sizes().vec();
  shape.pop_back();
  shape.back() = dim();
  return at::stack({down, right}, -3).reshape(shape);
}

Tensor U1Lattice::log_density(const Tensor& x) const {
  const Tensor action = plaquettes(angles(x)).cos().sum({-2, -1});
  return beta_ * action + (at::log_sigmoid(x) + at::log_sigmoid(-x)).sum(-1) +
         static_cast<double>(dim()) * kLog2Pi;
}

/// dθ/du = 2π σ(u) σ(-u), and the derivative of its logarithm is 1 - 2σ(u) = -tanh(u/2).
LogDensityAndScore U1Lattice::log_density_and_score(const Tensor& x) const {
  const Tensor turn = 2.0 * kPi * at::sigmoid(x) * at::sigmoid(-x);
  const Tensor by_angle = -beta_ * to_links(plaquettes(angles(x)).sin());
  return {log_density(x), turn * by_angle - (0.5 * x).tanh()};
}

Tensor U1Lattice::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  const Tensor fall = at::sigmoid(x) * at::sigmoid(-x);
  const Tensor turn = 2.0 * kPi * fall;
  const Tensor plaquette = plaquettes(angles(x));
  const Tensor by_angle = -beta_ * to_links(plaquette.sin());
  const Tensor bend = -beta_ * to_links(plaquette.cos() * plaquettes(turn * v));
  return turn * bend - (turn * (0.5 * x).tanh() * by_angle + 2.0 * fall) * v;
}

double U1Lattice::mean_plaquette() const {
  const auto count = static_cast<double>(side_ * side_);
  return character_sum(scaled_bessel(beta_), count).mean_slope;
}

KnownAnswers U1Lattice::known() const {
  const auto bessel = scaled_bessel(beta_);
  const auto count = static_cast<double>(side_ * side_);
  const auto d = static_cast<double>(dim());
  const CharacterSum characters = character_sum(bessel, count);
  KnownAnswers answers;
  const double log_z =
      d * kLog2Pi + count * (beta_ + std::log(bessel[0])) + std::log(characters.sum);
  answers.log_z = log_z;
  // A link is uniform: E[log dθ/du] = log 2π - 2 for each.
  answers.entropy = log_z - beta_ * count * characters.mean_slope - d * (kLog2Pi - 2.0);
  answers.mean = at::zeros({dim()}, at::kDouble);
  answers.covariance = kPi * kPi / 3.0 * at::eye(dim(), at::kDouble);
  return answers;
}

}  // namespace ergon
