#include <utility>

#include "ergon/flow/composition.hpp"
#include "ergon/flow/coupling.hpp"
#include "ergon/flow/planar.hpp"
#include "ergon/flow/radial.hpp"
#include "flow/layer_cases.hpp"

namespace ergon::testing {
namespace {

const NetworkOptions kNetwork = {8, 2, Activation::kTanh};

struct SplineCase {
  std::vector<bool> mask;
  std::int64_t bins = 6;
  double tail = 3.0;
  std::int64_t context_dim = 0;
};

std::unique_ptr<FlowLayer> spline_coupling(const SplineCase& of, Seed seed) {
  std::int64_t moving = 0;
  for (const bool moves : of.mask) moving += moves ? 1 : 0;
  auto spline = spline_transformer(of.bins, of.tail);
  const ConditionerShape shape = {static_cast<std::int64_t>(of.mask.size()) - moving,
                                  of.context_dim, moving * spline->parameters_per_coordinate()};
  auto network = fully_connected(shape, kNetwork, seed.child("network").generator());
  return std::make_unique<Coupling>(of.mask, std::move(spline), std::move(network));
}

using Maker = std::function<std::unique_ptr<FlowLayer>(Seed)>;

enum class Turned { kNo, kInverse };

/// A layer with random parameters, or the inverse of one.
LayerCase random_case(const std::string& name, const Maker& make, Turned turned = Turned::kNo) {
  return {name, [=](at::ScalarType type, Seed seed) {
            std::unique_ptr<FlowLayer> layer = make(seed.child("layer"));
            perturb_parameters(*layer, 0.3, seed.child("parameters"));
            if (turned == Turned::kInverse) layer = std::make_unique<Inverse>(std::move(layer));
            set_parameter_type(*layer, type);
            return layer;
          }};
}

Maker spline_of(const SplineCase& of) {
  return [of](Seed seed) { return spline_coupling(of, seed); };
}

template <class Layer>
Maker maker(std::int64_t dim, std::int64_t context_dim) {
  return [=](Seed seed) {
    return std::make_unique<Layer>(dim, context_dim, kNetwork, seed.generator());
  };
}

}  // namespace

std::vector<LayerCase> spline_cases() {
  const bool T = true, F = false;
  return {
      random_case("spline_coupling_of_two", spline_of({{T, F}, 4, 4.0})),
      random_case("spline_coupling_halves", spline_of({{F, F, T, T, T}})),
      random_case("spline_coupling_two_bins", spline_of({{T, F, T, F}, 2, 1.0})),
      random_case("spline_coupling_conditional", spline_of({{F, T, F, T}, 8, 5.0, 3})),
      random_case("inverse_of_spline_coupling", spline_of({{T, F, T}}), Turned::kInverse),
      random_case("planar", maker<Planar>(4, 0)),
      random_case("planar_on_the_line", maker<Planar>(1, 0)),
      random_case("planar_conditional", maker<Planar>(3, 2)),
      random_case("inverse_of_planar", maker<Planar>(4, 0), Turned::kInverse),
      random_case("inverse_of_planar_conditional", maker<Planar>(3, 2), Turned::kInverse),
      random_case("radial", maker<Radial>(4, 0)),
      random_case("radial_on_the_line", maker<Radial>(1, 0)),
      random_case("radial_conditional", maker<Radial>(3, 2)),
      random_case("inverse_of_radial", maker<Radial>(4, 0), Turned::kInverse),
      random_case("inverse_of_radial_conditional", maker<Radial>(3, 2), Turned::kInverse),
  };
}

}  // namespace ergon::testing
