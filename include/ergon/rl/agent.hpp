#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/pcg64.hpp"
#include "ergon/core/safetensors.hpp"
#include "ergon/rl/replay.hpp"

namespace ergon {

enum class ActionMode { kStochastic, kDeterministic };

/// What acts. Actions are in (-1, 1)^d; scale_action takes them to an environment's range. Owned
/// by one thread at a time.
class Policy {
 public:
  virtual ~Policy() = default;
  /// observation: (observation_dim), action: (action_dim). Draws from `random` only when
  /// stochastic.
  virtual void act(const double* observation, ActionMode mode, Pcg64& random, double* action) = 0;
};

/// Numbers of an update for logs, by name ("critic_loss", "actor_loss", "temperature", "entropy",
/// "value"); means over the batch.
using UpdateInfo = std::vector<std::pair<std::string, double>>;

/// What learns from a replay.
class Agent {
 public:
  virtual ~Agent() = default;
  virtual std::int64_t observation_dim() const = 0;
  virtual std::int64_t action_dim() const = 0;
  /// Acts with the current parameters.
  virtual Policy& policy() = 0;
  /// All numbers of the policy, in doubles, which hold float32 and float64 alike without loss.
  virtual std::vector<double> policy_parameters() const = 0;
  /// A policy with such numbers, as it acted then, bit for bit: how evaluations that wait outlive
  /// the process. Throws InvalidInput for another count of numbers.
  virtual std::unique_ptr<Policy> policy_from(const std::vector<double>& parameters) const = 0;
  /// A copy of the policy that later updates leave alone, for another thread.
  virtual std::unique_ptr<Policy> snapshot() const { return policy_from(policy_parameters()); }
  /// One update on a minibatch of `replay` drawn by `random`. Throws NumericalFailure naming the
  /// quantity when a loss is not finite; the agent may then be half-way through the update.
  virtual void update(const Replay& replay, Pcg64& random) = 0;
  /// Of the last update.
  virtual UpdateInfo update_info() const = 0;
  /// Everything that later updates depend on: arrays "agent.*".
  virtual void save(SafetensorsWriter& file) const = 0;
  /// Throws InvalidInput naming the file when it does not fit.
  virtual void load(const SafetensorsFile& file) = 0;
};

/// From (-1, 1) to [low, high], number by number: low + (a + 1)/2 (high - low).
inline double scale_action(double action, double low, double high) {
  return low + 0.5 * (action + 1.0) * (high - low);
}

}  // namespace ergon
