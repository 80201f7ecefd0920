#pragma once

#include <cstdint>

#include "ergon/flow/flow_gradient_options.hpp"

namespace ergon {

/// Options of a flow's training: Adam on one batch an iteration.
struct NormalizingFlowFitOptions {
  FlowGradient gradient = FlowGradient::kReversePath;
  std::int64_t iterations = 2000;     ///< >= 1
  std::int64_t batch = 500;           ///< draws, or points of the data, an iteration, >= 1
  double learning_rate = 1e-3;        ///< Adam's step, > 0
  double final_learning_rate = 1e-5;  ///< at the last iteration; cosine decay in between, 0 < final
                                      ///< <= first
  double gradient_clip = 10.0;        ///< the gradient's norm is cut to this, > 0
  std::int64_t evaluate_every = 50;   ///< iterations between evaluations on held-out draws or data,
                                      ///< which decide what is best, >= 1
  std::int64_t held_out_draws = 2000;  ///< reverse KL: held-out draws, >= 2
  std::int64_t patience =
      0;  ///< stop after this many evaluations without a new best; 0: never, >= 0

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field.
template <class Self, class Visitor>
void visit_normalizing_flow_fit_fields(Self& self, Visitor&& visit) {
  visit("gradient", self.gradient, "divergence, and how its gradient is estimated");
  visit("iterations", self.iterations, "iterations of Adam");
  visit("batch", self.batch, "draws, or points of the data, in an iteration");
  visit("learning-rate", self.learning_rate, "Adam's learning rate");
  visit("final-learning-rate", self.final_learning_rate,
        "learning rate at the last iteration (cosine decay)");
  visit("gradient-clip", self.gradient_clip, "norm to which a gradient is cut");
  visit("evaluate-every", self.evaluate_every, "iterations between evaluations on held-out data");
  visit("held-out-draws", self.held_out_draws, "reverse KL: draws of an evaluation");
  visit("patience", self.patience,
        "stop after this many evaluations without a new best (0: never)");
}

}  // namespace ergon
