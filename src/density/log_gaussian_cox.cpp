#include "ergon/density/log_gaussian_cox.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/tensor_io.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kPriorVariance = 1.91;
constexpr double kInverseRange = 33.0;  // of the unit square: correlations fall by e over 1/33

// The published points: how many, their coordinates' sum and sum of squares.
constexpr std::int64_t kPines = 126;
constexpr double kPinesSum = 129.256364;
constexpr double kPinesSquares = 88.14789798;
constexpr double kSameData = 1e-5;
constexpr std::int64_t kPublishedGrid = 40;
constexpr double kReferenceLogZ = 501.70;
constexpr double kReferenceError = 0.05;

/// K for cells in row-major order, (M², M²).
Tensor prior_covariance(std::int64_t side) {
  const Tensor index = at::arange(side, at::kDouble) / static_cast<double>(side);
  const auto axes = at::meshgrid({index, index}, "ij");
  const Tensor row = axes[0].reshape({-1});
  const Tensor column = axes[1].reshape({-1});
  const Tensor distance = at::hypot(row.unsqueeze(1) - row, column.unsqueeze(1) - column);
  return kPriorVariance * (-kInverseRange * distance).exp();
}

Tensor checked_counts(const Tensor& counts) {
  require(counts.dim() == 2 && counts.size(0) == counts.size(1) && counts.numel() > 0,
          "a Cox process needs counts (M, M) on a square grid, not ({})",
          fmt::join(counts.sizes(), ", "));
  const Tensor exact = counts.detach().to(at::kCPU, at::kDouble).contiguous();
  require((at::isfinite(exact) & (exact >= 0)).all().item<bool>() && exact.sum().item<double>() > 0,
          "the counts of a Cox process must be finite, not negative, and not all 0");
  return exact.view({-1});
}

/// (N, 2): the columns data_x and data_y, or the only two.
Tensor points_from(const std::string& path) {
  const CsvTable table = read_csv(path);
  const auto& names = table.columns;
  const bool named = std::find(names.begin(), names.end(), "data_x") != names.end();
  require(named || table.cols == 2,
          "{}: expected the columns data_x and data_y, or two columns, but found {} columns", path,
          table.cols);
  const auto column = [&](const char* name, const char* number) {
    return static_cast<std::int64_t>(table.column(named ? name : number));
  };
  const Tensor values = to_tensor(table);
  return at::stack(
      {values.select(1, column("data_x", "1")), values.select(1, column("data_y", "2"))}, 1);
}

bool are_the_pines(const Tensor& points) {
  const double sum = points.sum().item<double>();
  const double squares = points.square().sum().item<double>();
  return points.size(0) == kPines && std::abs(sum - kPinesSum) <= kSameData * kPinesSum &&
         std::abs(squares - kPinesSquares) <= kSameData * kPinesSquares;
}

}  // namespace

LogGaussianCox::LogGaussianCox(std::string name, const Tensor& counts, KnownAnswers known)
    : name_(std::move(name)),
      known_(std::move(known)),
      counts_(checked_counts(counts)),
      prior_mean_(std::log(counts_.exact().sum().item<double>()) - 0.5 * kPriorVariance),
      prior_root_(at::linalg_cholesky(prior_covariance(counts.size(0)))),
      precision_(at::cholesky_inverse(prior_root_)),
      log_norm_(-0.5 * static_cast<double>(dim()) * kLog2Pi -
                prior_root_.diagonal().log().sum().item<double>()) {}

Tensor LogGaussianCox::intensity(const Tensor& x) const {
  return x.exp() / static_cast<double>(dim());
}

Tensor LogGaussianCox::log_density(const Tensor& x) const {
  return log_density_and_score(x).log_density;
}

LogDensityAndScore LogGaussianCox::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor offset = x - prior_mean_;
  const Tensor pull = at::matmul(offset, precision_.like(x));
  const Tensor counts = counts_.like(x);
  const Tensor expected = intensity(x);
  return {(counts * x - expected - 0.5 * offset * pull).sum(-1) + log_norm_,
          counts - expected - pull};
}

Tensor LogGaussianCox::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  return -at::matmul(v, precision_.like(x)) - intensity(x) * v;
}

Tensor LogGaussianCox::hessian(const Tensor& x) const {
  require_points(x);
  return -at::diag_embed(intensity(x)) - precision_.like(x);
}

Tensor count_in_cells(const Tensor& points, std::int64_t cells_per_side) {
  require(points.dim() == 2 && points.size(1) == 2, "points in a square must be (N, 2), not ({})",
          fmt::join(points.sizes(), ", "));
  require(((points >= 0) & (points <= 1)).all().item<bool>(),
          "points must lie in the unit square, [0, 1] x [0, 1]; rescale them");
  const auto side = static_cast<double>(cells_per_side);
  const Tensor cell = (points.to(at::kDouble) * side).floor().clamp_max(side - 1).to(at::kLong);
  const Tensor index = cell.select(1, 0) * cells_per_side + cell.select(1, 1);
  return at::bincount(index, {}, cells_per_side * cells_per_side)
      .to(at::kDouble)
      .view({cells_per_side, cells_per_side});
}

std::unique_ptr<Target> make_finnish_pines(const TargetOptions& options) {
  const Tensor points = points_from(options.data_file);
  const std::int64_t grid = options.grid.value_or(kPublishedGrid);
  KnownAnswers known;
  if (grid == kPublishedGrid && are_the_pines(points)) {
    known.log_z = kReferenceLogZ;
    known.log_z_standard_error = kReferenceError;
  }
  try {
    return std::make_unique<LogGaussianCox>(options.name, count_in_cells(points, grid), known);
  } catch (const InvalidInput& problem) {
    fail("{}: {}", options.data_file, problem.what());
  }
}

}  // namespace ergon
