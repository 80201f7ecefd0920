#include "flow/layer_cases.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <iterator>
#include <utility>

namespace ergon::testing {

void perturb_parameters(const FlowLayer& layer, double stddev, Seed seed) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : layer.parameters()) {
    Tensor values = tensor;
    values.add_(draw::normal_like(tensor, seed.child(name).generator()), stddev);
  }
}

void set_parameter_type(const FlowLayer& layer, at::ScalarType type) {
  for (const auto& [name, tensor] : layer.parameters()) {
    if (tensor.scalar_type() != type) tensor.set_data(tensor.detach().to(type));
  }
}

std::vector<LayerCase> layer_cases() {
  std::vector<LayerCase> all;
  for (auto part : {coupling_cases, autoregressive_cases, spline_cases, simple_layer_cases,
                    image_layer_cases}) {
    std::vector<LayerCase> cases = part();
    std::move(cases.begin(), cases.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace ergon::testing
