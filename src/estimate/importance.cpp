#include "ergon/estimate/importance.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <utility>

#include "ergon/core/errors.hpp"
#include "strata.hpp"

namespace ergon {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kVariancelessShape = 0.5;    // above it the weights have no variance
constexpr double kFewestEffectiveDraws = 30;  // below, no central limit theorem to speak of

Tensor numbers_of(const Tensor& values) { return values.detach().to(at::kCPU, at::kDouble); }

// Of the mean of one column, (n).
double stratified_error(const Tensor& values, const Strata& strata) {
  return stratified_errors(values.unsqueeze(1), strata).item<double>();
}

// (37b) What control variates with mean zero (n, k) explain of `values`: their least-squares fit,
// (n).
Tensor explained_by(const Tensor& control, const Tensor& values) {
  const Tensor moments = at::mm(control.t(), control);
  // A ridge of rounding size keeps linearly dependent controls harmless.
  const double ridge = 1e-12 * moments.diagonal().mean().item<double>();
  const Tensor regular = moments + ridge * at::eye(moments.size(0), moments.options());
  return at::mv(control, at::linalg_solve(regular, at::mv(control.t(), values)));
}

Estimate estimate_with(double value, double error, const std::string& method) {
  return {value, error, method, interval_around(value, error)};
}

void require_shapes(const WeightedDraws& draws) {
  const Tensor& weight = draws.log_weight;
  require(weight.defined() && weight.dim() == 1 && weight.numel() > 0,
          "importance_estimates takes log-weights of shape (n), n at least 1, got {} dimensions",
          weight.defined() ? weight.dim() : 0);
  require(draws.log_density.defined() && draws.log_density.sizes() == weight.sizes(),
          "importance_estimates takes one log-density for each of the {} log-weights",
          weight.numel());
  require(!draws.stratum.defined() ||
              (draws.stratum.sizes() == weight.sizes() && draws.stratum.scalar_type() == at::kLong),
          "importance_estimates takes one int64 stratum for each of the {} log-weights",
          weight.numel());
  require(!draws.control.defined() ||
              (draws.control.dim() == 2 && draws.control.size(0) == weight.numel() &&
               2 * draws.control.size(1) <= weight.numel()),
          "importance_estimates takes control variates of shape ({}, k) with 2 k not above the "
          "number of draws",
          weight.numel());
}

void check_numbers(const Tensor& log_weight, const Tensor& log_density) {
  if (log_weight.isnan().any().item<bool>() || (log_weight == kInfinity).any().item<bool>())
    throw NumericalFailure(
        "a log-weight is not a number or infinitely large: check the target's log-density and that "
        "the proposal's density is positive at its own draws");
  const Tensor counts = log_weight != -kInfinity;
  if (!counts.any().item<bool>())
    throw NumericalFailure(
        "every importance weight is zero: the proposal puts no draw where the target has mass; "
        "move or widen it");
  if (!log_density.masked_select(counts).isfinite().all().item<bool>())
    throw NumericalFailure(
        "a log-density is not finite at a draw with a positive weight: check the target");
}

std::string describe(std::int64_t draws, std::int64_t strata) {
  return strata == 1 ? fmt::format("importance weights of {} independent draws", draws)
                     : fmt::format("importance weights of {} independent draws in {} strata", draws,
                                   strata);
}

// What k̂ says against the intervals (35); empty for nothing.
std::string reason_of_the_tail(double pareto_k, std::int64_t draws) {
  if (std::isnan(pareto_k))
    return fmt::format(
        "{} draws are too few to judge the weights by: take at least 25, better 1000", draws);
  const double threshold = pareto_k_threshold(draws);
  if (pareto_k > threshold)
    return fmt::format(
        "Pareto k̂ = {:.2f} is above {:.2f}: a few large weights decide, so neither the values nor "
        "their intervals can be trusted; take a proposal closer to the target or with wider tails, "
        "or a larger share of a wide one",
        pareto_k, threshold);
  if (pareto_k > kVariancelessShape)
    return fmt::format(
        "Pareto k̂ = {:.2f} is above 0.5: the largest weights look like those of a law without a "
        "variance, so the intervals may cover less than 95 %; take a proposal with wider tails, or "
        "a "
        "larger share of a wide one",
        pareto_k);
  return {};
}

}  // namespace

ImportanceEstimates importance_estimates(const WeightedDraws& draws) {
  require_shapes(draws);
  const Tensor log_weight = numbers_of(draws.log_weight);
  const Tensor given_density = numbers_of(draws.log_density);
  check_numbers(log_weight, given_density);
  const auto n = log_weight.numel();
  const auto count = static_cast<double>(n);
  const Strata strata = strata_of(draws.stratum, n);
  const std::string method = describe(n, strata.sizes.numel());

  // (30)
  const double log_z = log_weight.logsumexp(0).item<double>() - std::log(count);
  const Tensor weight = (log_weight - log_z).exp();
  // (32); draws of weight zero do not count, whatever their log-density
  const Tensor log_density = given_density.masked_fill(log_weight == -kInfinity, 0.0);
  const double mean_log_density = (weight * log_density).mean().item<double>();
  Tensor influence = weight - 1 - weight * (log_density - mean_log_density);
  double entropy = log_z - mean_log_density;
  double lost_freedom = 1.0;  // of the regression
  if (draws.control.defined()) {
    const Tensor control = numbers_of(draws.control);
    const Tensor explained = explained_by(control, influence);
    entropy -= explained.mean().item<double>();
    influence = influence - explained;
    lost_freedom = std::sqrt(count / (count - static_cast<double>(control.size(1))));
  }

  ImportanceEstimates result;
  result.log_z = estimate_with(log_z, stratified_error(weight, strata), method);
  result.entropy =
      estimate_with(entropy, lost_freedom * stratified_error(influence, strata),
                    draws.control.defined() ? method + ", with control variates" : method);
  result.elbo = estimate_with(log_weight.mean().item<double>(),
                              stratified_error(log_weight, strata), method);  // (36)
  result.ess_share = count / weight.square().sum().item<double>();
  result.pareto_k = pareto_k(log_weight);
  result.draws = n;
  return result;
}

Estimate evidence_upper_bound(const Tensor& log_weights_at_exact_draws) {
  const Tensor& given = log_weights_at_exact_draws;
  require(given.defined() && given.dim() == 1 && given.numel() > 0,
          "evidence_upper_bound takes log-weights of shape (n), n at least 1, got {} dimensions",
          given.defined() ? given.dim() : 0);
  const Tensor log_weight = numbers_of(given);
  if (log_weight.isnan().any().item<bool>() || (log_weight == -kInfinity).any().item<bool>())
    throw NumericalFailure(
        "at an exact draw of the target log p̄ - log q is not a number or minus infinity: check "
        "that the draws are the target's own and its log-density is finite there");
  return estimate_with(log_weight.mean().item<double>(),
                       stratified_error(log_weight, strata_of({}, log_weight.numel())),
                       fmt::format("mean over {} exact draws", log_weight.numel()));
}

std::vector<std::string> reasons_for_distrust(const ImportanceEstimates& estimates) {
  std::vector<std::string> reasons;
  const auto draws = estimates.draws;
  if (auto reason = reason_of_the_tail(estimates.pareto_k, draws); !reason.empty())
    reasons.push_back(std::move(reason));
  const double effective = estimates.ess_share * static_cast<double>(draws);
  if (effective < kFewestEffectiveDraws)
    reasons.push_back(fmt::format(
        "the {} draws are worth only {:.1f} draws of the target: take more, or a proposal closer "
        "to it",
        draws, effective));
  if (std::isnan(estimates.log_z.standard_error))
    reasons.push_back(
        "a stratum has a single draw, so there is no standard error: take at least two of each");
  return reasons;
}

}  // namespace ergon
