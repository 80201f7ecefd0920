#include "ergon/core/png.hpp"

#include <png.h>

#include <algorithm>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kLargestSide = 1 << 20;

void require_image(const Image8& image) {
  const bool sized = image.columns >= 1 && image.columns <= kLargestSide && image.rows >= 1 &&
                     image.rows <= kLargestSide && (image.channels == 1 || image.channels == 3);
  require(
      sized,
      "a picture of {} x {} pixels in {} channels cannot be written as PNG; it needs sides of 1 "
      "to {} and 1 or 3 channels",
      image.rows, image.columns, image.channels, kLargestSide);
  require(
      static_cast<std::int64_t>(image.bytes.size()) == image.columns * image.rows * image.channels,
      "a picture of {} x {} pixels in {} channels cannot have {} bytes", image.rows, image.columns,
      image.channels, image.bytes.size());
}

void require_one_size(const std::vector<Image8>& images) {
  require(!images.empty(), "a sheet needs at least one picture");
  const Image8& first = images.front();
  for (const Image8& image : images) {
    require_image(image);
    require(image.columns == first.columns && image.rows == first.rows &&
                image.channels == first.channels,
            "the pictures of a sheet must have one size, got {} x {} in {} channels after {} x {} "
            "in {}",
            image.rows, image.columns, image.channels, first.rows, first.columns, first.channels);
  }
}

/// Copies a picture, every pixel as a square of side `scale`, to (top, left) of a sheet.
void paste(
    const Image8& image, std::int64_t scale, std::int64_t top, std::int64_t left, Image8& sheet) {
  for (std::int64_t row = 0; row < image.rows * scale; ++row) {
    for (std::int64_t column = 0; column < image.columns * scale; ++column) {
      const std::int64_t from = (row / scale * image.columns + column / scale) * image.channels;
      const std::int64_t to = ((top + row) * sheet.columns + left + column) * image.channels;
      std::copy_n(image.bytes.begin() + from, image.channels, sheet.bytes.begin() + to);
    }
  }
}

}  // namespace

std::string encode_png(const Image8& image) {
  require_image(image);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.columns);
  header.height = static_cast<png_uint_32>(image.rows);
  header.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string bytes(size, '\0');
  const int written =
      png_image_write_to_memory(&header, bytes.data(), &size, /*convert_to_8bit=*/0,
                                image.bytes.data(), /*row_stride=*/0, /*colormap=*/nullptr);
  ERGON_CHECK(written != 0, "libpng refuses {} x {} pixels: {}", image.rows, image.columns,
              header.message);
  bytes.resize(size);
  return bytes;
}

Image8 image_sheet(const std::vector<Image8>& images, const SheetLayout& layout) {
  require_one_size(images);
  require(layout.columns >= 1 && layout.gap >= 0 && layout.scale >= 1,
          "a sheet needs columns >= 1, gap >= 0 and scale >= 1, got {}, {} and {}", layout.columns,
          layout.gap, layout.scale);
  const Image8& first = images.front();
  const auto count = static_cast<std::int64_t>(images.size());
  const std::int64_t across = std::min(layout.columns, count);
  const std::int64_t down = (count + across - 1) / across;
  const std::int64_t step_right = first.columns + layout.gap, step_down = first.rows + layout.gap;
  Image8 sheet{layout.scale * (across * step_right + layout.gap),
               layout.scale * (down * step_down + layout.gap),
               first.channels,
               {}};
  sheet.bytes.assign(static_cast<std::size_t>(sheet.columns * sheet.rows * sheet.channels), 255);
  for (std::int64_t i = 0; i < count; ++i) {
    paste(images[static_cast<std::size_t>(i)], layout.scale,
          layout.scale * (i / across * step_down + layout.gap),
          layout.scale * (i % across * step_right + layout.gap), sheet);
  }
  return sheet;
}

}  // namespace ergon
