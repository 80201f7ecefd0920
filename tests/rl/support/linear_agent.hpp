#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/rl/agent.hpp"

namespace ergon::testing {

/// Acts tanh(w x + v b + c), with noise when stochastic.
class LinearPolicy : public Policy {
 public:
  explicit LinearPolicy(std::vector<double> parameters) : parameters_(std::move(parameters)) {}
  void act(const double* observation, ActionMode mode, Pcg64& random, double* action) override {
    const std::size_t inputs = parameters_.size() - 1;
    double sum = parameters_[inputs];
    for (std::size_t i = 0; i < inputs; ++i) sum += parameters_[i] * observation[i];
    if (mode == ActionMode::kStochastic) sum += 0.5 * random.normal();
    action[0] = std::tanh(sum);
  }
  std::vector<double>& parameters() { return parameters_; }
  const std::vector<double>& parameters() const { return parameters_; }

 private:
  std::vector<double> parameters_;
};

struct LinearAgentOptions {
  std::int64_t observation_dim = 2;
  std::int64_t failing_update = 0;  ///< from 1; 0: none
  /// Called before every update, with the replay and the updates so far.
  std::function<void(const Replay&, std::int64_t)> before_update;
  /// Called by snapshots before every action.
  std::function<void()> before_action;
};

/// A linear policy that moves at random, with momentum, towards what minibatches show: cheap, with
/// a state of its own and a result that depends on every bit of it.
class LinearAgent : public Agent {
 public:
  explicit LinearAgent(LinearAgentOptions options = {})
      : options_(std::move(options)),
        policy_(std::vector<double>(static_cast<std::size_t>(options_.observation_dim) + 1, 0.1)),
        momentum_(policy_.parameters().size(), 0.0) {}

  std::int64_t observation_dim() const override { return options_.observation_dim; }
  std::int64_t action_dim() const override { return 1; }
  Policy& policy() override { return policy_; }
  std::vector<double> policy_parameters() const override { return policy_.parameters(); }
  std::unique_ptr<Policy> policy_from(const std::vector<double>& parameters) const override {
    require(parameters.size() == momentum_.size(), "{} parameters, not {}", parameters.size(),
            momentum_.size());
    return std::make_unique<Snapshot>(parameters, options_.before_action);
  }
  void update(const Replay& replay, Pcg64& random) override {
    if (options_.before_update) options_.before_update(replay, updates_);
    replay.sample(8, random, batch_);
    loss_ = 0.0;
    for (std::size_t i = 0; i < 8; ++i)
      loss_ += batch_.reward[i] + batch_.continues[i] * batch_.next_input[3 * i] / 8.0;
    for (std::size_t i = 0; i < momentum_.size(); ++i) {
      momentum_[i] = 0.9 * momentum_[i] + 0.001 * loss_ * random.normal();
      policy_.parameters()[i] = 0.999 * policy_.parameters()[i] + momentum_[i];
    }
    if (++updates_ == options_.failing_update)
      throw NumericalFailure("the loss of the line is not finite");
  }
  UpdateInfo update_info() const override {
    UpdateInfo info = {{"loss", loss_}, {"count", static_cast<double>(updates_)}};
    if (updates_ % 4 == 0) info.insert(info.begin(), {"fourth", 1.0 + loss_});
    return info;
  }
  void save(SafetensorsWriter& file) const override {
    file.add_copy("agent.parameters", policy_.parameters());
    file.add_copy("agent.momentum", momentum_);
    file.add_copy("agent.updates", std::vector<std::int64_t>{updates_});
  }
  void load(const SafetensorsFile& file) override {
    const auto count = static_cast<std::int64_t>(momentum_.size());
    file.read("agent.parameters", policy_.parameters().data(), count);
    file.read("agent.momentum", momentum_.data(), count);
    file.read("agent.updates", &updates_, 1);
  }

 private:
  class Snapshot : public LinearPolicy {
   public:
    Snapshot(std::vector<double> parameters, std::function<void()> before)
        : LinearPolicy(std::move(parameters)), before_(std::move(before)) {}
    void act(const double* observation, ActionMode mode, Pcg64& random, double* action) override {
      if (before_) before_();
      LinearPolicy::act(observation, mode, random, action);
    }

   private:
    std::function<void()> before_;
  };

  LinearAgentOptions options_;
  LinearPolicy policy_;
  std::vector<double> momentum_;
  std::int64_t updates_ = 0;
  double loss_ = 0.0;
  Batch<double> batch_;
};

}  // namespace ergon::testing
