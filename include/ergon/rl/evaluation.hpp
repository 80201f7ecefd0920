#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ergon/env/vector_environment.hpp"
#include "ergon/rl/agent.hpp"

namespace ergon {

/// Undiscounted returns and lengths of whole episodes.
struct EpisodeReturns {
  std::vector<double> returns;
  std::vector<std::int64_t> lengths;
  std::vector<bool> terminated;  ///< false: ended by the time limit
};

/// Mean with its standard error, sqrt(variance / episodes) with the unbiased variance; NaN for one
/// episode.
struct MeanReturn {
  double mean = 0.0;
  double standard_error = 0.0;
};
/// Throws InvalidInput for no episodes.
MeanReturn mean_return(const EpisodeReturns& episodes);

/// `episodes` whole episodes in `environment`: the start of episode i comes from stream (seed,
/// "start", i), its stochastic actions from (seed, "action", i). The same policy, environment and
/// seed give the same returns, and both modes begin at the same starts. Throws InvalidInput unless
/// episodes >= 1, and NumericalFailure as Environment::step.
EpisodeReturns evaluate(Environment& environment,
                        Policy& policy,
                        ActionMode mode,
                        std::int64_t episodes,
                        std::uint64_t seed);

/// The seed of the evaluation at `step` of a training run with `seed`: the first number of stream
/// (seed, "evaluation", step).
std::uint64_t evaluation_seed(std::uint64_t seed, std::int64_t step);

/// One evaluation of a training run.
struct Evaluation {
  std::int64_t step = 0;  ///< environment steps before it
  EpisodeReturns deterministic;
  EpisodeReturns stochastic;
};

/// Evaluates snapshots one after the other in a thread of its own, in an environment of its own,
/// while training goes on: what is measured depends on (seed, step) alone, not on when it ran. The
/// thread flushes denormal numbers to zero.
class Evaluator {
 public:
  /// `episodes` of each mode in an evaluation. Throws InvalidInput unless episodes >= 1, and what
  /// `make` throws.
  Evaluator(const EnvironmentMaker& make, std::int64_t episodes, std::uint64_t seed);
  ~Evaluator();  ///< gives up what is queued and running, between two environment steps
  /// Queues a snapshot; waits while four are queued.
  void submit(std::int64_t step, std::unique_ptr<Policy> snapshot);
  /// Results that are complete and were not yet taken, in the order of submission. Where there are
  /// none, throws what the first evaluation that failed threw, at every call; the others go on.
  std::vector<Evaluation> take();
  /// Waits for all that were submitted. Throws what the first evaluation that failed threw.
  void wait();

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace ergon
