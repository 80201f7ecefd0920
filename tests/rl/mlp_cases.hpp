#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "ergon/rl/mlp.hpp"

namespace ergon::testing {

/// Networks and inputs for tests of passes.
struct MlpCase {
  std::string name;  ///< letters and digits
  MlpShape shape;
  std::int64_t members, rows;
};

inline std::vector<MlpCase> mlp_cases() {
  return {
      {"OneLayer", {3, {5}, 2, MlpActivation::kRelu}, 1, 7},
      {"ThreeLayersOfOddWidths", {5, {9, 33, 17}, 3, MlpActivation::kElu}, 1, 19},
      {"TwinsOfOneOutput", {7, {12, 20}, 1, MlpActivation::kTanh}, 2, 13},
      {"OneRow", {4, {8, 8}, 6, MlpActivation::kRelu}, 2, 1},
      {"Pendulum", {4, {64, 64}, 1, MlpActivation::kRelu}, 2, 100},
      {"Walker", {23, {256, 256}, 1, MlpActivation::kRelu}, 2, 64},
      {"WalkersActor", {17, {256, 256}, 12, MlpActivation::kTanh}, 1, 33},
      {"WideThenNarrow", {11, {130, 7, 70}, 18, MlpActivation::kElu}, 2, 40},
  };
}

inline std::vector<double> normal_numbers(std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) number = normal(bits);
  return numbers;
}

/// Weights of the size that initialise_parameters gives, biases included.
template <class Real>
void fill_parameters(const MlpCase& test, Mlp<Real>& network) {
  const std::int64_t count = test.shape.parameter_count();
  const auto numbers = normal_numbers(test.members * count, 1);
  for (std::int64_t member = 0; member < test.members; ++member) {
    for (std::int64_t layer = 0; layer < test.shape.layers(); ++layer) {
      const std::int64_t in = test.shape.layer_input(layer);
      const std::int64_t first = member * count + test.shape.weight_offset(layer);
      for (std::int64_t i = 0; i < (in + 1) * test.shape.layer_output(layer); ++i) {
        const auto at = static_cast<std::size_t>(first + i);
        network.parameters()[at] =
            static_cast<Real>(numbers[at] / std::sqrt(static_cast<double>(in)));
      }
    }
  }
}

}  // namespace ergon::testing
