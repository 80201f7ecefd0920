#include "ergon/density/gaussian.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/tensor_io.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kMaxKnownCovariance = 2048;
constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kSymmetryTolerance =
    1e-8;  // relative to the largest entry: a CSV carries about that many digits

/// The covariance in float64 on the CPU, if its shape fits the mean's.
Tensor checked_shape(const Tensor& covariance, const Tensor& mean) {
  const bool fits = mean.dim() == 1 && (covariance.dim() == 1 || covariance.dim() == 2) &&
                    covariance.size(0) == mean.size(0) && covariance.size(-1) == mean.size(0);
  require(fits, "a Gaussian needs a mean (D) and a covariance (D, D) or (D), not ({}) and ({})",
          fmt::join(mean.sizes(), ", "), fmt::join(covariance.sizes(), ", "));
  return covariance.detach().to(at::kCPU, at::kDouble);
}

/// L with L Lᵀ = covariance (D, D); the standard deviations of a diagonal one (D).
Tensor root_of(const Tensor& covariance) {
  require(at::isfinite(covariance).all().item<bool>(), "the covariance holds NaN or infinity");
  if (covariance.dim() == 1) {
    require((covariance > 0).all().item<bool>(), "every variance must be above 0");
    return covariance.sqrt();
  }
  const double asymmetry = (covariance - covariance.t()).abs().max().item<double>();
  require(asymmetry <= kSymmetryTolerance * covariance.abs().max().item<double>(),
          "the covariance is not symmetric: entries differ from their mirror images by up to {}",
          asymmetry);
  const auto [root, info] = at::linalg_cholesky_ex(covariance);
  require(info.item<int>() == 0, "the covariance is not positive definite");
  return root;
}

Tensor precision_of(const Tensor& root) {
  return root.dim() == 1 ? root.square().reciprocal() : at::cholesky_inverse(root);
}

Tensor as_vector(const std::vector<double>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble);
}

/// One number per coordinate, from one per coordinate, one for all, or none (`otherwise`).
Tensor spread(const std::vector<double>& values, std::int64_t dim, double otherwise) {
  return values.empty() ? at::full({dim}, otherwise, at::kDouble)
                        : as_vector(values).expand({dim}).clone();
}

Tensor covariance_from(const std::string& path, const std::optional<std::int64_t>& dim) {
  const CsvTable table = read_csv(path);
  require(table.rows == table.cols,
          "{}: a covariance is square, but the file has {} rows and {} columns", path, table.rows,
          table.cols);
  require(!dim || static_cast<std::size_t>(*dim) == table.rows,
          "{}: the covariance is {} x {} but dim = {}", path, table.rows, table.cols,
          dim.value_or(0));
  return to_tensor(table);
}

std::unique_ptr<Target> gaussian_from_options(const TargetOptions& options) {
  if (options.covariance_file.empty()) {
    const auto given = std::max(options.mean.size(), options.variances.size());
    const std::int64_t dim = options.dim.value_or(given > 0 ? static_cast<std::int64_t>(given) : 2);
    return std::make_unique<Gaussian>(options.name, spread(options.mean, dim, 0.0),
                                      spread(options.variances, dim, 1.0));
  }
  const Tensor covariance = covariance_from(options.covariance_file, options.dim);
  const auto dim = covariance.size(0);
  require(options.mean.size() <= 1 || static_cast<std::int64_t>(options.mean.size()) == dim,
          "mean has {} numbers but the covariance in {} is {} x {}", options.mean.size(),
          options.covariance_file, dim, dim);
  try {
    return std::make_unique<Gaussian>(options.name, spread(options.mean, dim, 0.0), covariance);
  } catch (const InvalidInput& problem) {
    fail("{}: {}", options.covariance_file, problem.what());
  }
}

}  // namespace

Gaussian::Gaussian(std::string name, const Tensor& mean, const Tensor& covariance)
    : name_(std::move(name)),
      diagonal_(covariance.dim() == 1),
      mean_(mean),
      covariance_(checked_shape(covariance, mean)),
      root_(root_of(covariance_)),
      precision_(precision_of(root_)) {
  const Tensor scales = diagonal_ ? root_ : root_.diagonal();
  log_norm_ = -0.5 * static_cast<double>(dim()) * kLog2Pi - scales.log().sum().item<double>();
}

Tensor Gaussian::times_precision(const Tensor& rows) const {
  const Tensor precision = precision_.like(rows);
  return diagonal_ ? rows * precision : at::matmul(rows, precision);
}

Tensor Gaussian::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Gaussian::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor offset = x - mean_.like(x);
  const Tensor score = -times_precision(offset);
  return {0.5 * (offset * score).sum(-1) + log_norm_, score};
}

Tensor Gaussian::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  return -times_precision(v);
}

Tensor Gaussian::hessian(const Tensor& x) const {
  require_points(x);
  const Tensor precision = precision_.like(x);
  auto shape = x.sizes().vec();
  shape.push_back(dim());
  return (diagonal_ ? -at::diag(precision) : -precision).expand(shape).clone();
}

KnownAnswers Gaussian::known() const {
  const double entropy = -log_norm_ + 0.5 * static_cast<double>(dim());
  KnownAnswers answers{0.0, entropy, mean_.exact().clone(), std::nullopt};
  if (dim() <= kMaxKnownCovariance) {
    answers.covariance = diagonal_ ? at::diag(covariance_) : covariance_.clone();
  }
  return answers;
}

std::optional<Tensor> Gaussian::sample(std::int64_t count, Generator generator) const {
  const Tensor like = at::empty({count, dim()}, at::kDouble);
  const Tensor noise = draw::normal_like(like, std::move(generator));
  return mean_.exact() + (diagonal_ ? noise * root_ : at::matmul(noise, root_.t()));
}

std::unique_ptr<Target> make_gaussian(const TargetOptions& options) {
  if (options.name == "gaussian-worked") {
    const Tensor covariance = 5.0 * as_vector({.2260, .1652, .1652, .6779}).view({2, 2});
    return std::make_unique<Gaussian>(options.name, as_vector({-.6871, .8010}), covariance);
  }
  if (options.name == "gaussian-thin") {
    // Rotation by 45 degrees of diag(1, 0.01): the long axis along (1, 1).
    const Tensor covariance = as_vector({.505, .495, .495, .505}).view({2, 2});
    return std::make_unique<Gaussian>(options.name, at::zeros({2}, at::kDouble), covariance);
  }
  return gaussian_from_options(options);
}

}  // namespace ergon
