#include <mujoco/mujoco.h>

#include <algorithm>

#include "env/factories.hpp"
#include "env/model_texts.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace internal {

const std::vector<EnvironmentFamily>& environment_families() {
  static const std::vector<EnvironmentFamily> families = [] {
    std::vector<EnvironmentFamily> all = mujoco_families();
    for (auto& family : plane_families()) all.push_back(std::move(family));
    return all;
  }();
  return families;
}

}  // namespace internal

namespace {

using internal::EnvironmentFamily;
using internal::EnvironmentVersion;

std::string full_name(const EnvironmentFamily& family, const EnvironmentVersion& version) {
  return fmt::format("{}-v{}", family.name, version.number);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Levenshtein's distance between words, capitals aside.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      const std::size_t replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// " (did you mean Walker2d-v4 or Walker2d-v5?)", or nothing when no name is near.
std::string nearest_names(const std::string& name) {
  std::size_t best = std::max<std::size_t>(3, name.size() / 3) + 1;
  std::vector<std::string> nearest;
  for (const std::string& candidate : environment_names()) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best) nearest.clear();
    if (distance <= best && distance < name.size()) {
      nearest.push_back(candidate);
      best = distance;
    }
  }
  if (nearest.empty()) return "";
  return fmt::format(" (did you mean {}?)", fmt::join(nearest, " or "));
}

[[noreturn]] void refuse_name(const std::string& name) {
  fail("there is no environment '{}'{}; choose one of: {}", name, nearest_names(name),
       fmt::join(environment_names(), ", "));
}

}  // namespace

const std::vector<std::string>& environment_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& family : internal::environment_families()) {
      for (const auto& version : family.versions) all.push_back(full_name(family, version));
    }
    return all;
  }();
  return names;
}

std::unique_ptr<Environment> make_environment(const EnvironmentOptions& options) {
  require(options.max_episode_steps >= 0,
          "max_episode_steps is {}; give a number of steps, or 0 for the environment's own limit",
          options.max_episode_steps);
  for (const auto& family : internal::environment_families()) {
    for (const auto& version : family.versions) {
      if (options.name != full_name(family, version)) continue;
      EnvironmentSpec spec;
      spec.name = options.name;
      spec.summary = family.summary;
      spec.rules = version.rules;
      spec.max_episode_steps =
          options.max_episode_steps > 0 ? options.max_episode_steps : family.max_episode_steps;
      spec.reward_threshold = family.reward_threshold;
      spec.model = family.model;
      return family.make(std::move(spec), version.number);
    }
  }
  refuse_name(options.name);
}

std::string mujoco_version() { return mj_versionString(); }

const std::string& model_text(const std::string& file) {
  const auto& texts = internal::model_texts();
  const auto found = texts.find(file);
  if (found != texts.end()) return found->second;
  std::vector<std::string> files;
  for (const auto& entry : texts) files.push_back(entry.first);
  fail("there is no model '{}'; choose one of: {}", file, fmt::join(files, ", "));
}

}  // namespace ergon
