#include "support/golden.hpp"

#include <algorithm>
#include <filesystem>

#include "ergon/core/tensor_io.hpp"

namespace ergon::testing {

std::string shared_path(const std::string& relative) {
  return (std::filesystem::path(ERGON_SOURCE_DIR) / ".." / "shared" / relative)
      .lexically_normal()
      .string();
}

bool shared_exists(const std::string& relative) {
  return std::filesystem::exists(shared_path(relative));
}

std::vector<std::string> list_shared(const std::string& folder, const std::string& ending) {
  std::vector<std::string> names;
  if (!shared_exists(folder)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(shared_path(folder))) {
    if (entry.path().extension() == ending) {
      names.push_back(folder + "/" + entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::map<std::string, Tensor> load_golden(const std::string& relative) {
  std::map<std::string, Tensor> arrays;
  for (auto& [name, tensor] : load_tensors(shared_path(relative))) arrays.emplace(name, tensor);
  return arrays;
}

}  // namespace ergon::testing
