#include "ergon/density/correlated_mixture.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <cmath>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kQuadratureReach = 8.4;  // standard deviations: exp(-35)
constexpr double kNodesPerDeviation = 7.0;

Tensor exact(const Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble); }

/// L_k with L_k L_kᵀ = C_k.
Tensor roots_of(const Tensor& means, const Tensor& covariances) {
  const bool fits = means.dim() == 2 && covariances.dim() == 3 && means.numel() > 0 &&
                    covariances.size(0) == means.size(0) && covariances.size(1) == means.size(1) &&
                    covariances.size(2) == means.size(1);
  require(fits, "a mixture needs means (K, D) and covariances (K, D, D), not ({}) and ({})",
          fmt::join(means.sizes(), ", "), fmt::join(covariances.sizes(), ", "));
  const Tensor given = exact(covariances);
  const auto [roots, info] = at::linalg_cholesky_ex(given);
  require((info == 0).all().item<bool>() && given.equal(given.transpose(-1, -2)),
          "every covariance of a mixture must be symmetric and positive definite");
  return roots;
}

Tensor log_weights_of(const Tensor& roots) {
  const Tensor log_det = roots.diagonal(0, -2, -1).log().sum(-1);
  return -log_det - 0.5 * static_cast<double>(roots.size(-1)) * kLog2Pi -
         std::log(static_cast<double>(roots.size(0)));
}

/// Σ_k r_k a_k, (..., n, K) and (..., n, K, D) -> (..., n, D).
Tensor mixed(const Tensor& responsibility, const Tensor& by_component) {
  return at::matmul(responsibility.unsqueeze(-2), by_component).squeeze(-2);
}

/// P_k a_k for every component, (..., n, K, D); a may have one component for all.
Tensor times_precision(const Tensor& precisions, const Tensor& a) {
  return at::matmul(precisions, a.unsqueeze(-1)).squeeze(-1);
}

}  // namespace

CorrelatedMixture::CorrelatedMixture(std::string name,
                                     const Tensor& means,
                                     const Tensor& covariances)
    : name_(std::move(name)),
      means_(means),
      covariances_(exact(covariances)),
      roots_(roots_of(means, covariances)),
      precisions_(at::cholesky_inverse(roots_)),
      log_weights_(log_weights_of(roots_)) {}

CorrelatedMixture::Components CorrelatedMixture::components(const Tensor& x) const {
  require_points(x);
  const Tensor offset = means_.like(x) - x.unsqueeze(-2);
  const Tensor scores = times_precision(precisions_.like(x), offset);
  return {scores, log_weights_.like(x) - 0.5 * (offset * scores).sum(-1)};
}

Tensor CorrelatedMixture::log_density(const Tensor& x) const {
  return at::logsumexp(components(x).log_joint, {-1});
}

LogDensityAndScore CorrelatedMixture::log_density_and_score(const Tensor& x) const {
  const Components parts = components(x);
  const Tensor log_p = at::logsumexp(parts.log_joint, {-1}, /*keepdim=*/true);
  return {log_p.squeeze(-1), mixed((parts.log_joint - log_p).exp(), parts.scores)};
}

Tensor CorrelatedMixture::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  const Components parts = components(x);
  const Tensor responsibility = at::softmax(parts.log_joint, -1);
  const Tensor score = mixed(responsibility, parts.scores);
  const Tensor direction = v.unsqueeze(-2);
  const Tensor along = (parts.scores * direction).sum(-1, /*keepdim=*/true);
  const Tensor by_component =
      parts.scores * along - times_precision(precisions_.like(x), direction);
  return mixed(responsibility, by_component) - score * (score * v).sum(-1, /*keepdim=*/true);
}

double CorrelatedMixture::entropy_by_quadrature() const {
  const Tensor deviations = covariances_.diagonal(0, -2, -1).sqrt();  // (K, D)
  const Tensor low = (means_.exact() - kQuadratureReach * deviations).amin(0);
  const Tensor high = (means_.exact() + kQuadratureReach * deviations).amax(0);
  // The narrowest direction of any component, also across the coordinates.
  const double narrowest = std::sqrt(at::linalg_eigvalsh(covariances_).min().item<double>());
  const double step = narrowest / kNodesPerDeviation;
  const Tensor second =
      at::arange(low[1].item<double>(), high[1].item<double>(), step, at::kDouble);
  double sum = 0.0;
  for (double first = low[0].item<double>(); first < high[0].item<double>(); first += step) {
    const Tensor log_p = log_density(at::stack({at::full_like(second, first), second}, -1));
    sum -= (log_p.exp() * log_p).sum().item<double>();
  }
  return sum * step * step;
}

KnownAnswers CorrelatedMixture::known() const {
  const Tensor& means = means_.exact();
  const Tensor mean = means.mean(0);
  const Tensor offset = means - mean;
  KnownAnswers answers;
  answers.log_z = 0.0;
  answers.mean = mean;
  answers.covariance =
      covariances_.mean(0) + at::matmul(offset.t(), offset) / static_cast<double>(means.size(0));
  if (dim() == 2) {
    std::call_once(entropy_once_, [this] { entropy_ = entropy_by_quadrature(); });
    answers.entropy = entropy_;
  }
  return answers;
}

std::optional<Tensor> CorrelatedMixture::sample(std::int64_t count, Generator generator) const {
  const Tensor component = draw::integers(count, means_.exact().size(0), generator);
  const Tensor noise =
      draw::normal_like(at::empty({count, dim()}, at::kDouble), std::move(generator));
  const Tensor roots = roots_.index_select(0, component);
  return means_.exact().index_select(0, component) +
         at::matmul(roots, noise.unsqueeze(-1)).squeeze(-1);
}

std::optional<Tensor> CorrelatedMixture::modes() const {
  if (means_.exact().size(0) > kMaxModes) return std::nullopt;
  return means_.exact().clone();
}

std::unique_ptr<Target> make_challenging_mixture(const TargetOptions& options) {
  const auto tensor = [](const std::vector<double>& values) {
    return at::tensor(at::ArrayRef<double>(values), at::kDouble);
  };
  const Tensor means = tensor({3, 0, -2.5, 0, 2, 3}).view({3, 2});
  const Tensor covariances = tensor({.7, 0, 0, .05, .7, 0, 0, .05, 1, .95, .95, 1}).view({3, 2, 2});
  return std::make_unique<CorrelatedMixture>(options.name, at::cat({means, means.flip({-1})}),
                                             at::cat({covariances, covariances.flip({-2, -1})}));
}

}  // namespace ergon
