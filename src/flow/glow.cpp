#include "ergon/flow/glow.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/flow/actnorm.hpp"
#include "ergon/flow/composition.hpp"
#include "ergon/flow/convolutional.hpp"
#include "ergon/flow/coupling.hpp"
#include "ergon/flow/invertible_convolution.hpp"
#include "ergon/flow/partial.hpp"
#include "ergon/flow/squeeze.hpp"
#include "ergon/flow/transformer.hpp"
#include "parameters.hpp"

namespace ergon {
namespace {

/// The second half of the channels moves under parameters that the first determines.
std::unique_ptr<FlowLayer> channel_coupling(const GlowShape& shape, const Generator& generator) {
  const std::int64_t half = shape.channels / 2;
  const std::int64_t places = shape.rows * shape.columns;
  std::vector<bool> mask(static_cast<std::size_t>(shape.channels * places), true);
  std::fill_n(mask.begin(), half * places, false);
  auto transformer = affine_transformer(shape.log_scale_bound);
  const ConvolutionalShape sizes{
      half,       shape.channels - half, transformer->parameters_per_coordinate(),
      shape.rows, shape.columns,         shape.context_dim};
  auto network = convolutional(sizes, shape.network, generator);
  return std::make_unique<Coupling>(std::move(mask), std::move(transformer), std::move(network));
}

/// One level and those below it. `shape` has the sizes of the level's input, `levels` what is left.
std::unique_ptr<FlowLayer> level(const GlowShape& shape, const Generator& generator) {
  GlowShape inside = shape;
  inside.channels *= 4;
  inside.rows /= 2;
  inside.columns /= 2;
  const std::int64_t places = inside.rows * inside.columns;
  // From the base to the data: what the data meet last stands first.
  std::vector<std::unique_ptr<FlowLayer>> layers;
  if (shape.levels > 1) {
    GlowShape below = inside;
    below.channels /= 2;
    below.levels -= 1;
    layers.push_back(std::make_unique<Partial>(level(below, generator), inside.channels * places));
  }
  for (std::int64_t step = 0; step < shape.steps; ++step) {
    layers.push_back(std::make_unique<Inverse>(channel_coupling(inside, generator)));
    layers.push_back(std::make_unique<Inverse>(std::make_unique<InvertibleConvolution>(
        inside.channels, places, inside.context_dim, inside.network, generator)));
    layers.push_back(std::make_unique<ActNorm>(inside.channels, places, inside.context_dim,
                                               inside.network, generator));
  }
  layers.push_back(std::make_unique<Inverse>(
      std::make_unique<Squeeze>(shape.channels, shape.rows, shape.columns)));
  return std::make_unique<Composition>(std::move(layers));
}

}  // namespace

std::unique_ptr<FlowLayer> glow_layers(const GlowShape& shape,
                                       at::ScalarType type,
                                       Generator generator) {
  require(shape.channels >= 1 && shape.rows >= 1 && shape.columns >= 1,
          "a Glow needs positive sizes, got {} channels of {} x {}", shape.channels, shape.rows,
          shape.columns);
  require(shape.levels >= 1 && shape.steps >= 1,
          "a Glow needs at least one level of one step, got {} levels of {} steps", shape.levels,
          shape.steps);
  const std::int64_t possible = possible_levels(shape.rows, shape.columns);
  require(shape.levels <= possible,
          "a Glow of {} levels halves its images {} times, but {} x {} pixels can be halved only "
          "{} times; choose at most {} levels, or images of other sizes",
          shape.levels, shape.levels, shape.rows, shape.columns, possible, possible);
  auto layers = level(shape, generator);
  internal::convert_parameters(layers->parameters(), type);
  return layers;
}

}  // namespace ergon
