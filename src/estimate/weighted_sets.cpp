#include "ergon/estimate/weighted_sets.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Weights relative to the largest one, (R, M), and the log of that.
struct Weights {
  Tensor relative;
  double log_scale = 0.0;
};

Weights weights_of(const Tensor& log_weight) {
  const Tensor numbers = log_weight.detach().to(at::kCPU, at::kDouble);
  if (numbers.isnan().any().item<bool>() || (numbers == kInfinity).any().item<bool>()) {
    throw NumericalFailure(
        "a log-weight is not a number or infinitely large: check the target's log-density");
  }
  const Tensor largest = std::get<0>(numbers.max(1));
  if (!largest.isfinite().all().item<bool>()) {
    throw NumericalFailure(
        "every importance weight of a set is zero: no particle is where the target has mass; widen "
        "q0 or take more --particles");
  }
  const double scale = largest.max().item<double>();
  return {(numbers - scale).exp(), scale};
}

void require_sets(const Tensor& log_weight) {
  require(log_weight.defined() && log_weight.dim() == 2 && log_weight.numel() > 0,
          "estimates over sets take log-weights of shape (sets, particles)");
}

// The sum over all sets but each, (R, ...): no difference of sums, whose digits one large set would
// take.
Tensor sums_without_each(const Tensor& of_sets) {
  const auto sets = of_sets.size(0);
  const Tensor others = at::ones({sets, sets}, at::kDouble) - at::eye(sets, at::kDouble);
  return at::matmul(others, of_sets.reshape({sets, -1})).view(of_sets.sizes());
}

// √((R-1)/R Σ (θ_(r) - mean)²) of the values without each set, (R, ...) -> (...); NaN for one set.
Tensor jackknife_error(const Tensor& without_each) {
  const auto sets = static_cast<double>(without_each.size(0));
  if (sets < 2) return at::full_like(without_each[0], std::nan(""));
  const Tensor spread = (without_each - without_each.mean(0)).square().sum(0);
  return (spread * ((sets - 1) / sets)).sqrt();
}

Estimate over_sets(double value, double error, std::int64_t sets, const char* what) {
  const Interval interval = sets < 2 ? Interval{} : interval_around(value, error, sets - 1);
  return {value, error, fmt::format("{} of {} sets of particles", what, sets), interval};
}

}  // namespace

ImportanceEstimates weighted_set_estimates(const Tensor& log_weight, const Tensor& log_density) {
  require_sets(log_weight);
  require(log_density.defined() && log_density.sizes() == log_weight.sizes(),
          "estimates over sets take as many log-densities as log-weights");
  const auto sets = log_weight.size(0);
  const Weights weights = weights_of(log_weight);
  const Tensor p =
      log_density.detach().to(at::kCPU, at::kDouble).masked_fill(weights.relative == 0, 0.0);
  if (!p.isfinite().all().item<bool>()) {
    throw NumericalFailure(
        "a log-density is not finite at a particle with a positive weight: check the target");
  }
  const Tensor mass = weights.relative.mean(1);          // (R), Ẑ of a set over the scale
  const Tensor moment = (weights.relative * p).mean(1);  // (R)
  const double total = mass.mean().item<double>();
  ImportanceEstimates found;
  const double log_z = weights.log_scale + std::log(total);
  const Tensor rest = sums_without_each(mass);
  const Tensor log_z_rest = rest.log();
  const auto error = [](const Tensor& without_each) {
    return jackknife_error(without_each).item<double>();
  };
  found.log_z = over_sets(log_z, error(log_z_rest), sets, "mean weight, jackknife");
  const double entropy = log_z - (moment.mean() / mass.mean()).item<double>();
  found.entropy = over_sets(entropy, error(log_z_rest - sums_without_each(moment) / rest), sets,
                            "weighted particles, jackknife");
  const Tensor bounds = log_weight.detach().to(at::kCPU, at::kDouble).logsumexp(1) -
                        std::log(static_cast<double>(log_weight.size(1)));
  const double bound_error =
      sets < 2 ? std::nan("")
               : bounds.std(true).item<double>() / std::sqrt(static_cast<double>(sets));
  found.elbo = over_sets(bounds.mean().item<double>(), bound_error, sets, "mean log Z estimate");
  found.ess_share = (weights.relative.sum().square() /
                     (weights.relative.square().sum() * static_cast<double>(p.numel())))
                        .item<double>();
  found.pareto_k = std::nan("");  // resampling has cut the tail
  found.draws = log_weight.numel();
  return found;
}

Expectation expectation_over_sets(const Tensor& values, const Tensor& log_weight) {
  require_sets(log_weight);
  require(values.defined() && values.dim() == 3 && values.size(0) == log_weight.size(0) &&
              values.size(1) == log_weight.size(1),
          "expectations over sets take values of shape (sets, particles, D) beside log-weights "
          "(sets, particles)");
  const Tensor weight = weights_of(log_weight).relative.unsqueeze(-1);
  const Tensor x = values.detach().to(at::kCPU, at::kDouble).masked_fill(weight == 0, 0.0);
  const Tensor mass = weight.mean(1);          // (R, 1)
  const Tensor moment = (weight * x).mean(1);  // (R, D)
  Expectation found;
  found.mean = moment.mean(0) / mass.mean(0);
  found.stddev = ((weight * (x - found.mean).square()).mean(1).mean(0) / mass.mean(0)).sqrt();
  found.standard_error = jackknife_error(sums_without_each(moment) / sums_without_each(mass));
  return found;
}

}  // namespace ergon
