#pragma once

#include <cstdint>
#include <vector>

namespace ergon {

struct AdamOptions {
  double learning_rate = 3e-4;  ///< > 0
  double beta1 = 0.9;           ///< in [0, 1)
  double beta2 = 0.999;         ///< in [0, 1)
  double epsilon = 1e-8;        ///< > 0, added to the root, as torch.optim.Adam does
};

/// Adam with bias correction (Kingma & Ba 2015, algorithm 1) over one flat array, in one sweep;
/// torch.optim.Adam's numbers to rounding. Throws InvalidInput: count below 1, or an option outside
/// its range.
template <class Real>
class Adam {
 public:
  Adam(std::int64_t count, AdamOptions options);
  /// One step. Both arrays have `count` numbers.
  void step(const Real* gradients, Real* parameters);

  const AdamOptions& options() const { return options_; }
  /// For checkpoints.
  std::vector<Real>& first_moments() { return first_; }
  std::vector<Real>& second_moments() { return second_; }
  std::int64_t& steps() { return steps_; }

 private:
  AdamOptions options_;
  std::vector<Real> first_;
  std::vector<Real> second_;
  std::int64_t steps_ = 0;
};

/// target += rate (source - target), number by number: Polyak averaging of target networks.
template <class Real>
void move_towards(const Real* source, double rate, std::int64_t count, Real* target);

}  // namespace ergon
