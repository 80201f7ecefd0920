#pragma once

#include <c10/core/ScalarType.h>

#include "ergon/core/tensor.hpp"
#include "ergon/rl/sac.hpp"

namespace ergon {

/// Soft actor-critic as ergon::Sac computes it, written plainly with tensors and automatic
/// differentiation: what the hand-written passes are tested against, and the general, slow path.
/// Parameters are flat tensors, laid out as MlpShape says.
class AutogradSac {
 public:
  /// Parameters are zero until set. Throws InvalidInput: options, sizes below 1.
  AutogradSac(std::int64_t observation_dim,
              std::int64_t action_dim,
              const SacOptions& options,
              c10::ScalarType type);

  /// Copies of another agent's networks: actor; both critics, one after the other; both targets.
  /// Throws InvalidInput for another count of numbers.
  void set_parameters(const Tensor& actor, const Tensor& critics, const Tensor& targets);

  /// As Sac::update_on.
  template <class Real>
  void update_on(const Batch<Real>& batch, const typename Sac<Real>::Noise& noise);

  Tensor actor() const { return actor_.values.detach(); }
  Tensor critics() const { return critics_.values.detach(); }
  Tensor targets() const { return targets_; }
  double temperature() const;
  /// The same numbers as Sac::update_info.
  UpdateInfo update_info() const;

 private:
  /// Parameters with Adam's moments (Kingma & Ba 2015, algorithm 1).
  struct Learned {
    Tensor values;
    Tensor first_moment;
    Tensor second_moment;
    std::int64_t steps = 0;
    void start(const Tensor& from);
    void descend(const Tensor& loss, double learning_rate);
  };
  struct Transitions {
    Tensor observation, action, next_observation, reward, continues;
  };
  struct Draw {
    Tensor action, log_prob;
  };
  Tensor network(const MlpShape& shape, const Tensor& parameters, Tensor x) const;
  Draw draw(const Tensor& observation, const Tensor& noise) const;
  Tensor smaller_value(const Tensor& parameters, const Tensor& input) const;
  Tensor critic(std::int64_t index, const Tensor& parameters, const Tensor& input) const;
  void update_critics(const Transitions& batch, const Tensor& noise);
  void update_actor(const Transitions& batch, const Tensor& noise);

  SacOptions options_;
  std::int64_t actions_;
  MlpShape actor_shape_;
  MlpShape critic_shape_;
  c10::ScalarType type_;
  Learned actor_;
  Learned critics_;
  Learned log_temperature_;
  Tensor targets_;
  double critic_loss_ = 0.0;
  double actor_loss_ = 0.0;
  double entropy_ = 0.0;
  double value_ = 0.0;
};

}  // namespace ergon
