#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "ergon/env/vector_environment.hpp"

namespace ergon::internal {

/// Takes environments back to before a step that failed, without a copy of their states at every
/// step: keeps the states of some steps ago and the actions since, and repeats those.
class Rewind {
 public:
  explicit Rewind(VectorEnvironment& environments) : environments_(environments) {}

  /// Before every step: the actions that it takes, (count x action_dim).
  void note(const std::vector<double>& actions) {
    if (noted_ == 0 || noted_ == kSteps) {
      states_ = environments_.states();
      actions_.resize(kSteps * actions.size());
      noted_ = 0;
    }
    std::copy(actions.begin(), actions.end(), actions_.begin() + offset(noted_, actions.size()));
    ++noted_;
  }
  /// To before the last step that was noted.
  void go_back() {
    environments_.restore(states_);
    const std::size_t width = actions_.size() / kSteps;
    for (std::size_t step = 0; step + 1 < noted_; ++step)
      environments_.step(actions_.data() + offset(step, width));
    noted_ = 0;
  }
  /// The environments were restored by others.
  void forget() { noted_ = 0; }

 private:
  static constexpr std::size_t kSteps = 64;
  static std::ptrdiff_t offset(std::size_t step, std::size_t width) {
    return static_cast<std::ptrdiff_t>(step * width);
  }

  VectorEnvironment& environments_;
  std::vector<EnvironmentState> states_;
  std::vector<double> actions_;  ///< (kSteps x count x action_dim)
  std::size_t noted_ = 0;
};

}  // namespace ergon::internal
