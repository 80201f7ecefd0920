#pragma once

#include <map>
#include <string>

#include "ergon/core/enum_names.hpp"

/// Published recipes: assets/presets/NAME.toml, built into the program.
namespace ergon::app {

enum class RlPreset { kStableBaselines3, kCleanrl, kSpinningUp, kS2ac, kPendulum };

/// The TOML text of a recipe; its keys are options of `ergon rl train`.
const std::string& preset_text(RlPreset preset);

/// The recipe for an environment when none is asked for.
RlPreset default_preset(const std::string& environment);

/// The files of assets/presets by name; the source is written at build time
/// (cmake/embed_texts.cmake).
const std::map<std::string, std::string>& preset_texts();

}  // namespace ergon::app

namespace ergon {

// clang-format off
template <> struct EnumNames<app::RlPreset> { static const std::vector<EnumName<app::RlPreset>>& all(); };
// clang-format on

}  // namespace ergon
