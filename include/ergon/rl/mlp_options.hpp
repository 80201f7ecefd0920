#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/enum_names.hpp"

namespace ergon {

enum class MlpActivation { kRelu, kTanh, kElu };

/// A fully connected network: linear layers with an activation between them, none after the last.
/// Parameters lie in one array, layer after layer: weight (out x in, row-major, as
/// torch.nn.Linear's), then bias (out).
struct MlpShape {
  std::int64_t input = 0;
  std::vector<std::int64_t> hidden = {256, 256};
  std::int64_t output = 0;
  MlpActivation activation = MlpActivation::kRelu;

  std::int64_t layers() const { return static_cast<std::int64_t>(hidden.size()) + 1; }
  std::int64_t layer_input(std::int64_t layer) const {
    return layer == 0 ? input : hidden[static_cast<std::size_t>(layer - 1)];
  }
  std::int64_t layer_output(std::int64_t layer) const {
    return layer + 1 == layers() ? output : hidden[static_cast<std::size_t>(layer)];
  }
  std::int64_t parameter_count() const;
  /// Where a layer's weight starts in the array of parameters; its bias follows the weight.
  std::int64_t weight_offset(std::int64_t layer) const;
  std::int64_t bias_offset(std::int64_t layer) const {
    return weight_offset(layer) + layer_input(layer) * layer_output(layer);
  }
  /// Throws InvalidInput naming the size that is below 1, or no hidden layer.
  void validate() const;
};

// clang-format off
template <> struct EnumNames<MlpActivation> { static const std::vector<EnumName<MlpActivation>>& all(); };
// clang-format on

}  // namespace ergon
