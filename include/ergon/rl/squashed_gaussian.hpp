#pragma once

#include <cstdint>

#include "ergon/rl/sac_options.hpp"

namespace ergon {

/// The density of SAC's actor: u = mean + exp(log_stddev) noise, a = tanh(u), with
///   log pi(a) = sum_i [ -noise_i^2/2 - log_stddev_i - log(2 pi)/2 - 2 (log 2 - u_i - softplus(-2
///   u_i)) ],
/// the last term being log(1 - tanh(u)^2) without cancellation (docs/maths/sac.md, eqs. 1-3;
/// Haarnoja et al. 2018, appendix C). Rows are states; the network gives (rows x 2 d): means, then
/// raw log-deviations, mapped to [low, high] as LogStddevMap says.
template <class Real>
struct SquashedGaussian {
  std::int64_t dim = 0;  ///< d
  LogStddevMap map = LogStddevMap::kClip;
  double log_stddev_low = -20.0;
  double log_stddev_high = 2.0;

  /// actions: (rows x d) with `stride` numbers from one row to the next, in (-1, 1) and rounded to
  /// its ends where tanh is; log_probs: (rows). noise: (rows x d). What is not a number stays so.
  void sample(const Real* network,
              const Real* noise,
              std::int64_t rows,
              Real* actions,
              std::int64_t stride,
              Real* log_probs) const;

  /// Gradient in `network` of sum_rows [ c_r log pi_r + <g_r, a_r> ] by the reparametrised sample:
  /// log_prob_weights c (rows), action_gradients g (rows x d), network_gradients (rows x 2 d).
  void pull_back(const Real* network,
                 const Real* noise,
                 std::int64_t rows,
                 const Real* log_prob_weights,
                 const Real* action_gradients,
                 Real* network_gradients) const;

  /// One state: the action for a given noise (d), or tanh(mean) when noise is null; in (-1, 1).
  void act(const Real* network, const double* noise, double* action) const;
};

}  // namespace ergon
