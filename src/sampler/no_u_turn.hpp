#pragma once

#include <cstdint>

#include "ergon/density/log_density.hpp"

/// Multinomial no-U-turn trajectories of many chains in lockstep (docs/maths/chains.md).
namespace ergon {

/// N chains where their trajectories start.
struct TrajectoryStarts {
  Tensor particles;    ///< (N, D)
  Tensor log_density;  ///< (N)
  Tensor score;        ///< (N, D)
  Tensor momentum;     ///< (N, D)  ξ = M^{-1/2} p
  Tensor stride;       ///< (N, D)  a = ε M^{-1/2}
};

/// What is drawn from the trajectories, and what they were like.
struct TrajectoryDraws {
  Tensor particles;            ///< (N, D)
  Tensor log_density;          ///< (N)
  Tensor score;                ///< (N, D)
  Tensor acceptance;           ///< (N)  mean over the points of min(1, exp(H(start) - H))
  Tensor depth;                ///< (N)  completed doublings
  std::int64_t divergent = 0;  ///< trajectories ended by an energy error above 1000 or no number
  std::int64_t nonfinite = 0;  ///< among them, where log p̄ or its gradient was no number
};

/// Grows every trajectory to at most `most_doublings`, one gradient per new point.
TrajectoryDraws draw_trajectories(const LogDensity& target,
                                  const TrajectoryStarts& starts,
                                  std::int64_t most_doublings,
                                  Generator& generator);

}  // namespace ergon
