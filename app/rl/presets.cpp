#include "rl/presets.hpp"

namespace ergon {

const std::vector<EnumName<app::RlPreset>>& EnumNames<app::RlPreset>::all() {
  using app::RlPreset;
  static const std::vector<EnumName<RlPreset>> names = {
      {RlPreset::kStableBaselines3, "stable-baselines3",
       "batch 256, learned temperature, an update a step (Stable-Baselines3 and its zoo)"},
      {RlPreset::kCleanrl, "cleanrl",
       "batch 256, learned temperature, delayed actor, tanh log standard deviations (CleanRL)"},
      {RlPreset::kSpinningUp, "spinning-up",
       "batch 100, temperature 0.2, 50 updates every 50 steps (Spinning Up)"},
      {RlPreset::kS2ac, "s2ac", "Spinning Up's with three hidden layers in the actor (S2AC)"},
      {RlPreset::kPendulum, "pendulum", "64-64, batch 100, 10000 steps: Pendulum-v1 in seconds"},
  };
  return names;
}

}  // namespace ergon

namespace ergon::app {

const std::string& preset_text(RlPreset preset) {
  const auto text = preset_texts().find(std::string(to_name(preset)) + ".toml");
  ERGON_CHECK(text != preset_texts().end(), "the preset {} has no file", to_name(preset));
  return text->second;
}

RlPreset default_preset(const std::string& environment) {
  return environment == "Pendulum-v1" ? RlPreset::kPendulum : RlPreset::kStableBaselines3;
}

}  // namespace ergon::app
