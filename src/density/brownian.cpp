#include "ergon/density/brownian.hpp"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr std::int64_t kSteps = 30;
constexpr double kSeen = 20.0;
constexpr double kPriorScale = 2.0;  // of log σ
constexpr double kReferenceLogZ = 1.18775;
constexpr double kReferenceError = 1e-6;

constexpr std::array<double, 10> kFirstTen = {.21592641,  .118771404, -.07945447, .037677474,
                                              -.27885845, -.1484156,  -.3250906,  -.22957903,
                                              -.44110894, -.09830782};
constexpr std::array<double, 10> kLastTen = {-.8786016, -.83736074, -.7384849,  -.8939254,
                                             -.7774566, -.70238715, -.87771565, -.51853573,
                                             -.6948214, -.6202789};

/// (30): the first ten, ten times `middle`, the last ten.
template <class Value>
Tensor around_the_gap(Value value) {
  const Tensor path = at::zeros({kSteps}, at::kDouble);
  for (std::size_t t = 0; t < kFirstTen.size(); ++t) {
    path.data_ptr<double>()[t] = value(kFirstTen[t]);
    path.data_ptr<double>()[t + 20] = value(kLastTen[t]);
  }
  return path;
}

/// A scale σ = softplus(u) (..., n, 1): its logarithm, inverse, and d log σ / du.
struct Scale {
  Tensor log_value;
  Tensor inverse;
  Tensor log_prior;  ///< log LogNormal(σ; 0, 2) + log dσ/du, (..., n, 1)
  Tensor u;

  explicit Scale(const Tensor& coordinate) : u(coordinate) {
    const Tensor value =
        -at::log_sigmoid(-u);  // softplus without a threshold: smooth to the last bit
    log_value = value.log();
    inverse = value.reciprocal();
    log_prior = -0.5 * (log_value / kPriorScale).square() - log_value -
                (0.5 * kLog2Pi + std::log(kPriorScale)) + at::log_sigmoid(u);
  }

  /// Derivative by u of log_prior + f, given df / d log σ.
  Tensor score(const Tensor& by_log_value) const {
    const Tensor total = by_log_value - 1.0 - log_value / (kPriorScale * kPriorScale);
    return total * at::sigmoid(u) * inverse + at::sigmoid(-u);
  }
};

}  // namespace

Brownian::Brownian()
    : observed_(around_the_gap([](double y) { return y; })),
      seen_(around_the_gap([](double) { return 1.0; })) {}

Tensor Brownian::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Brownian::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Scale step(x.narrow(-1, 0, 1));
  const Scale noise(x.narrow(-1, 1, 1));
  const Tensor path = x.narrow(-1, 2, kSteps);
  const Tensor before = at::constant_pad_nd(path.narrow(-1, 0, kSteps - 1), {1, 0});
  const Tensor moves = (path - before) * step.inverse;
  const Tensor misses = (observed_.like(x) - path) * seen_.like(x) * noise.inverse;
  const Tensor move_energy = moves.square().sum(-1, /*keepdim=*/true);
  const Tensor miss_energy = misses.square().sum(-1, /*keepdim=*/true);
  const double count = static_cast<double>(kSteps);
  const Tensor value = step.log_prior + noise.log_prior - 0.5 * (move_energy + miss_energy) -
                       count * step.log_value - kSeen * noise.log_value -
                       0.5 * (count + kSeen) * kLog2Pi;
  const Tensor pull = moves * step.inverse;
  const Tensor pull_of_next = at::constant_pad_nd(pull.narrow(-1, 1, kSteps - 1), {0, 1});
  const Tensor path_score = pull_of_next - pull + misses * noise.inverse;
  return {
      value.squeeze(-1),
      at::cat({step.score(move_energy - count), noise.score(miss_energy - kSeen), path_score}, -1)};
}

KnownAnswers Brownian::known() const {
  KnownAnswers answers;
  answers.log_z = kReferenceLogZ;
  answers.log_z_standard_error = kReferenceError;
  return answers;
}

}  // namespace ergon
