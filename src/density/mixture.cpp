#include "ergon/density/mixture.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <cmath>
#include <utility>
#include <vector>

#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/published_uniform.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;

// Quadrature around a component, in its standard deviations. The integrand log p has its nearest
// kink, of width s/d for a neighbour at distance d, under a weight exp(-d²/8s²): with this step the
// error is at most 2e-9, and the cut tails weigh 1e-16.
constexpr double kQuadratureReach = 8.4;
constexpr double kQuadratureStep = 0.2;
constexpr std::int64_t kMaxComponentsForEntropy = 100;

constexpr std::int64_t kCoordinatesOneByOne = 8;
constexpr std::int64_t kGmm40Components = 40;
constexpr float kGmm40Reach = 40.0F;

Tensor equal_weights(const Tensor& means) { return at::ones({means.size(0)}, at::kDouble); }

Tensor as_rows(const std::vector<double>& values, std::int64_t columns) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).view({-1, columns});
}

Tensor normalised_log_weights(const Tensor& weights) {
  const Tensor exact = weights.detach().to(at::kCPU, at::kDouble);
  require((at::isfinite(exact) & (exact > 0)).all().item<bool>(),
          "mixture weights must be finite numbers above 0");
  return exact.log() - exact.sum().log();
}

/// ‖x - m_k‖², (..., n, D) and (K, D) -> (..., n, K). In few dimensions one coordinate after the
/// other: a sum over a short last dimension costs several times as much.
Tensor squared_distances(const Tensor& x, const Tensor& means) {
  if (x.size(-1) > kCoordinatesOneByOne) return (x.unsqueeze(-2) - means).square().sum(-1);
  Tensor total = (x.narrow(-1, 0, 1) - means.select(1, 0)).square();
  for (std::int64_t i = 1; i < x.size(-1); ++i) {
    total = total + (x.narrow(-1, i, 1) - means.select(1, i)).square();
  }
  return total;
}

Tensor means_from(const std::string& path) { return to_tensor(read_csv(path)); }

/// One weight per component, from a column or a row of numbers.
Tensor weights_from(const std::string& path, std::int64_t components) {
  const CsvTable table = read_csv(path);
  require((table.rows == 1 || table.cols == 1) &&
              static_cast<std::int64_t>(table.values.size()) == components,
          "{}: expected {} weights, one per component, in one row or one column; found {} x {}",
          path, components, table.rows, table.cols);
  for (const double weight : table.values) {
    require(weight > 0, "{}: every weight must be above 0, but one is {}", path, weight);
  }
  return to_tensor(table).reshape({-1});
}

Tensor circle_of_means(double radius) {
  return as_rows({radius, 0, 0, radius, -radius, 0, 0, -radius}, 2);
}

Tensor grid_of_means() {
  std::vector<double> values;
  for (int i = -2; i <= 2; ++i) {
    for (int j = -2; j <= 2; ++j) values.insert(values.end(), {2.0 * i, 2.0 * j});
  }
  return as_rows(values, 2);
}

Tensor gmm40_means_from(const TargetOptions& options) {
  if (options.means_file.empty()) return gmm40_means(options.dim.value_or(2));
  const Tensor means = means_from(options.means_file);
  require(means.size(0) == kGmm40Components,
          "{}: gmm40 has 40 means, one per row, but the file has {} rows", options.means_file,
          means.size(0));
  require(!options.dim || *options.dim == means.size(1),
          "{}: the means have {} coordinates but dim = {}", options.means_file, means.size(1),
          options.dim.value_or(0));
  return means;
}

}  // namespace

GaussianMixture::GaussianMixture(std::string name,
                                 const Tensor& means,
                                 const Tensor& weights,
                                 double stddev)
    : name_(std::move(name)),
      means_(means),
      log_weights_(normalised_log_weights(weights)),
      stddev_(stddev) {
  require(means.dim() == 2 && weights.dim() == 1 && weights.size(0) == means.size(0),
          "a mixture needs means (K, D) and weights (K), not {} and {}",
          fmt::join(means.sizes(), " x "), fmt::join(weights.sizes(), " x "));
  require(std::isfinite(stddev) && stddev > 0, "stddev = {} must be above 0", stddev);
}

std::optional<Tensor> GaussianMixture::modes() const {
  if (means().size(0) > kMaxModes) return std::nullopt;
  return means().clone();
}

Tensor GaussianMixture::weights() const { return log_weights_.exact().exp(); }

/// log w_k N(x; m_k, s² I), (..., n, K).
Tensor GaussianMixture::log_joint(const Tensor& x) const {
  require_points(x);
  const Tensor squared = squared_distances(x, means_.like(x));
  const double log_norm = -static_cast<double>(dim()) * (0.5 * kLog2Pi + std::log(stddev_));
  return squared * (-0.5 / (stddev_ * stddev_)) + (log_weights_.like(x) + log_norm);
}

Tensor GaussianMixture::log_density(const Tensor& x) const {
  return at::logsumexp(log_joint(x), {-1});
}

LogDensityAndScore GaussianMixture::log_density_and_score(const Tensor& x) const {
  const Tensor joint = log_joint(x);
  const Tensor log_p = at::logsumexp(joint, {-1}, /*keepdim=*/true);
  const Tensor centre = at::matmul((joint - log_p).exp(), means_.like(x));
  return {log_p.squeeze(-1), (centre - x) / (stddev_ * stddev_)};
}

Tensor GaussianMixture::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  const Tensor responsibility = at::softmax(log_joint(x), -1);
  const Tensor means = means_.like(x);
  const Tensor along = at::matmul(v, means.t());  // m_k·v
  const Tensor centred = along - (responsibility * along).sum(-1, /*keepdim=*/true);
  const double variance = stddev_ * stddev_;
  return (at::matmul(responsibility * centred, means) / variance - v) / variance;
}

double GaussianMixture::entropy_by_quadrature() const {
  const auto per_side = static_cast<std::int64_t>(std::lround(kQuadratureReach / kQuadratureStep));
  const Tensor line = at::arange(-per_side, per_side + 1, at::kDouble) * kQuadratureStep;
  const auto axes = at::meshgrid(std::vector<Tensor>(static_cast<std::size_t>(dim()), line), "ij");
  const Tensor local = at::stack(axes, -1).view({-1, dim()});
  Tensor mass = (-0.5 * local.square().sum(-1)).exp();
  mass = mass / mass.sum();
  const Tensor weight = weights();
  double entropy = 0.0;
  for (std::int64_t k = 0; k < means().size(0); ++k) {
    const Tensor log_p = log_density(means()[k] + stddev_ * local);
    entropy -= weight[k].item<double>() * (mass * log_p).sum().item<double>();
  }
  return entropy;
}

KnownAnswers GaussianMixture::known() const {
  const Tensor weight = weights().unsqueeze(-1);
  const Tensor mean = (weight * means()).sum(0);
  const Tensor offset = means() - mean;
  const Tensor within = stddev_ * stddev_ * at::eye(dim(), at::kDouble);
  KnownAnswers answers{0.0, std::nullopt, mean, within + at::matmul(offset.t(), weight * offset)};
  if (dim() <= 2 && means().size(0) <= kMaxComponentsForEntropy) {
    std::call_once(entropy_once_, [this] { entropy_ = entropy_by_quadrature(); });
    answers.entropy = entropy_;
  }
  return answers;
}

std::optional<Tensor> GaussianMixture::sample(std::int64_t count, Generator generator) const {
  const Tensor like = at::empty({count, dim()}, at::kDouble);
  const Tensor component = count > 0
                               ? at::multinomial(weights(), count, /*replacement=*/true, generator)
                               : at::empty({0}, at::kLong);
  const Tensor noise = draw::normal_like(like, std::move(generator));
  return means().index_select(0, component) + stddev_ * noise;
}

Tensor gmm40_means(std::int64_t dim) {
  return published_uniform(kGmm40Components, dim, -kGmm40Reach, kGmm40Reach);
}

std::unique_ptr<Target> make_mixture(const TargetOptions& options) {
  const auto mixture = [&](const Tensor& means, const Tensor& weights, double stddev) {
    return std::make_unique<GaussianMixture>(options.name, means, weights,
                                             options.stddev.value_or(stddev));
  };
  Tensor means;
  if (options.name == "mixture-4") {
    means = circle_of_means(options.radius.value_or(4.0));
  } else if (options.name == "mixture-25") {
    means = grid_of_means();
    return mixture(means, equal_weights(means), 0.3);
  } else if (options.name == "gmm40") {
    means = gmm40_means_from(options);
  } else {
    means = means_from(options.means_file);
    if (!options.weights_file.empty()) {
      return mixture(means, weights_from(options.weights_file, means.size(0)), 1.0);
    }
  }
  return mixture(means, equal_weights(means), 1.0);
}

}  // namespace ergon
