#pragma once

#include <vector>

#include "ergon/rl/agent.hpp"
#include "ergon/rl/mlp.hpp"
#include "ergon/rl/squashed_gaussian.hpp"

namespace ergon::internal {

/// A network's squashed Gaussian at one observation at a time, with parameters of its own.
template <class Real>
class GaussianPolicy : public Policy {
 public:
  GaussianPolicy(const MlpShape& shape,
                 const SquashedGaussian<Real>& density,
                 const Real* parameters)
      : density_(density),
        network_(shape, parameters),
        observation_(static_cast<std::size_t>(shape.input)),
        output_(static_cast<std::size_t>(shape.output)),
        noise_(static_cast<std::size_t>(density.dim)) {}

  void assign(const Real* parameters) { network_.assign(parameters); }

  void act(const double* observation, ActionMode mode, Pcg64& random, double* action) override {
    for (std::size_t i = 0; i < observation_.size(); ++i) {
      observation_[i] = static_cast<Real>(observation[i]);
    }
    network_.evaluate(observation_.data(), output_.data());
    const bool draws = mode == ActionMode::kStochastic;
    if (draws) {
      for (double& number : noise_) number = random.normal();
    }
    density_.act(output_.data(), draws ? noise_.data() : nullptr, action);
  }

 private:
  SquashedGaussian<Real> density_;
  MlpSingle<Real> network_;
  std::vector<Real> observation_;
  std::vector<Real> output_;
  std::vector<double> noise_;
};

}  // namespace ergon::internal
