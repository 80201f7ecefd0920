#include "ergon/learn/gradient_comparison.hpp"

#include <ATen/ATen.h>

#include <functional>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

/// Gradients of `batches` losses, (batches, P), to their spread.
EstimatorSpread spread_of(const NormalizingFlow& flow,
                          FlowGradient estimator,
                          std::int64_t batches,
                          const std::function<FlowLoss(std::int64_t)>& loss) {
  std::vector<Tensor> gradients;
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    gradients.push_back(flat_gradient(flow, loss(batch)));
    if (gradients.back().isfinite().all().item<bool>()) continue;
    throw NumericalFailure(
        fmt::format("the {} gradient of batch {} is not finite: the flow's draws "
                    "lie where the target or its score is not",
                    to_name(estimator), batch + 1));
  }
  return {estimator, gradient_variance(at::stack(gradients))};
}

}  // namespace

std::vector<EstimatorSpread> compare_gradients(const NormalizingFlow& flow,
                                               const LogDensity& target,
                                               const Tensor& exact,
                                               const GradientComparisonOptions& options,
                                               Seed seed) {
  const std::int64_t batches = options.batches;
  const std::int64_t batch = options.batch;
  require(batches >= 2 && batch >= 1,
          "a comparison of gradients needs at least 2 batches of at least 1 draw, got {} of {}",
          batches, batch);
  require(!exact.defined() || exact.size(0) >= batches * batch,
          "a comparison of gradients by {} batches of {} needs {} exact draws, got {}", batches,
          batch, batches * batch, exact.defined() ? exact.size(0) : 0);
  std::vector<EstimatorSpread> spreads;
  for (const FlowGradient estimator : {FlowGradient::kReverseTotal, FlowGradient::kReversePath}) {
    spreads.push_back(spread_of(flow, estimator, batches, [&](std::int64_t index) {
      const auto number = static_cast<std::uint64_t>(index);
      const Tensor z = flow.base_draws(batch, seed.child("batch", number).generator());
      return reverse_kl_loss(flow, target, z, estimator);
    }));
  }
  if (!exact.defined()) return spreads;
  for (const FlowGradient estimator : {FlowGradient::kForwardTotal, FlowGradient::kForwardPath}) {
    spreads.push_back(spread_of(flow, estimator, batches, [&](std::int64_t index) {
      DataBatch data;
      data.points = exact.narrow(0, index * batch, batch).to(flow.type());
      const LogDensityAndScore at = target.log_density_and_score(data.points);
      data.log_density = at.log_density;
      data.score = at.score;
      return forward_kl_loss(flow, data, estimator);
    }));
  }
  return spreads;
}

}  // namespace ergon
