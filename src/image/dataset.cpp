#include "ergon/image/dataset.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/image/idx.hpp"

namespace ergon {
namespace {

// Noise stays this far inside (0, 1): in float32 255 + u < 256 then, and 0 + u > 0, so that a
// density on that box is positive.
constexpr double kNoiseMargin = 1.0 / 65536;

}  // namespace

ImageSet load_images(const std::string& path) {
  const IdxArray array = read_idx(path);
  const auto& shape = array.shape;
  require(shape.size() == 3 || shape.size() == 4,
          "'{}' holds an array ({}), not pictures (n, rows, columns) or (n, channels, rows, "
          "columns){}",
          path, fmt::join(shape, ", "), shape.size() == 1 ? "; it may be the labels" : "");
  require(!array.bytes.empty(), "'{}' holds no picture: its shape is ({})", path,
          fmt::join(shape, ", "));
  ImageSet images;
  images.channels = shape.size() == 4 ? shape[1] : 1;
  images.rows = shape[shape.size() - 2];
  images.columns = shape.back();
  images.pixels = at::empty({shape[0], images.channels * images.rows * images.columns},
                            at::TensorOptions().dtype(at::kByte));
  std::memcpy(images.pixels.data_ptr<std::uint8_t>(), array.bytes.data(), array.bytes.size());
  return images;
}

ImageSet pool_images(const ImageSet& images, std::int64_t factor) {
  require(factor >= 1 && images.rows % factor == 0 && images.columns % factor == 0,
          "pictures of {} x {} cannot be pooled by {}; choose a divisor of both sides", images.rows,
          images.columns, factor);
  if (factor == 1) return images;
  const std::int64_t rows = images.rows / factor, columns = images.columns / factor;
  const std::int64_t area = factor * factor;
  const Tensor sums = images.pixels.view({-1, images.channels, rows, factor, columns, factor})
                          .sum({3, 5}, /*keepdim=*/false, at::kInt);
  // floor(sum / area + 1/2) in integers.
  const Tensor means = at::div(2 * sums + area, 2 * area, "floor").to(at::kByte);
  return {means.view({-1, images.channels * rows * columns}), images.channels, rows, columns};
}

Tensor dequantized(const Tensor& pixels, at::ScalarType type, Generator generator) {
  const Tensor levels = pixels.to(type);
  const Tensor noise = draw::uniform_like(levels, std::move(generator));
  return levels + kNoiseMargin + (1 - 2 * kNoiseMargin) * noise;
}

double bits_per_dimension(double mean_log_prob, std::int64_t dim) {
  return -mean_log_prob / (static_cast<double>(dim) * std::log(2.0));
}

std::vector<Image8> as_pictures(const Tensor& points,
                                std::int64_t channels,
                                std::int64_t rows,
                                std::int64_t columns) {
  require((channels == 1 || channels == 3) && rows >= 1 && columns >= 1 && points.dim() == 2 &&
              points.size(1) == channels * rows * columns,
          "points ({}) are no pictures of {} x {} in {} channels", fmt::join(points.sizes(), ", "),
          rows, columns, channels);
  const Tensor bytes = points.detach()
                           .to(at::kCPU, at::kFloat)
                           .nan_to_num(0)
                           .floor()
                           .clamp(0, 255)
                           .to(at::kByte)
                           .view({-1, channels, rows * columns})
                           .transpose(1, 2)
                           .contiguous();
  std::vector<Image8> pictures;
  const std::int64_t size = channels * rows * columns;
  const auto* at = bytes.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < points.size(0); ++i, at += size) {
    pictures.push_back({columns, rows, channels, std::vector<std::uint8_t>(at, at + size)});
  }
  return pictures;
}

std::string fashion_mnist_path(FashionMnistSplit split) {
  const std::string name =
      split == FashionMnistSplit::kTrain ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte";
  std::vector<std::string> folders;
  if (const char* own = std::getenv("ERGON_DATA"); own != nullptr && *own != '\0') {
    folders.push_back(own);
    folders.push_back(std::string(own) + "/fashion-mnist");
  }
  folders.push_back("/usr/share/datasets/fashion-mnist");
  for (const std::string& folder : folders) {
    for (const char* ending : {".gz", ""}) {
      std::string path = fmt::format("{}/{}{}", folder, name, ending);
      if (file_exists(path)) return path;
    }
  }
  fail(
      "Fashion-MNIST's {}.gz is not in {}; install Debian's dataset-fashion-mnist, or set "
      "ERGON_DATA to the folder that has it",
      name, fmt::join(folders, ", nor in "));
}

}  // namespace ergon
