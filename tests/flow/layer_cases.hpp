#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon::testing {

/// One layer of the matrix in layer_matrix_test.cpp. Its parameters are random, not those of the
/// identity.
struct LayerCase {
  std::string name;  ///< letters, digits, underscores
  std::function<std::unique_ptr<FlowLayer>(at::ScalarType, Seed)> make;
  double far = 10.0;  ///< round trips are checked at points up to ± this, in float32 as well
};

/// Adds a Gaussian of this standard deviation to every parameter, so that nothing stays the
/// identity.
void perturb_parameters(const FlowLayer& layer, double stddev, Seed seed);

/// Gives every parameter another element type: networks are float64 when they are made.
void set_parameter_type(const FlowLayer& layer, at::ScalarType type);

/// All cases, and those of every part.
std::vector<LayerCase> layer_cases();
std::vector<LayerCase> coupling_cases();
std::vector<LayerCase> autoregressive_cases();
std::vector<LayerCase> spline_cases();
std::vector<LayerCase> simple_layer_cases();
std::vector<LayerCase> image_layer_cases();

}  // namespace ergon::testing
