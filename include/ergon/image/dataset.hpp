#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/png.hpp"
#include "ergon/core/random.hpp"
#include "ergon/core/tensor.hpp"

namespace ergon {

/// Pictures of one size, a row each.
struct ImageSet {
  Tensor pixels;  ///< (n, channels · rows · columns) uint8, row-major in this order
  std::int64_t channels = 1;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// Pictures in an IDX file (n, rows, columns) or (n, channels, rows, columns). Throws InvalidInput
/// as read_idx, and for another number of dimensions or no picture.
ImageSet load_images(const std::string& path);

/// The mean of every factor x factor block, rounded to the nearest integer, halves up: still 256
/// levels. Throws InvalidInput: factor below 1, or no divisor of rows and columns.
ImageSet pool_images(const ImageSet& images, std::int64_t factor);

/// Pixels plus independent numbers, uniform on (0, 1) less 2^-16 at either end: in (0, 256) in
/// float32, too. What a density over pixels is fitted to (Uria, Murray, Larochelle 2013, "RNADE").
Tensor dequantized(const Tensor& pixels, at::ScalarType type, Generator generator);

/// -log p / (D ln 2) for the mean log-density of dequantized pixels, each in (0, 256): an upper
/// bound on the bits per dimension of the pixels themselves (Theis, van den Oord, Bethge 2016).
double bits_per_dimension(double mean_log_prob, std::int64_t dim);

/// Points (n, channels · rows · columns) on the scale of dequantized pixels as pictures: rounded
/// down, what is outside 0 … 255 moved to the end, NaN to 0. Throws InvalidInput: sizes that do not
/// fit, channels other than 1 or 3.
std::vector<Image8> as_pictures(const Tensor& points,
                                std::int64_t channels,
                                std::int64_t rows,
                                std::int64_t columns);

enum class FashionMnistSplit { kTrain, kTest };

/// The pictures of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017; 28 x 28, 60,000 and 10,000): in the
/// folder that the environment's ERGON_DATA names, or where Debian's dataset-fashion-mnist puts
/// them. Throws InvalidInput, saying what to install, where neither has them.
std::string fashion_mnist_path(FashionMnistSplit split);

}  // namespace ergon
