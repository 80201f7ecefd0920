#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "ergon/core/tensor.hpp"

namespace ergon::testing {

/// Where a file of the reference data beside the project would be: shared_path("data/german.csv").
/// These data are not part of the project; a test that needs them starts with
/// ERGON_SKIP_WITHOUT_SHARED.
std::string shared_path(const std::string& relative);
bool shared_exists(const std::string& relative);

/// Names ("golden/stein_step/x.npz") of the files with this ending in a folder of the shared data,
/// sorted; empty when absent.
std::vector<std::string> list_shared(const std::string& folder, const std::string& ending);

/// All arrays of an .npz of the shared data by name:
/// load_golden("golden/stein_step/gmm_N8_D2_s-one.npz").
std::map<std::string, Tensor> load_golden(const std::string& relative);

}  // namespace ergon::testing

/// Skips the running test, with the reason, when a file or folder of the shared data is absent.
#define ERGON_SKIP_WITHOUT_SHARED(relative)                                             \
  do {                                                                                  \
    if (!::ergon::testing::shared_exists(relative))                                     \
      GTEST_SKIP() << "no reference data: " << ::ergon::testing::shared_path(relative); \
  } while (false)
