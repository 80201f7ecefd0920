#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ergon/flow/actnorm.hpp"
#include "ergon/flow/convolutional.hpp"
#include "ergon/flow/coupling.hpp"
#include "ergon/flow/glow.hpp"
#include "ergon/flow/invertible_convolution.hpp"
#include "ergon/flow/partial.hpp"
#include "ergon/flow/squeeze.hpp"
#include "ergon/flow/transformer.hpp"
#include "flow/layer_cases.hpp"

namespace ergon::testing {
namespace {

using LayerPointer = std::unique_ptr<FlowLayer>;

NetworkOptions small_network(Activation activation) {
  NetworkOptions network;
  network.hidden = 6;
  network.activation = activation;
  return network;
}

/// Channels (2 fixed, 1 moving) of 2 x 3.
LayerPointer channel_coupling(Activation activation, std::int64_t context_dim, Seed seed) {
  constexpr std::int64_t kPlaces = 6;
  std::vector<bool> mask(3 * kPlaces, false);
  for (std::size_t i = 2 * kPlaces; i < mask.size(); ++i) mask[i] = true;
  const ConvolutionalShape shape{2, 1, 2, 2, 3, context_dim};
  return std::make_unique<Coupling>(
      std::move(mask), affine_transformer(2.0),
      convolutional(shape, small_network(activation), seed.child("network").generator()));
}

LayerPointer glow(GlowShape shape, Activation activation, at::ScalarType type, Seed seed) {
  shape.levels = 2;
  shape.steps = 2;
  shape.network = small_network(activation);
  return glow_layers(shape, type, seed.child("glow").generator());
}

/// Four couplings of relu networks in a row: with larger weights they stretch points at ± 10 so
/// much that rounding in float32 alone moves what comes back.
constexpr double kGlowStddev = 0.05;

/// Random parameters of the type that is asked for.
LayerCase perturbed(const std::string& name,
                    std::function<LayerPointer(at::ScalarType, Seed)> make,
                    double stddev = 0.15) {
  return {name, [make = std::move(make), stddev](at::ScalarType type, Seed seed) {
            LayerPointer layer = make(type, seed);
            set_parameter_type(*layer, type);
            perturb_parameters(*layer, stddev, seed.child("perturbation"));
            return layer;
          }};
}

std::vector<LayerCase> conditional_linear_cases() {
  return {
      perturbed("ActNormOfVectorsConditional",
                [](at::ScalarType, Seed seed) {
                  return std::make_unique<ActNorm>(5, 1, 2, small_network(Activation::kTanh),
                                                   seed.child("network").generator());
                }),
      perturbed("ActNormOfImagesConditional",
                [](at::ScalarType, Seed seed) {
                  return std::make_unique<ActNorm>(3, 4, 2, small_network(Activation::kSilu),
                                                   seed.child("network").generator());
                }),
      perturbed("InvertibleConvolutionConditional",
                [](at::ScalarType, Seed seed) {
                  return std::make_unique<InvertibleConvolution>(
                      4, 3, 2, small_network(Activation::kTanh),
                      seed.child("rotation").generator());
                }),
      perturbed("InvertibleLinearConditional",
                [](at::ScalarType, Seed seed) {
                  return std::make_unique<InvertibleConvolution>(
                      5, 1, 2, small_network(Activation::kRelu),
                      seed.child("rotation").generator());
                }),
  };
}

}  // namespace

std::vector<LayerCase> image_layer_cases() {
  const auto inner = [](Seed seed) {
    return std::make_unique<InvertibleConvolution>(3, 2, seed.child("inner").generator());
  };
  std::vector<LayerCase> all = conditional_linear_cases();
  all.insert(all.end(),
             {
                 perturbed("ActNormOfVectors",
                           [](at::ScalarType, Seed) { return std::make_unique<ActNorm>(5, 1); }),
                 perturbed("ActNormOfImages",
                           [](at::ScalarType, Seed) { return std::make_unique<ActNorm>(3, 4); }),
                 perturbed("InvertibleConvolution",
                           [](at::ScalarType, Seed seed) {
                             return std::make_unique<InvertibleConvolution>(
                                 4, 3, seed.child("rotation").generator());
                           }),
                 perturbed("InvertibleLinear",
                           [](at::ScalarType, Seed seed) {
                             return std::make_unique<InvertibleConvolution>(
                                 5, 1, seed.child("rotation").generator());
                           }),
                 perturbed("Squeeze",
                           [](at::ScalarType, Seed) { return std::make_unique<Squeeze>(2, 2, 4); }),
                 perturbed("Partial",
                           [inner](at::ScalarType, Seed seed) {
                             return std::make_unique<Partial>(inner(seed), 8);
                           }),
                 perturbed("PartialOfAll",
                           [inner](at::ScalarType, Seed seed) {
                             return std::make_unique<Partial>(inner(seed), 6);
                           }),
                 perturbed("ChannelCouplingTanh",
                           [](at::ScalarType, Seed seed) {
                             return channel_coupling(Activation::kTanh, 0, seed);
                           }),
                 perturbed("ChannelCouplingRelu",
                           [](at::ScalarType, Seed seed) {
                             return channel_coupling(Activation::kRelu, 0, seed);
                           }),
                 perturbed("ChannelCouplingSiluConditional",
                           [](at::ScalarType, Seed seed) {
                             return channel_coupling(Activation::kSilu, 2, seed);
                           }),
                 perturbed(
                     "Glow1x8x8",
                     [](at::ScalarType type, Seed seed) {
                       return glow(GlowShape{1, 8, 8}, Activation::kRelu, type, seed);
                     },
                     kGlowStddev),
                 perturbed(
                     "Glow3x4x4",
                     [](at::ScalarType type, Seed seed) {
                       return glow(GlowShape{3, 4, 4}, Activation::kRelu, type, seed);
                     },
                     kGlowStddev),
                 perturbed(
                     "Glow1x4x4Conditional",
                     [](at::ScalarType type, Seed seed) {
                       GlowShape shape{1, 4, 4};
                       shape.context_dim = 3;
                       // Its many networks would put a kink of relu within a step of central
                       // differences.
                       return glow(shape, Activation::kTanh, type, seed);
                     },
                     kGlowStddev),
             });
  return all;
}

}  // namespace ergon::testing
