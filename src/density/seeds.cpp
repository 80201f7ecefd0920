#include "ergon/density/seeds.hpp"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr std::int64_t kPlates = 21;
constexpr std::int64_t kCoefficients = 4;
constexpr double kShape = 0.01;  // of the Gamma prior, and its rate
constexpr double kPriorScale = 10.0;
constexpr double kReferenceLogZ = -73.4060;
constexpr double kReferenceError = 0.0008;

constexpr std::array<double, kPlates> kGerminated = {10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10,
                                                     8,  10, 8,  23, 0,  3, 22, 15, 32, 3};
constexpr std::array<double, kPlates> kPlanted = {39, 62, 81, 51, 39, 6,  74, 72, 51, 79, 13,
                                                  16, 30, 28, 45, 4,  12, 41, 30, 51, 7};
constexpr std::array<double, kPlates> kSeedType = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                   1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
constexpr std::array<double, kPlates> kRootExtract = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
                                                      0, 0, 0, 0, 0, 1, 1, 1, 1, 1};

Tensor as_vector(const std::array<double, kPlates>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble);
}

Tensor design() {
  const Tensor type = as_vector(kSeedType);
  const Tensor extract = as_vector(kRootExtract);
  return at::stack({at::ones_like(type), type, extract, type * extract}, 1);
}

double log_norm() {
  double total = kShape * std::log(kShape) - std::lgamma(kShape);
  total -= static_cast<double>(kCoefficients) * (0.5 * kLog2Pi + std::log(kPriorScale));
  total -= 0.5 * static_cast<double>(kPlates) * kLog2Pi;
  for (std::size_t i = 0; i < kPlanted.size(); ++i) {
    const double failed = kPlanted[i] - kGerminated[i];
    total +=
        std::lgamma(kPlanted[i] + 1) - std::lgamma(kGerminated[i] + 1) - std::lgamma(failed + 1);
  }
  return total;
}

}  // namespace

Seeds::Seeds()
    : design_(design()),
      germinated_(as_vector(kGerminated)),
      planted_(as_vector(kPlanted)),
      log_norm_(log_norm()) {}

Tensor Seeds::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Seeds::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor u = x.narrow(-1, 0, 1);
  const Tensor a = x.narrow(-1, 1, kCoefficients);
  const Tensor b = x.narrow(-1, 1 + kCoefficients, kPlates);
  const Tensor precision = u.exp();
  const Tensor logit = at::matmul(a, design_.like(x).t()) + b;
  const Tensor germinated = germinated_.like(x);
  const Tensor planted = planted_.like(x);
  const Tensor log_likelihood =
      germinated * at::log_sigmoid(logit) + (planted - germinated) * at::log_sigmoid(-logit);
  const double by_u = kShape + 0.5 * static_cast<double>(kPlates);
  const Tensor by_precision = kShape + 0.5 * b.square().sum(-1, /*keepdim=*/true);
  const Tensor scale_part = (by_u * u - precision * by_precision).squeeze(-1);
  const double a_precision = 1.0 / (kPriorScale * kPriorScale);
  const Tensor value =
      log_likelihood.sum(-1) + scale_part - 0.5 * a_precision * a.square().sum(-1) + log_norm_;
  const Tensor residual = germinated - planted * at::sigmoid(logit);
  return {value, at::cat({by_u - precision * by_precision,
                          at::matmul(residual, design_.like(x)) - a_precision * a,
                          residual - precision * b},
                         -1)};
}

KnownAnswers Seeds::known() const {
  KnownAnswers answers;
  answers.log_z = kReferenceLogZ;
  answers.log_z_standard_error = kReferenceError;
  return answers;
}

}  // namespace ergon
