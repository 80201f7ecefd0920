#include "ergon/rl/adam.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"
#include "passes.hpp"

namespace ergon {

template <class Real>
Adam<Real>::Adam(std::int64_t count, AdamOptions options) : options_(options) {
  require(count >= 1, "Adam needs at least 1 parameter, got {}", count);
  require(options.learning_rate > 0 && std::isfinite(options.learning_rate),
          "Adam's learning rate must be positive, got {}", options.learning_rate);
  require(options.beta1 >= 0 && options.beta1 < 1, "Adam's beta1 must lie in [0, 1), got {}",
          options.beta1);
  require(options.beta2 >= 0 && options.beta2 < 1, "Adam's beta2 must lie in [0, 1), got {}",
          options.beta2);
  require(options.epsilon > 0, "Adam's epsilon must be positive, got {}", options.epsilon);
  first_.resize(static_cast<std::size_t>(count));
  second_.resize(static_cast<std::size_t>(count));
}

template <class Real>
void Adam<Real>::step(const Real* gradients, Real* parameters) {
  ++steps_;
  const double correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(options_.beta2, static_cast<double>(steps_));
  passes::AdamStep<Real> step;
  step.beta1 = static_cast<Real>(options_.beta1);
  step.rest1 = static_cast<Real>(1 - options_.beta1);
  step.beta2 = static_cast<Real>(options_.beta2);
  step.rest2 = static_cast<Real>(1 - options_.beta2);
  const double root = std::sqrt(correction2);
  step.size = static_cast<Real>(options_.learning_rate * root / correction1);
  step.epsilon = static_cast<Real>(options_.epsilon * root);
  passes::functions<Real>().adam(step, static_cast<std::int64_t>(first_.size()), gradients,
                                 {first_.data(), second_.data(), parameters});
}

template <class Real>
void move_towards(const Real* source, double rate, std::int64_t count, Real* target) {
  passes::functions<Real>().move_towards(source, static_cast<Real>(rate), count, target);
}

template class Adam<float>;
template class Adam<double>;
template void move_towards(const float*, double, std::int64_t, float*);
template void move_towards(const double*, double, std::int64_t, double*);

}  // namespace ergon
