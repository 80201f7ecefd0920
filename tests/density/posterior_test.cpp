#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/importance.hpp"
#include "density/targets.hpp"
#include "ergon/density/brownian.hpp"
#include "ergon/density/seeds.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::laplace_importance;
using testing::named;

/// A density with its first coordinates held at given values.
class Conditioned : public LogDensity {
 public:
  Conditioned(const LogDensity& joint, Tensor first) : joint_(joint), first_(std::move(first)) {}
  std::int64_t dim() const override { return joint_.dim() - first_.size(0); }
  Tensor log_density(const Tensor& x) const override { return joint_.log_density(whole(x)); }
  LogDensityAndScore log_density_and_score(const Tensor& x) const override {
    const auto both = joint_.log_density_and_score(whole(x));
    return {both.log_density, both.score.narrow(-1, first_.size(0), dim())};
  }

 private:
  Tensor whole(const Tensor& x) const {
    auto shape = x.sizes().vec();
    shape.back() = first_.size(0);
    return at::cat({first_.expand(shape), x}, -1);
  }
  const LogDensity& joint_;
  Tensor first_;
};

/// What is left of Brownian when the path is integrated out by hand: y ~ N(0, σ_in² K + σ_ob² I),
/// K_ij = min(t_i, t_j) + 1.
struct BrownianMarginal {
  Tensor eigenvalues;  ///< (20) of K
  Tensor rotated;      ///< (20) y in K's eigenbasis

  BrownianMarginal() {
    const std::vector<double> y = {.21592641,  .118771404, -.07945447, .037677474, -.27885845,
                                   -.1484156,  -.3250906,  -.22957903, -.44110894, -.09830782,
                                   -.8786016,  -.83736074, -.7384849,  -.8939254,  -.7774566,
                                   -.70238715, -.87771565, -.51853573, -.6948214,  -.6202789};
    const Tensor t =
        at::cat({at::arange(0, 10, at::kDouble), at::arange(20, 30, at::kDouble)}) + 1.0;
    const auto [values, vectors] = at::linalg_eigh(at::minimum(t.unsqueeze(0), t.unsqueeze(1)));
    eigenvalues = values;
    rotated = at::matmul(at::tensor(at::ArrayRef<double>(y), at::kDouble), vectors);
  }

  /// log p(y | σ_in, σ_ob) for a = log σ_in, b = log σ_ob of one shape.
  Tensor operator()(const Tensor& a, const Tensor& b) const {
    const Tensor variance =
        (2.0 * a).exp().unsqueeze(-1) * eigenvalues + (2.0 * b).exp().unsqueeze(-1);
    return -0.5 * ((2 * M_PI * variance).log() + rotated.square() / variance).sum(-1);
  }
};

Tensor log_normal_prior(const Tensor& log_scale) {  // of log σ ~ N(0, 2²)
  return -0.125 * log_scale.square() - std::log(2.0) - 0.5 * std::log(2 * M_PI);
}

TEST(DensityBrownian, ThePathIntegratesOutToTheGaussianMarginal) {
  const Brownian target;
  const BrownianMarginal marginal;
  for (const auto& [u_in, u_ob] :
       std::vector<std::pair<double, double>>{{-2, -2}, {0.5, -1}, {-3, 1}, {4, 3}}) {
    const Tensor u = at::tensor({u_in, u_ob}, at::kDouble);
    const Conditioned path(target, u);  // Gaussian in the path: Laplace's formula is exact
    const Tensor mode = testing::find_mode(path, at::zeros({1, 30}, at::kDouble));
    const Tensor root = at::linalg_cholesky(-path.hessian(mode)[0]);
    const double integral = path.log_density(mode).item<double>() + 15 * std::log(2 * M_PI) -
                            root.diagonal().log().sum().item<double>();
    const Tensor log_scale = at::log1p(u.exp()).log();
    // Density of u: that of log σ times d log σ / du = sigmoid(u) / σ.
    const Tensor prior = log_normal_prior(log_scale) + at::log_sigmoid(u) - log_scale;
    const double expected = (prior.sum() + marginal(log_scale[0], log_scale[1])).item<double>();
    EXPECT_NEAR(integral, expected, 1e-9) << u_in << " " << u_ob;
  }
}

TEST(DensityBrownian, TheReferenceLogNormaliserIsTheQuadratureOfTheMarginal) {
  constexpr double kStep = 0.05;
  const Tensor line = at::arange(-16.0, 16.0, kStep, at::kDouble);
  const auto axes = at::meshgrid({line, line}, "ij");
  const Tensor log_joint =
      BrownianMarginal()(axes[0], axes[1]) + log_normal_prior(axes[0]) + log_normal_prior(axes[1]);
  const double log_z =
      at::logsumexp(log_joint.view({-1}), {0}).item<double>() + 2 * std::log(kStep);
  EXPECT_NEAR(log_z, *Brownian().known().log_z, 1e-5);
}

TEST(DensitySeeds, TheLogDensityAtZeroIsTheFormula) {
  // All coordinates 0: τ = 1, every plate germinates with probability 1/2.
  const std::vector<double> planted = {39, 62, 81, 51, 39, 6,  74, 72, 51, 79, 13,
                                       16, 30, 28, 45, 4,  12, 41, 30, 51, 7};
  const std::vector<double> germinated = {10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10,
                                          8,  10, 8,  23, 0,  3, 22, 15, 32, 3};
  double expected =
      0.01 * std::log(0.01) - std::lgamma(0.01) - 0.01;  // Gamma(0.01, 0.01) at τ = 1, Jacobian 1
  expected += 4 * (-std::log(10) - 0.5 * std::log(2 * M_PI)) - 21 * 0.5 * std::log(2 * M_PI);
  for (std::size_t i = 0; i < planted.size(); ++i) {
    for (double k = 1; k <= germinated[i]; ++k)
      expected += std::log((planted[i] - germinated[i] + k) / k);
    expected -= planted[i] * std::log(2.0);
  }
  EXPECT_NEAR(Seeds().log_density(at::zeros({1, 26}, at::kDouble)).item<double>(), expected, 1e-9);
}

TEST(DensitySeeds, TheReferenceLogNormaliserIsReproduced) {
  constexpr double kStep = 0.3;
  constexpr std::int64_t kDraws = 3000;
  const Seeds target;
  std::vector<double> values;
  std::vector<double> errors;
  for (double u = -3.0; u < 10.0;
       u += kStep) {  // trapezoid in u = log τ; the rest is log-concave given u
    const Conditioned rest(target, at::full({1}, u, at::kDouble));
    const auto part =
        laplace_importance(rest, kDraws, Seed(11).child("u", values.size()).generator());
    values.push_back(part.value);
    errors.push_back(part.standard_error);
  }
  const double peak = *std::max_element(values.begin(), values.end());
  double sum = 0.0;
  double variance = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double part = std::exp(values[i] - peak);
    sum += part;
    variance += part * part * errors[i] * errors[i];
  }
  const double log_z = peak + std::log(sum * kStep);
  const double error = std::hypot(std::sqrt(variance) / sum, 0.0008);
  EXPECT_LT(error, 0.01);
  EXPECT_NEAR(log_z, *target.known().log_z, 4 * error);
}

TEST(DensityLogistic, GermanCreditHasItsReferenceEvidence) {
  TargetOptions options = named("logistic");
  options.data_file = testing::shared_data("german_credit.csv");
  if (!std::ifstream(options.data_file)) GTEST_SKIP() << "no " << options.data_file;
  options.scaling = Scaling::kScale;
  options.prior_scale = 10;
  const auto target = make_target(options);
  ASSERT_EQ(target->dim(), 25);
  const auto evidence = laplace_importance(*target, 40000, Seed(12).generator());
  EXPECT_LT(evidence.standard_error, 0.01);
  EXPECT_NEAR(evidence.value, -585.097, 4 * std::hypot(evidence.standard_error, 0.002));
}

TEST(DensityLogistic, IonosphereHasItsReferenceEvidenceThroughItsConstantColumn) {
  TargetOptions options = named("logistic");
  options.data_file = testing::shared_data("ionosphere.csv");
  if (!std::ifstream(options.data_file)) GTEST_SKIP() << "no " << options.data_file;
  EXPECT_THROW(make_target(options), InvalidInput);
  options.scaling = Scaling::kStandardizeKeepConstant;
  const auto target = make_target(options);
  ASSERT_EQ(target->dim(), 35);
  const auto evidence = laplace_importance(*target, 40000, Seed(13).generator());
  EXPECT_LT(evidence.standard_error, 0.05);
  EXPECT_NEAR(evidence.value, -111.615, 4 * std::hypot(evidence.standard_error, 0.004));
}

}  // namespace
}  // namespace ergon
