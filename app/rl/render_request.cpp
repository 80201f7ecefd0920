#include "rl/render_request.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace ergon {

const std::vector<EnumName<ActionMode>>& EnumNames<ActionMode>::all() {
  static const std::vector<EnumName<ActionMode>> names = {
      {ActionMode::kDeterministic, "deterministic", "tanh of the mean"},
      {ActionMode::kStochastic, "stochastic", "sampled actions, as in training"}};
  return names;
}

const std::vector<EnumName<app::RenderPolicy>>& EnumNames<app::RenderPolicy>::all() {
  static const std::vector<EnumName<app::RenderPolicy>> names = {
      {app::RenderPolicy::kAgent, "agent", "a trained agent"},
      {app::RenderPolicy::kRandom, "random", "actions uniform in their range"},
      {app::RenderPolicy::kZero, "zero", "the middle of the actions' range"}};
  return names;
}

namespace app {
namespace {

/// The whole word as a number of pixels, or 0.
int pixels(const std::string& word) {
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() && value > 0 ? value : 0;
}

}  // namespace

PictureSize picture_size(const std::string& word) {
  const std::size_t times = word.find('x');
  PictureSize size{0, 0};
  if (times != std::string::npos)
    size = {pixels(word.substr(0, times)), pixels(word.substr(times + 1))};
  require(size.columns > 0 && size.rows > 0,
          "--size: '{}' is not a size in pixels, such as 320x240", word);
  return size;
}

void RenderRequest::validate() const {
  require(!subject.empty(),
          "render what? give a run's folder or an agent.safetensors, or an environment of 'ergon "
          "envs' with --policy random");
  require(episodes >= 1, "--episodes must be at least 1, got {}", episodes);
  require(steps >= 0, "--steps must not be negative, got {}", steps);
  require(frames >= 1 && frames <= 100, "--frames must be 1 to 100, got {}", frames);
  const double fps = animation.value_or(25.0);
  require(fps >= 0.0 && fps <= 100.0, "--animation must be 0 to 100 pictures a second, got {}",
          fps);
  require(animation_seconds > 0.0 && animation_seconds <= 600.0,
          "--animation-seconds must be above 0 and at most 600, got {}", animation_seconds);
}

std::string render_folder_name(const std::string& environment, RenderPolicy policy) {
  std::string name = environment;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return std::isalnum(c) ? static_cast<char>(std::tolower(c)) : '-';
  });
  return fmt::format("render-{}-{}", name, to_name(policy));
}

}  // namespace app
}  // namespace ergon
