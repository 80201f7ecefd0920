#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ergon/env/environment.hpp"

namespace ergon {

using EnvironmentMaker = std::function<std::unique_ptr<Environment>()>;

/// Several environments of one kind that step together, over the threads of parallel_over
/// (workers.hpp): the results do not depend on their number. An episode that ends is followed by a
/// reset within the same step: `observations()` then holds the new episode's first observation and
/// `final_observations()` the old one's last.
class VectorEnvironment {
 public:
  /// `count` environments; environment i is seeded with the i-th number of stream
  /// (seed, "environment"). Throws InvalidInput unless count >= 1.
  VectorEnvironment(const EnvironmentMaker& make, std::int64_t count, std::uint64_t seed);
  ~VectorEnvironment();

  std::int64_t count() const;
  const EnvironmentSpec& spec() const;
  /// Begins an episode in all of them.
  void reset();
  /// One step in all of them. `actions`: (count x action_dim). Throws what the lowest one threw;
  /// the others may then have stepped or not, until reset or restore.
  void step(const double* actions);

  const std::vector<double>& observations() const;        ///< (count x observation_dim)
  const std::vector<double>& final_observations() const;  ///< (count x observation_dim): before a
                                                          ///< reset; equal to the above elsewhere
  const std::vector<StepResult>& results() const;         ///< (count) of the last step

  std::vector<EnvironmentState> states() const;
  /// Goes on from there; no step has been taken, so results() are zero and both observations the
  /// current ones. Throws InvalidInput for another count, and as Environment::restore, and then has
  /// changed nothing.
  void restore(const std::vector<EnvironmentState>& states);
  /// Throws InvalidInput unless 0 <= index < count().
  const Environment& at(std::int64_t index) const;

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace ergon
