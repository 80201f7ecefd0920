#include <utility>

#include "ergon/flow/composition.hpp"
#include "ergon/flow/coupling.hpp"
#include "flow/layer_cases.hpp"

namespace ergon::testing {
namespace {

constexpr double kLogScaleBound = 2.0;

struct CouplingCase {
  std::vector<bool> mask;
  std::int64_t context_dim = 0;
  NetworkOptions network = {8, 2, Activation::kTanh};
};

std::unique_ptr<FlowLayer> coupling(const CouplingCase& of,
                                    std::unique_ptr<Transformer> transformer,
                                    Seed seed) {
  std::int64_t moving = 0;
  for (const bool moves : of.mask) moving += moves ? 1 : 0;
  const ConditionerShape shape = {static_cast<std::int64_t>(of.mask.size()) - moving,
                                  of.context_dim,
                                  moving * transformer->parameters_per_coordinate()};
  auto network = fully_connected(shape, of.network, seed.child("network").generator());
  auto layer = std::make_unique<Coupling>(of.mask, std::move(transformer), std::move(network));
  perturb_parameters(*layer, 0.3, seed.child("parameters"));
  return layer;
}

std::unique_ptr<FlowLayer> affine(const CouplingCase& of, Seed seed) {
  return coupling(of, affine_transformer(kLogScaleBound), seed);
}

LayerCase affine_case(const std::string& name, const CouplingCase& of) {
  return {name, [of](at::ScalarType type, Seed seed) {
            auto layer = affine(of, seed);
            set_parameter_type(*layer, type);
            return layer;
          }};
}

LayerCase additive_case(const std::string& name, const CouplingCase& of) {
  return {name, [of](at::ScalarType type, Seed seed) {
            auto layer = coupling(of, additive_transformer(), seed);
            set_parameter_type(*layer, type);
            return layer;
          }};
}

std::unique_ptr<FlowLayer> inverse_of_coupling(at::ScalarType type, Seed seed) {
  auto layer = std::make_unique<Inverse>(affine({{true, false, true, false}}, seed));
  set_parameter_type(*layer, type);
  return layer;
}

/// Couplings of four masks; two of them take the context, the others none.
std::unique_ptr<FlowLayer> composed_couplings(at::ScalarType type, Seed seed) {
  const bool T = true, F = false;
  std::vector<std::unique_ptr<FlowLayer>> layers;
  layers.push_back(affine({{T, F, T, F}, 2}, seed.child("layer", 0)));
  layers.push_back(std::make_unique<Inverse>(affine({{F, T, F, T}}, seed.child("layer", 1))));
  layers.push_back(coupling({{T, T, F, F}, 2}, additive_transformer(), seed.child("layer", 2)));
  layers.push_back(affine({{F, T, T, F}}, seed.child("layer", 3)));
  auto layer = std::make_unique<Composition>(std::move(layers));
  set_parameter_type(*layer, type);
  return layer;
}

}  // namespace

std::vector<LayerCase> coupling_cases() {
  const bool T = true, F = false;
  return {
      affine_case("affine_coupling_of_two", {{T, F}}),
      affine_case("affine_coupling_halves", {{F, F, F, T, T}}),
      affine_case("affine_coupling_alternating", {{F, T, F, T, F, T}}),
      affine_case("affine_coupling_alternating_odd", {{T, F, T, F, T}}),
      affine_case("affine_coupling_checkerboard", {{T, F, T, F, F, T, F, T}}),
      affine_case("affine_coupling_any_mask", {{T, F, F, T, T, F, T}}),
      affine_case("affine_coupling_conditional", {{T, F, T, F}, 3}),
      affine_case("affine_coupling_silu", {{F, T, T}, 0, {8, 3, Activation::kSilu}}),
      affine_case("affine_coupling_relu", {{T, F, T, F}, 2, {16, 1, Activation::kRelu}}),
      additive_case("additive_coupling", {{T, F, T, F}}),
      additive_case("additive_coupling_conditional", {{F, F, T}, 2}),
      {"inverse_of_coupling", inverse_of_coupling},
      {"composed_couplings", composed_couplings},
  };
}

}  // namespace ergon::testing
