#include "ergon/rl/mlp_options.hpp"

#include "ergon/core/errors.hpp"

namespace ergon {

std::int64_t MlpShape::weight_offset(std::int64_t layer) const {
  std::int64_t offset = 0;
  for (std::int64_t before = 0; before < layer; ++before)
    offset += (layer_input(before) + 1) * layer_output(before);
  return offset;
}

std::int64_t MlpShape::parameter_count() const { return weight_offset(layers()); }

void MlpShape::validate() const {
  require(input >= 1, "a network needs at least 1 input, got {}", input);
  require(output >= 1, "a network needs at least 1 output, got {}", output);
  require(!hidden.empty(), "a network needs at least 1 hidden layer: give its width");
  for (std::size_t layer = 0; layer < hidden.size(); ++layer)
    require(hidden[layer] >= 1, "hidden layer {} of a network needs a width of at least 1, got {}",
            layer + 1, hidden[layer]);
}

const std::vector<EnumName<MlpActivation>>& EnumNames<MlpActivation>::all() {
  static const std::vector<EnumName<MlpActivation>> names = {
      {MlpActivation::kRelu, "relu", "max(x, 0)"},
      {MlpActivation::kTanh, "tanh", "hyperbolic tangent"},
      {MlpActivation::kElu, "elu", "x above zero, e^x - 1 below"},
  };
  return names;
}

}  // namespace ergon
