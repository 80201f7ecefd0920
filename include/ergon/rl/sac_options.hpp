#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/enum_names.hpp"
#include "ergon/rl/mlp_options.hpp"

/// Options of soft actor-critic: plain values, filled alike from the command line, TOML and JSON.
namespace ergon {

enum class TemperatureRule { kFixed, kLearned };
/// What the loss of a learned temperature multiplies: the temperature (CleanRL), or its logarithm
/// (Stable-Baselines3).
enum class TemperatureLoss { kTemperature, kLogTemperature };
/// From the network's raw output to a log standard deviation: cut to the range, or
/// low + (high - low)/2 (tanh(raw) + 1).
enum class LogStddevMap { kClip, kTanh };

struct SacOptions {
  std::vector<std::int64_t> actor_hidden = {256, 256};
  std::vector<std::int64_t> critic_hidden = {256, 256};
  MlpActivation activation = MlpActivation::kRelu;
  std::int64_t batch = 256;            ///< transitions of an update, >= 1
  double actor_learning_rate = 3e-4;   ///< > 0
  double critic_learning_rate = 3e-4;  ///< > 0
  double discount = 0.99;              ///< gamma, in [0, 1)
  double target_rate = 0.005;  ///< tau: share of the critics in the targets an update, (0, 1]
  TemperatureRule temperature = TemperatureRule::kLearned;
  double initial_temperature = 1.0;         ///< alpha, > 0; the temperature itself when fixed
  double temperature_learning_rate = 3e-4;  ///< > 0
  TemperatureLoss temperature_loss = TemperatureLoss::kLogTemperature;
  std::optional<double> target_entropy;  ///< of the action in (-1, 1)^d; absent: -d
  LogStddevMap log_stddev_map = LogStddevMap::kClip;
  double log_stddev_low = -20.0;
  double log_stddev_high = 2.0;   ///< > low
  std::int64_t policy_delay = 1;  ///< every this many updates the actor makes this many, >= 1

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field.
template <class Self, class Visitor>
void visit_sac_fields(Self& self, Visitor&& visit) {
  visit("actor-hidden", self.actor_hidden, "widths of the actor's hidden layers");
  visit("critic-hidden", self.critic_hidden, "widths of the critics' hidden layers");
  visit("activation", self.activation, "activation of the networks");
  visit("batch", self.batch, "transitions in an update");
  visit("actor-learning-rate", self.actor_learning_rate, "Adam's learning rate of the actor");
  visit("critic-learning-rate", self.critic_learning_rate, "Adam's learning rate of the critics");
  visit("discount", self.discount, "gamma");
  visit("target-rate", self.target_rate, "share of the critics in their targets at every update");
  visit("temperature", self.temperature, "whether the temperature is fixed or learned");
  visit("initial-temperature", self.initial_temperature, "alpha at the start, or for ever");
  visit("temperature-learning-rate", self.temperature_learning_rate,
        "Adam's learning rate of the logarithm of the temperature");
  visit("temperature-loss", self.temperature_loss, "what a learned temperature descends on");
  visit("target-entropy", self.target_entropy,
        "entropy that a learned temperature steers to (default: minus the number of actions)");
  visit("log-stddev-map", self.log_stddev_map, "how log standard deviations are kept in range");
  visit("log-stddev-low", self.log_stddev_low, "lower end of that range");
  visit("log-stddev-high", self.log_stddev_high, "upper end of that range");
  visit("policy-delay", self.policy_delay,
        "the actor is updated every this many updates, as often at once");
}

// clang-format off
template <> struct EnumNames<TemperatureRule> { static const std::vector<EnumName<TemperatureRule>>& all(); };
template <> struct EnumNames<TemperatureLoss> { static const std::vector<EnumName<TemperatureLoss>>& all(); };
template <> struct EnumNames<LogStddevMap> { static const std::vector<EnumName<LogStddevMap>>& all(); };
// clang-format on

}  // namespace ergon
