#pragma once

#include <map>
#include <string>
#include <vector>

#include "ergon/stein/support.hpp"

namespace ergon::testing {

/// One case of ../shared/golden/stein_step: inputs and the numbers to match (see the README there).
struct GoldenStep {
  std::string name;
  std::map<std::string, Tensor> arrays;
  const Tensor& at(const std::string& key) const { return arrays.at(key); }
  bool has(const std::string& key) const { return arrays.count(key) > 0; }
  stein::Support support() const;
  /// The target's log-density, from the mixture or network stored in the case.
  Tensor log_density(const Tensor& x) const;
};

/// All cases; empty when the data are absent.
const std::vector<GoldenStep>& golden_steps();

}  // namespace ergon::testing
