#pragma once

#include <cstdint>

#include "ergon/sampler/options.hpp"

namespace ergon {

/// Options of the reverse-KL fit (`--fit`): minimise E[log q^L - log p̄(x^L)] over everything the
/// sampler learns, through all steps, with Adam.
struct FitOptions {
  std::int64_t iterations = 0;  ///< number of Adam iterations, >= 0; 0: no fit
  double learning_rate = 0.1;   ///< Adam's step, > 0
  double final_learning_rate =
      0.005;  ///< at the last iteration; cosine decay in between, 0 < final <= first
  double gradient_clip = 10.0;  ///< the gradient's norm is cut to this, > 0
  std::int64_t particles = 0;   ///< M while fitting; 0: the sampler's own
  std::int64_t sets = 1;        ///< independent sets of draws per iteration, >= 1
  std::int64_t draws = 0;       ///< stein-flow: fresh draws of every flow per iteration; 0: 256.
                                ///< flow: those of an iteration, >= 2
  std::int64_t evaluate_every =
      10;  ///< iterations between evaluations on held-out draws, which decide what is best, >= 1

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

/// What a sampler's fit starts from. flow: 2000 iterations of 500 draws, learning rate from 1e-3 to
/// 1e-5, evaluations every 50; the others: none.
FitOptions fit_preset(SamplerKind kind);

/// Calls visit(name, reference, help) for every field: the one list behind the command line, TOML
/// and JSON.
template <class Self, class Visitor>
void visit_fit_fields(Self& self, Visitor&& visit) {
  visit("fit", self.iterations, "iterations of the reverse-KL fit before sampling (0: none)");
  visit("fit-learning-rate", self.learning_rate, "Adam's learning rate");
  visit("fit-final-learning-rate", self.final_learning_rate,
        "learning rate at the last iteration (cosine decay)");
  visit("fit-gradient-clip", self.gradient_clip, "norm to which a gradient is cut");
  visit("fit-particles", self.particles, "particles in a set while fitting (0: as --particles)");
  visit("fit-sets", self.sets, "independent sets of draws per iteration");
  visit("fit-draws", self.draws, "flow: draws per iteration; stein-flow: of every set (0: 256)");
  visit("fit-evaluate-every", self.evaluate_every,
        "iterations between evaluations on held-out draws");
}

}  // namespace ergon
