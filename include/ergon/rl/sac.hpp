#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ergon/rl/agent.hpp"
#include "ergon/rl/sac_options.hpp"

namespace ergon {

struct PolicyDescription;

/// Soft actor-critic with twin critics, their targets and a diagonal Gaussian actor (Haarnoja et
/// al. 2018, arXiv 1801.01290 and 1812.05905), by hand-written passes: docs/maths/sac.md. An
/// update: critics descend on the batch's mean of sum_k (Q_k(s, a) - y)^2 (as the published
/// recipes, without 1/2), y = r + gamma continues (min_k Q'_k(s', a') - alpha log pi(a'|s')); the
/// actor on the mean of alpha log pi(a|s) - min_k Q_k(s, a) at the critics just updated; then a
/// learned temperature, by that step's log-densities; then the targets move.
///
/// update_info: "critic_loss", "actor_loss", "temperature" (after the update), "entropy" (mean of
/// -log pi), "value" (mean of min_k Q_k(s, a) at the replay's actions). What an update without a
/// step of the actor does not compute is repeated from the last that had one.
template <class Real>
class Sac : public Agent {
 public:
  /// Parameters from stream (seed, "parameters"). Throws InvalidInput: options, sizes below 1.
  Sac(std::int64_t observation_dim,
      std::int64_t action_dim,
      const SacOptions& options,
      std::uint64_t seed);
  ~Sac() override;

  std::int64_t observation_dim() const override;
  std::int64_t action_dim() const override;
  Policy& policy() override;
  std::vector<double> policy_parameters() const override;
  std::unique_ptr<Policy> policy_from(const std::vector<double>& parameters) const override;
  void update(const Replay& replay, Pcg64& random) override;
  UpdateInfo update_info() const override;
  void save(SafetensorsWriter& file) const override;
  void load(const SafetensorsFile& file) override;
  /// The policy with what the agent knows of it: its environment's name, range of actions and model
  /// hash, steps and seed are the caller's to fill in before save_policy_file.
  PolicyDescription describe_policy() const;

  /// The noise of one update, for tests that repeat it by other means: both (batch x action_dim).
  struct Noise {
    std::vector<Real> next;                ///< of the targets' actions
    std::vector<std::vector<Real>> actor;  ///< of each of the actor's steps of this update
  };
  /// An update on a given batch (of up to options.batch rows) with given noise: `update` draws
  /// both, in the order batch, next, actor, and calls this. `actor` empty: the actor is not due
  /// (policy_delay). The batch's next actions are overwritten.
  void update_on(Batch<Real>& batch, const Noise& noise);

  /// Flat parameters, as MlpShape lays them out: actor; both critics; both targets.
  const std::vector<Real>& actor_parameters() const;
  const std::vector<Real>& critic_parameters() const;
  const std::vector<Real>& target_parameters() const;
  double temperature() const;  ///< alpha, as the next update uses it
  const SacOptions& options() const;
  std::int64_t updates() const;  ///< so far
  MlpShape actor_shape() const;
  MlpShape critic_shape() const;

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace ergon
