#pragma once

#include <cstdint>
#include <memory>

#include "ergon/flow/conditioner.hpp"

namespace ergon {

/// Sizes of a convolutional network between images of one size.
struct ConvolutionalShape {
  std::int64_t channels_in = 1;
  std::int64_t channels_out = 1;
  std::int64_t numbers_per_coordinate = 1;  ///< K of the transformer that is fed
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t context_dim = 0;
};

/// A convolutional network: 3 x 3, then 1 x 1 between hidden layers, last 3 x 3 of zeros (Kingma,
/// Dhariwal 2018, "Glow"), padded with zeros. options.hidden is the channels of a hidden layer. The
/// context enters the first hidden layer, alike in every place.
/// Input: (..., n, channels_in · rows · columns), output (..., n, channels_out · rows · columns ·
/// K), the K numbers of a coordinate side by side. Weights float64, uniform with variance 1/fan_in.
/// Throws InvalidInput: sizes below 1.
std::unique_ptr<Conditioner> convolutional(const ConvolutionalShape& shape,
                                           const NetworkOptions& options,
                                           Generator generator);

}  // namespace ergon
