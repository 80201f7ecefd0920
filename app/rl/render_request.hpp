#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ergon/core/option_json.hpp"
#include "ergon/env/environment.hpp"
#include "ergon/rl/agent.hpp"

namespace ergon {
// clang-format off
template <> struct EnumNames<ActionMode> { static const std::vector<EnumName<ActionMode>>& all(); };
// clang-format on
}  // namespace ergon

namespace ergon::app {

/// What acts: a trained agent, or something that needs none.
enum class RenderPolicy { kAgent, kRandom, kZero };

/// Episodes that are run and drawn: all that the engine is told.
struct RenderRequest {
  std::string subject;  ///< a run's folder, an agent's file, or an environment
  RenderPolicy policy = RenderPolicy::kAgent;
  ActionMode mode = ActionMode::kDeterministic;
  std::int64_t episodes = 1;  ///< >= 1; the first one is drawn
  std::int64_t steps = 0;     ///< most steps of an episode; 0: the environment's own limit
  std::uint64_t seed = 0;
  std::int64_t frames = 8;  ///< of strip.png, >= 1
  PictureSize size;
  /// Pictures a second of animation.png; 0: no animation; absent: 25, or 6 where a step is no
  /// physical time.
  std::optional<double> animation;
  double animation_seconds = 10.0;  ///< of the animation, at most, > 0
  std::string out;                  ///< the folder; set to the one that was used
  bool overwrite = false;           ///< earlier pictures in `out` may be replaced
  bool quiet = false;               ///< no progress on stderr
  Json result;                      ///< filled in: what render.json holds

  /// Throws InvalidInput naming option, value and the rule it breaks.
  void validate() const;
};

inline constexpr const char* kRenderSymbol = "ergon_rl_engine_render";
inline constexpr const char* kRenderSchema = "ergon-rl-render-result/1";

/// "320x240" to a size. Throws InvalidInput.
PictureSize picture_size(const std::string& word);

/// Of a word, what is not a letter or a digit becomes '-': "pendulum-v1-random".
std::string render_folder_name(const std::string& environment, RenderPolicy policy);

}  // namespace ergon::app

namespace ergon {
// clang-format off
template <> struct EnumNames<app::RenderPolicy> { static const std::vector<EnumName<app::RenderPolicy>>& all(); };
// clang-format on
}  // namespace ergon
