#pragma once

#include "ergon/core/tensor.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/flow/flow_gradient_options.hpp"
#include "ergon/flow/normalizing_flow.hpp"

/// Estimators of the gradients of the two Kullback-Leibler divergences between a flow q and a
/// target p = p̄/Z (docs/maths/path_gradients.md). All are unbiased; the path estimators leave out
/// the score term, whose expectation is zero, and vanish with their variance where q = p.
namespace ergon {

/// One batch's estimate. `surrogate.backward()` adds the gradient estimate to the parameters.
struct FlowLoss {
  Tensor surrogate;    ///< ()  its value has no meaning; its gradient is the estimate
  Tensor value;        ///< ()  reverse: mean of log q - log p̄, an estimate of KL(q||p) - log Z;
                       ///< forward: mean of -log q, the negative log-likelihood. Without a graph
  Tensor log_q;        ///< (n) log q at the batch's points, without a graph
  Tensor log_density;  ///< (n) log p̄ there; undefined for forward-total
};

/// Reverse KL(q || p) at base draws z (n, D). estimator: kReverseTotal, kReversePath or
/// kReversePathTwoPass, else InvalidInput. Points where log p̄ or its score is not finite make the
/// loss so too: who trains skips such a batch.
FlowLoss reverse_kl_loss(const NormalizingFlow& flow,
                         const LogDensity& target,
                         const Tensor& z,
                         FlowGradient estimator);

/// Exact or measured points of p, and what a path estimator needs to know about p there.
struct DataBatch {
  Tensor points;       ///< (n, D)
  Tensor log_density;  ///< (n)     log p̄; for the path estimators
  Tensor score;        ///< (n, D)  ∇ log p̄; for the path estimators
};

/// Forward KL(p || q) at points of p. estimator: kForwardTotal (maximum likelihood), kForwardPath
/// or kForwardPathTwoPass, else InvalidInput; the path estimators throw InvalidInput without score.
FlowLoss forward_kl_loss(const NormalizingFlow& flow,
                         const DataBatch& batch,
                         FlowGradient estimator);

/// Sum over all parameters of the variance of one batch's gradient estimate, from the spread of
/// repeated independent batches: mean over batches of ||g_b - ḡ||² B / (B - 1). gradients: (B, P)
/// flattened. The standard error is that of the mean of the B squared distances.
struct GradientVariance {
  double total = 0.0;
  double standard_error = 0.0;
  double squared_mean = 0.0;  ///< ||ḡ||²
};
GradientVariance gradient_variance(const Tensor& gradients);

/// The surrogate's gradient in all parameters side by side, (P). Leaves .grad() alone.
Tensor flat_gradient(const NormalizingFlow& flow, const FlowLoss& loss);

}  // namespace ergon
