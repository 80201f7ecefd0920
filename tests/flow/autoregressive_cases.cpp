#include <utility>

#include "ergon/flow/autoregressive.hpp"
#include "ergon/flow/composition.hpp"
#include "flow/layer_cases.hpp"

namespace ergon::testing {
namespace {

constexpr double kLogScaleBound = 2.0;
constexpr std::int64_t kBins = 5;
constexpr double kTail = 3.0;

/// inverse: the coordinate-by-coordinate map is the layer's inverse (IAF); masked: its forward.
enum class Kind { kInverseFlow, kMaskedFlow };
enum class Map { kAdditive, kAffine, kSpline };

struct AutoregressiveCase {
  Kind kind = Kind::kInverseFlow;
  Map map = Map::kAffine;
  std::int64_t dim = 4;
  std::int64_t context_dim = 0;
  NetworkOptions network = {12, 2, Activation::kTanh};
};

std::unique_ptr<Transformer> transformer(Map map) {
  switch (map) {
    case Map::kAdditive:
      return additive_transformer();
    case Map::kSpline:
      return spline_transformer(kBins, kTail);
    case Map::kAffine:
      break;
  }
  return affine_transformer(kLogScaleBound);
}

std::unique_ptr<FlowLayer> autoregressive(const AutoregressiveCase& of,
                                          at::ScalarType type,
                                          Seed seed) {
  auto map = transformer(of.map);
  auto network =
      std::make_unique<MaskedNetwork>(of.dim, map->parameters_per_coordinate(), of.context_dim,
                                      of.network, seed.child("network").generator());
  std::unique_ptr<FlowLayer> layer =
      std::make_unique<Autoregressive>(std::move(map), std::move(network));
  perturb_parameters(*layer, 0.3, seed.child("parameters"));
  set_parameter_type(*layer, type);
  if (of.kind == Kind::kMaskedFlow) layer = std::make_unique<Inverse>(std::move(layer));
  return layer;
}

LayerCase named(const std::string& name, const AutoregressiveCase& of) {
  return {name, [of](at::ScalarType type, Seed seed) { return autoregressive(of, type, seed); }};
}

}  // namespace

std::vector<LayerCase> autoregressive_cases() {
  const auto iaf = Kind::kInverseFlow, maf = Kind::kMaskedFlow;
  return {
      named("affine_iaf", {iaf}),
      named("affine_iaf_conditional", {iaf, Map::kAffine, 3, 2}),
      named("affine_iaf_of_one_conditional", {iaf, Map::kAffine, 1, 2}),
      named("affine_iaf_few_units", {iaf, Map::kAffine, 6, 0, {3, 1, Activation::kTanh}}),
      named("affine_maf", {maf}),
      named("affine_maf_conditional", {maf, Map::kAffine, 3, 2, {10, 3, Activation::kRelu}}),
      named("affine_maf_silu", {maf, Map::kAffine, 4, 0, {6, 2, Activation::kSilu}}),
      named("additive_iaf", {iaf, Map::kAdditive, 3}),
      named("spline_iaf", {iaf, Map::kSpline, 3}),
      named("spline_maf", {maf, Map::kSpline, 3}),
      named("spline_maf_conditional", {maf, Map::kSpline, 3, 2}),
  };
}

}  // namespace ergon::testing
