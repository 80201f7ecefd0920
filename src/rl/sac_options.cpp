#include "ergon/rl/sac_options.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kWidest = 65536;
constexpr std::int64_t kLargestBatch = 1'000'000;
constexpr std::int64_t kLongestDelay = 1000;

void require_widths(const char* field, const std::vector<std::int64_t>& widths) {
  require(!widths.empty(), "--{} must name at least one layer", field);
  for (const std::int64_t width : widths) {
    require(width >= 1 && width <= kWidest, "--{} must hold widths from 1 to {}, got {}", field,
            kWidest, width);
  }
}

void require_positive(const char* field, double value) {
  require(value > 0 && std::isfinite(value), "--{} must be positive, got {}", field, value);
}

}  // namespace

void SacOptions::validate() const {
  require_widths("actor-hidden", actor_hidden);
  require_widths("critic-hidden", critic_hidden);
  require(batch >= 1 && batch <= kLargestBatch, "--batch must lie in [1, {}], got {}",
          kLargestBatch, batch);
  require_positive("actor-learning-rate", actor_learning_rate);
  require_positive("critic-learning-rate", critic_learning_rate);
  require(discount >= 0 && discount < 1, "--discount must lie in [0, 1), got {}", discount);
  require(target_rate > 0 && target_rate <= 1, "--target-rate must lie in (0, 1], got {}",
          target_rate);
  require_positive("initial-temperature", initial_temperature);
  require_positive("temperature-learning-rate", temperature_learning_rate);
  require(!target_entropy || std::isfinite(*target_entropy),
          "--target-entropy must be finite, got {}", target_entropy.value_or(0));
  require(std::isfinite(log_stddev_low), "--log-stddev-low must be finite, got {}", log_stddev_low);
  require(log_stddev_high > log_stddev_low && std::isfinite(log_stddev_high),
          "--log-stddev-high must be above --log-stddev-low, {}, got {}", log_stddev_low,
          log_stddev_high);
  require(policy_delay >= 1 && policy_delay <= kLongestDelay,
          "--policy-delay must lie in [1, {}], got {}", kLongestDelay, policy_delay);
}

const std::vector<EnumName<TemperatureRule>>& EnumNames<TemperatureRule>::all() {
  static const std::vector<EnumName<TemperatureRule>> names = {
      {TemperatureRule::kFixed, "fixed", "--initial-temperature for ever"},
      {TemperatureRule::kLearned, "learned", "steers the entropy to --target-entropy"}};
  return names;
}

const std::vector<EnumName<TemperatureLoss>>& EnumNames<TemperatureLoss>::all() {
  static const std::vector<EnumName<TemperatureLoss>> names = {
      {TemperatureLoss::kTemperature, "temperature",
       "the temperature times what entropy exceeds its target (CleanRL)"},
      {TemperatureLoss::kLogTemperature, "log-temperature",
       "its logarithm times the same (Stable-Baselines3)"}};
  return names;
}

const std::vector<EnumName<LogStddevMap>>& EnumNames<LogStddevMap>::all() {
  static const std::vector<EnumName<LogStddevMap>> names = {
      {LogStddevMap::kClip, "clip", "cut to the range"},
      {LogStddevMap::kTanh, "tanh", "squashed into the range by tanh (CleanRL)"}};
  return names;
}

}  // namespace ergon
