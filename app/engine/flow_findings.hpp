#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ergon/estimate/importance.hpp"
#include "ergon/flow/normalizing_flow.hpp"
#include "ergon/learn/gradient_comparison.hpp"
#include "flow_input.hpp"

namespace ergon::app {

/// What fresh draws of a trained flow, exact draws of the target and held-out points say of it.
/// Each where there is what it needs.
struct FlowFindings {
  Tensor draws;        ///< (n, D)  fresh draws of the flow
  Tensor log_q;        ///< (n) float64
  Tensor log_density;  ///< (n) float64  log p̄ at them, -inf where it was not a number; undefined
                       ///< without a target
  std::int64_t nonfinite = 0;                  ///< draws at which log p̄ was not a number
  std::optional<ImportanceEstimates> weights;  ///< of the draws, p̄ / q
  std::string weights_failure;                 ///< why there are none in spite of a target
  Tensor exact;                                ///< (m, D)  exact draws of the target
  std::optional<ForwardEstimates> forward;     ///< p̄ / q at the exact draws
  std::string forward_failure;                 ///< why there are none in spite of exact draws
  std::optional<Estimate> reverse_kl;          ///< KL(q||p) = log Z - ELBO, where log Z is known
  std::optional<Estimate> forward_kl;          ///< KL(p||q) = EUBO - log Z, likewise
  /// E[-log q] at --test-samples, else at held-out rows of --samples, else at the exact draws.
  std::optional<Estimate> negative_log_likelihood;
  std::optional<Estimate> train_negative_log_likelihood;  ///< at points it learned from
  std::optional<Estimate> nll_minus_entropy;              ///< where the target's entropy is known
  std::optional<Estimate> bits_per_dimension;             ///< NLL / (D log 2), images
  std::vector<EstimatorSpread> gradients;                 ///< --gradient-batches
  std::string gradients_failure;                          ///< why there are none in spite of it
};

/// Draws and evaluates with seeds of their own. density: nullptr without a target. `interrupted` is
/// asked now and then; std::nullopt once it says so.
std::optional<FlowFindings> judge_flow(const NormalizingFlow& flow,
                                       const LogDensity* density,
                                       const FlowInput& input,
                                       const FitFlowSettings& settings,
                                       const std::function<bool()>& interrupted);

}  // namespace ergon::app
