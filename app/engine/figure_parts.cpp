#include "figure_parts.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ergon::app {
namespace {

constexpr std::int64_t kGridNodes = 121;
constexpr double kContourDepth = 6.9;        // below the peak there is less than a thousandth of it
constexpr std::ptrdiff_t kFewestNodes = 12;  // above that depth, for a contour to be seen
constexpr double kMargin = 0.25;             // of the points' range, around them
constexpr double kCentralShare = 0.005;      // a stray point does not stretch the picture

}  // namespace

std::vector<double> to_vector(const Tensor& values) {
  const Tensor flat = values.to(at::kDouble).contiguous();
  const double* begin = flat.data_ptr<double>();
  return {begin, begin + flat.numel()};
}

Range range_of(const Tensor& coordinate) {
  std::vector<double> values = to_vector(coordinate);
  std::sort(values.begin(), values.end());
  const auto skipped = static_cast<std::size_t>(kCentralShare * static_cast<double>(values.size()));
  const double low = values[skipped];
  const double high = values[values.size() - 1 - skipped];
  const double margin = std::max(kMargin * (high - low), 1e-3 * std::max(1.0, std::abs(low)));
  return {low - margin, high + margin};
}

DensityGrid density_grid(const LogDensity& target,
                         const Range& x,
                         const Range& y,
                         at::ScalarType type) {
  const at::NoGradGuard no_grad;
  const Tensor xs = at::linspace(x.low, x.high, kGridNodes, at::kDouble);
  const Tensor ys = at::linspace(y.low, y.high, kGridNodes, at::kDouble);
  const Tensor nodes = at::stack({xs.repeat({kGridNodes}), ys.repeat_interleave(kGridNodes)}, 1);
  DensityGrid grid;
  grid.x_low = x.low;
  grid.x_high = x.high;
  grid.y_low = y.low;
  grid.y_high = y.high;
  grid.columns = grid.rows = static_cast<std::size_t>(kGridNodes);
  grid.log_density = to_vector(target.log_density(nodes.to(type)));
  return grid;
}

bool shows_contours(const DensityGrid& grid) {
  double peak = -std::numeric_limits<double>::infinity();
  double lowest = std::numeric_limits<double>::infinity();
  for (const double value : grid.log_density) {
    if (!std::isfinite(value)) continue;
    peak = std::max(peak, value);
    lowest = std::min(lowest, value);
  }
  const auto near_peak = std::count_if(grid.log_density.begin(), grid.log_density.end(),
                                       [&](double v) { return v >= peak - kContourDepth; });
  return peak - lowest > 1e-12 * std::abs(peak) && near_peak >= kFewestNodes;
}

PointSet points_of(const Tensor& particles, const std::string& name) {
  return {name, to_vector(particles.select(1, 0)), to_vector(particles.select(1, 1))};
}

}  // namespace ergon::app
