#include <memory>
#include <utility>
#include <vector>

#include "ergon/flow/box.hpp"
#include "ergon/flow/composition.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "ergon/flow/linear_map.hpp"
#include "ergon/flow/permutation.hpp"
#include "flow/layer_cases.hpp"

namespace ergon::testing {
namespace {

constexpr double kStddev = 0.4;

std::unique_ptr<FlowLayer> prepared(std::unique_ptr<FlowLayer> layer,
                                    at::ScalarType type,
                                    Seed seed) {
  set_parameter_type(*layer, type);
  perturb_parameters(*layer, kStddev, seed.child("perturbation"));
  return layer;
}

std::vector<LayerCase> linear_cases() {
  const auto linear = [](at::ScalarType type, Seed seed) {
    return prepared(std::make_unique<LinearMap>(4, seed.generator()), type, seed);
  };
  const auto linear_inverse = [linear](at::ScalarType type, Seed seed) {
    return std::make_unique<Inverse>(linear(type, seed));
  };
  const auto linear_context = [](at::ScalarType type, Seed seed) {
    const NetworkOptions network = {8, 1, Activation::kTanh};
    return prepared(std::make_unique<LinearMap>(4, 2, network, seed.generator()), type, seed);
  };
  const auto linear_context_inverse = [linear_context](at::ScalarType type, Seed seed) {
    return std::make_unique<Inverse>(linear_context(type, seed));
  };
  return {{"linear_map", linear},
          {"linear_map_inverse", linear_inverse},
          {"linear_map_context", linear_context},
          {"linear_map_context_inverse", linear_context_inverse}};
}

}  // namespace

std::vector<LayerCase> simple_layer_cases() {
  const auto affine = [](at::ScalarType type, Seed seed) {
    return prepared(std::make_unique<ElementwiseAffine>(3), type, seed);
  };
  const auto conditional = [](at::ScalarType type, Seed seed) {
    const NetworkOptions network = {8, 1, Activation::kTanh};
    return prepared(std::make_unique<ElementwiseAffine>(3, 2, network, seed.generator()), type,
                    seed);
  };
  // Wide enough for every point of the tests to lie inside.
  const auto box = [](at::ScalarType, Seed) { return std::make_unique<Box>(2, -30.0, 40.0); };
  const auto reversal = [](at::ScalarType, Seed) {
    return std::make_unique<Permutation>(Permutation::reversal(4));
  };
  const auto shuffle = [](at::ScalarType, Seed seed) {
    return std::make_unique<Permutation>(Permutation::shuffle(5, seed.generator()));
  };
  std::vector<LayerCase> all = linear_cases();
  all.insert(all.end(), {{"elementwise_affine", affine},
                         {"elementwise_affine_context", conditional},
                         {"box", box, 4.0},
                         {"permutation_reversal", reversal},
                         {"permutation_shuffle", shuffle}});
  return all;
}

}  // namespace ergon::testing
