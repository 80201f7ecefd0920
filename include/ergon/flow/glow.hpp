#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/options.hpp"

namespace ergon {

/// Sizes of a Glow.
struct GlowShape {
  std::int64_t channels = 1;
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t levels = 1;       ///< each halves rows and columns, >= 1
  std::int64_t steps = 1;        ///< of every level, >= 1
  double log_scale_bound = 2.0;  ///< of the couplings, > 0
  std::int64_t context_dim = 0;  ///< >= 0; what all three layers of a step are conditional on
  NetworkOptions network = {};
};

/// The layers of a Glow on points (channels, rows, columns), row-major (Kingma, Dhariwal 2018).
/// From the data to the base, a level is: squeeze; `steps` times actnorm, invertible 1 x 1
/// convolution, affine coupling of the second half of the channels by the first; then the second
/// half of the channels goes to the base and the first to the next level. `forward` goes from the
/// base to the data. Parameters are leaves of `type` that require gradients; the couplings start as
/// the identity, the convolutions as rotations. Throws InvalidInput: sizes that are not positive,
/// more levels than possible.
std::unique_ptr<FlowLayer> glow_layers(const GlowShape& shape,
                                       at::ScalarType type,
                                       Generator generator);

}  // namespace ergon
