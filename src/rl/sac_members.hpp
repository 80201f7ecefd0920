#pragma once

#include <array>
#include <memory>
#include <vector>

#include "ergon/rl/adam.hpp"
#include "ergon/rl/mlp.hpp"
#include "ergon/rl/policy_file.hpp"
#include "ergon/rl/sac.hpp"
#include "gaussian_policy.hpp"

namespace ergon {

/// All of the agent: what learns, and buffers for one update. Equations: docs/maths/sac.md.
template <class Real>
struct Sac<Real>::Members {
  Members(MlpShape actor_shape, MlpShape critic_shape, const SacOptions& sac_options);

  /// Acts with the actor's parameters of the moment, which it copies when they have changed.
  class CurrentPolicy : public Policy {
   public:
    explicit CurrentPolicy(Members& owner);
    void act(const double* observation, ActionMode mode, Pcg64& random, double* action) override;

   private:
    Members& owner_;
    internal::GaussianPolicy<Real> copy_;
  };

  /// Parts of an update.
  void compute_targets(Batch<Real>& batch, const std::vector<Real>& noise);     ///< eq. (4)
  void update_critics(const Batch<Real>& batch);                                ///< eq. (5)
  void update_actor(const Batch<Real>& batch, const std::vector<Real>& noise);  ///< eqs. (6)-(10)
  void update_temperature(double mean_log_prob);                                ///< eqs. (11), (12)
  /// The gradient of the critics' part of eq. (6) in their outputs; returns the sum of min_k Q_k.
  double select_smaller(std::int64_t rows);

  /// What checkpoints hold as it is, by name.
  struct Array {
    const char* name;
    std::vector<Real>* numbers;
  };
  std::array<Array, 7> arrays();

  SacOptions options;
  std::int64_t observations;
  std::int64_t actions;
  double target_entropy;
  SquashedGaussian<Real> density;

  Mlp<Real> actor;
  Mlp<Real> critics;
  Mlp<Real> targets;
  Adam<Real> actor_adam;
  Adam<Real> critic_adam;
  Adam<double> temperature_adam;
  double log_temperature;
  double temperature;
  std::int64_t updates = 0;
  bool policy_is_current = false;

  struct Info {
    double critic_loss = 0.0;
    double actor_loss = 0.0;
    double entropy = 0.0;
    double value = 0.0;
  } info;

  Batch<Real> batch;                    ///< drawn by update()
  Noise noise;                          ///< likewise
  std::vector<Real> proposal;           ///< the batch's input with the actor's new actions
  std::vector<Real> log_probs;          ///< (rows)
  std::vector<Real> target_value;       ///< (rows): y
  std::vector<Real> output_gradients;   ///< (2 x rows): of the critics
  std::vector<Real> log_prob_weights;   ///< (rows)
  std::vector<Real> action_gradients;   ///< (rows x d)
  std::vector<Real> network_gradients;  ///< (rows x 2 d)
  std::unique_ptr<CurrentPolicy> policy;
};

}  // namespace ergon
