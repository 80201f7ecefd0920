#include "ergon/density/double_wells.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/density/line_density.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kNegligible = 60.0;  // nats below the peak: exp(-60) = 9e-27

Tensor spread(const Tensor& is_well, double in_well, double elsewhere) {
  return at::where(is_well, at::scalar_tensor(in_well, at::kDouble),
                   at::scalar_tensor(elsewhere, at::kDouble));
}

Tensor to_mask(const std::vector<bool>& values) {
  const Tensor mask = at::zeros({static_cast<std::int64_t>(values.size())}, at::kBool);
  for (std::size_t i = 0; i < values.size(); ++i) mask.data_ptr<bool>()[i] = values[i];
  return mask;
}

/// The well as a density on the stretch of the line that holds its mass. The highest point of a
/// quartic with a negative lead lies within |t| <= reach of its stationary points, found here by
/// walking out until both ends are negligible.
LineDensity line_density(const WellPotential& well) {
  const double inner = std::sqrt(std::max(0.0, -0.5 * well.quadratic / well.quartic));
  const double peak = std::max(well(inner), well(-inner));
  double reach = inner + 1.0;
  while (well(reach) > peak - kNegligible || well(-reach) > peak - kNegligible) reach *= 1.02;
  return LineDensity(well, -reach, reach);
}

/// The stationary point near `start`, by Newton's method on the slope.
double stationary_from(const WellPotential& well, double start) {
  double t = start;
  for (int iteration = 0; iteration < 100; ++iteration) {
    const double slope = (4.0 * well.quartic * t * t + 2.0 * well.quadratic) * t + well.linear;
    t -= slope / (12.0 * well.quartic * t * t + 2.0 * well.quadratic);
  }
  return t;
}

}  // namespace

DoubleWells::DoubleWells(std::string name, WellPotential well, const std::vector<bool>& is_well)
    : name_(std::move(name)),
      well_(well),
      is_well_(to_mask(is_well)),
      wells_(std::count(is_well.begin(), is_well.end(), true)),
      quartic_(spread(is_well_, well.quartic, 0.0)),
      quadratic_(spread(is_well_, well.quadratic, -0.5)),
      linear_(spread(is_well_, well.linear, 0.0)) {
  require(well.quartic < 0, "a double well needs a negative quartic term, not {}", well.quartic);
}

Tensor DoubleWells::log_density(const Tensor& x) const {
  require_points(x);
  const Tensor squared = x.square();
  const Tensor even = (quartic_.like(x) * squared + quadratic_.like(x)) * squared;
  return (even + linear_.like(x) * x).sum(-1) + static_cast<double>(wells_) * well_.constant;
}

LogDensityAndScore DoubleWells::log_density_and_score(const Tensor& x) const {
  const Tensor slope = 4.0 * quartic_.like(x) * x.square() + 2.0 * quadratic_.like(x);
  return {log_density(x), slope * x + linear_.like(x)};
}

Tensor DoubleWells::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  return (12.0 * quartic_.like(x) * x.square() + 2.0 * quadratic_.like(x)) * v;
}

KnownAnswers DoubleWells::known() const {
  const LineDensity line = line_density(well_);
  const double mean = line.expectation([](double t) { return t; });
  const double variance = line.expectation([&](double t) { return (t - mean) * (t - mean); });
  const double well_entropy = line.log_z() - line.expectation(well_);
  const auto wells = static_cast<double>(wells_);
  const auto normals = static_cast<double>(dim() - wells_);
  return {wells * line.log_z() + normals * 0.5 * kLog2Pi,
          wells * well_entropy + normals * 0.5 * (kLog2Pi + 1.0), spread(is_well_, mean, 0.0),
          at::diag(spread(is_well_, variance, 1.0))};
}

std::optional<Tensor> DoubleWells::sample(std::int64_t count, Generator generator) const {
  const Tensor draws = draw::normal_like(at::empty({count, dim()}, at::kDouble), generator);
  const Tensor in_wells = line_density(well_).sample(count * wells_, std::move(generator));
  const Tensor columns = is_well_.nonzero().view({-1});
  return draws.index_copy(1, columns, in_wells.view({count, wells_}));
}

std::optional<Tensor> DoubleWells::modes() const {
  if (wells_ > 10 || well_.quadratic <= 0) return std::nullopt;
  const double side = std::sqrt(-0.5 * well_.quadratic / well_.quartic);
  const double low = stationary_from(well_, -side);
  const double high = stationary_from(well_, side);
  const auto bent_down = [this](double t) {
    return 12.0 * well_.quartic * t * t + 2.0 * well_.quadratic < 0;
  };
  const bool two = low < 0 && high > 0 && bent_down(low) && bent_down(high);  // a strong tilt: one
  if (!two) return std::nullopt;
  const std::int64_t count = std::int64_t{1} << wells_;
  const Tensor modes = at::zeros({count, dim()}, at::kDouble);
  const Tensor columns = is_well_.nonzero().view({-1});
  const Tensor index = at::arange(count, at::kLong);
  for (std::int64_t well = 0; well < wells_; ++well) {
    const Tensor is_high = at::bitwise_right_shift(index, wells_ - 1 - well).remainder(2) == 1;
    const Tensor column = at::where(is_high, at::scalar_tensor(high, at::kDouble),
                                    at::scalar_tensor(low, at::kDouble));
    modes.select(1, columns[well].item<std::int64_t>()).copy_(column);
  }
  return modes;
}

std::unique_ptr<Target> make_double_wells(const TargetOptions& options) {
  if (options.name == "many-well") {
    std::vector<bool> is_well(static_cast<std::size_t>(options.dim.value_or(32)));
    for (std::size_t i = 0; i < is_well.size(); i += 2) is_well[i] = true;
    return std::make_unique<DoubleWells>(options.name, WellPotential{-1.0, 6.0, 0.5, 0.0},
                                         std::move(is_well));
  }
  const std::int64_t dim = options.dim.value_or(5);
  const std::int64_t wells = options.wells.value_or(std::min<std::int64_t>(dim, 5));
  const double delta = options.separation.value_or(4.0);
  std::vector<bool> is_well(static_cast<std::size_t>(dim));
  std::fill_n(is_well.begin(), wells, true);
  return std::make_unique<DoubleWells>(
      options.name, WellPotential{-1.0, 2.0 * delta, 0.0, -delta * delta}, is_well);
}

}  // namespace ergon
