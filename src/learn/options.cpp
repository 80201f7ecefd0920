#include "ergon/learn/options.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {

void FitOptions::validate() const {
  require(iterations >= 0, "--fit must not be negative, got {}", iterations);
  require(learning_rate > 0 && std::isfinite(learning_rate),
          "--fit-learning-rate must be positive, got {}", learning_rate);
  require(final_learning_rate > 0 && final_learning_rate <= learning_rate,
          "--fit-final-learning-rate must lie in (0, {}], the range of --fit-learning-rate, got {}",
          learning_rate, final_learning_rate);
  require(gradient_clip > 0, "--fit-gradient-clip must be positive, got {}", gradient_clip);
  require(particles == 0 || particles >= 2,
          "--fit-particles must be 0 (as --particles) or at least 2, got {}", particles);
  require(draws == 0 || draws >= 2, "--fit-draws must be 0 (256) or at least 2, got {}", draws);
  require(sets >= 1, "--fit-sets must be at least 1, got {}", sets);
  require(evaluate_every >= 1, "--fit-evaluate-every must be at least 1, got {}", evaluate_every);
}

FitOptions fit_preset(SamplerKind kind) {
  FitOptions options;
  if (kind != SamplerKind::kFlow) return options;
  options.iterations = 2000;
  options.learning_rate = 1e-3;
  options.final_learning_rate = 1e-5;
  options.draws = 500;
  options.evaluate_every = 50;
  return options;
}

}  // namespace ergon
