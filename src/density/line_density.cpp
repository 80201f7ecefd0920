#include "ergon/density/line_density.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kCells = 40000;
// Between nodes a smooth f exceeds the higher of its two ends by at most |f''| step² / 8, far below
// this share of it.
constexpr double kBoundMargin = 1.01;

/// Simpson's weight of a node, in units of step / 3: 1 4 2 4 ... 2 4 1.
double simpson_weight(std::size_t node) {
  if (node == 0 || node == static_cast<std::size_t>(kCells)) return 1.0;
  return node % 2 == 1 ? 4.0 : 2.0;
}

}  // namespace

LineDensity::LineDensity(std::function<double(double)> log_f, double low, double high)
    : log_f_(std::move(log_f)), low_(low), step_((high - low) / static_cast<double>(kCells)) {
  require(high > low, "a density on [{}, {}] needs an interval of positive length", low, high);
  for (std::int64_t node = 0; node <= kCells; ++node) {
    height_.push_back(log_f_(low_ + static_cast<double>(node) * step_));
  }
  peak_ = *std::max_element(height_.begin(), height_.end());
  require(std::isfinite(peak_), "a density on [{}, {}] must be positive and finite", low, high);
  for (double& height : height_) height = std::exp(height - peak_);
  double mass = 0.0;
  for (std::size_t node = 0; node < height_.size(); ++node) {
    mass += simpson_weight(node) * height_[node];
  }
  log_z_ = peak_ + std::log(mass * step_ / 3.0);
  cumulative_ = at::empty({kCells}, at::kDouble);
  double total = 0.0;
  for (std::size_t cell = 0; cell + 1 < height_.size(); ++cell) {
    bound_.push_back(kBoundMargin * std::max(height_[cell], height_[cell + 1]));
    cumulative_.data_ptr<double>()[cell] = total += bound_.back();
  }
  cumulative_ /= total;
}

double LineDensity::expectation(const std::function<double(double)>& g) const {
  double mass = 0.0;
  double sum = 0.0;
  for (std::size_t node = 0; node < height_.size(); ++node) {
    const double weight = simpson_weight(node) * height_[node];
    if (weight == 0.0) continue;  // g may be infinite where f is zero
    mass += weight;
    sum += weight * g(low_ + static_cast<double>(node) * step_);
  }
  return sum / mass;
}

Tensor LineDensity::propose(std::int64_t count, const Generator& generator) const {
  const Tensor uniforms = draw::uniform_like(at::empty({3, count}, at::kDouble), generator);
  const Tensor cells = at::searchsorted(cumulative_, uniforms[0]).clamp_max_(kCells - 1);
  const auto* cell = cells.data_ptr<std::int64_t>();
  const auto* within = uniforms.data_ptr<double>() + count;
  const auto* level = within + count;
  std::vector<double> accepted;
  for (std::int64_t i = 0; i < count; ++i) {
    const double t = low_ + (static_cast<double>(cell[i]) + within[i]) * step_;
    const double bound = bound_[static_cast<std::size_t>(cell[i])];
    if (level[i] * bound < std::exp(log_f_(t) - peak_)) accepted.push_back(t);
  }
  return at::tensor(at::ArrayRef<double>(accepted), at::kDouble);
}

Tensor LineDensity::sample(std::int64_t count, Generator generator) const {
  Tensor draws = at::empty({0}, at::kDouble);
  while (draws.size(0) < count) {
    const std::int64_t missing = count - draws.size(0);
    draws = at::cat({draws, propose(missing + missing / 20 + 10, generator)});
  }
  return draws.narrow(0, 0, count).clone();
}

}  // namespace ergon
