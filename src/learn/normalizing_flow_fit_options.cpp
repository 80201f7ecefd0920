#include "ergon/learn/normalizing_flow_fit_options.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {

void NormalizingFlowFitOptions::validate() const {
  require(iterations >= 1, "--iterations must be at least 1, got {}", iterations);
  require(batch >= 1, "--batch must be at least 1, got {}", batch);
  require(learning_rate > 0 && std::isfinite(learning_rate),
          "--learning-rate must be positive, got {}", learning_rate);
  require(final_learning_rate > 0 && final_learning_rate <= learning_rate,
          "--final-learning-rate must lie in (0, {}], the range of --learning-rate, got {}",
          learning_rate, final_learning_rate);
  require(gradient_clip > 0, "--gradient-clip must be positive, got {}", gradient_clip);
  require(evaluate_every >= 1, "--evaluate-every must be at least 1, got {}", evaluate_every);
  require(held_out_draws >= 2, "--held-out-draws must be at least 2, got {}", held_out_draws);
  require(patience >= 0, "--patience must not be negative (0: never stop early), got {}", patience);
}

}  // namespace ergon
