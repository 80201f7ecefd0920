#pragma once

#include <map>
#include <string>

namespace ergon::internal {

/// The model files of assets/mujoco by name; the source is written at build time
/// (cmake/embed_texts.cmake).
const std::map<std::string, std::string>& model_texts();

}  // namespace ergon::internal
