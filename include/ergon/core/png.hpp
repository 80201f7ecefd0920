#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

/// A picture of 8-bit pixels.
struct Image8 {
  std::int64_t columns = 0;
  std::int64_t rows = 0;
  std::int64_t channels = 1;        ///< 1: grey; 3: red, green, blue
  std::vector<std::uint8_t> bytes;  ///< row after row, the channels of a pixel side by side
};

/// The bytes of a PNG file. The same picture gives the same bytes. Throws InvalidInput: no pixels,
/// other channels than 1 or 3, bytes that do not fit the sizes.
std::string encode_png(const Image8& image);

/// The bytes of an animated PNG that repeats for ever; a reader that knows no animation shows the
/// first frame. Neighbours that are the same are one frame shown for longer. The same frames give
/// the same bytes. Throws InvalidInput: no frames, of sizes that differ or as for encode_png,
/// seconds_per_frame (kept in milliseconds) out of [0.001, 60]. Source: PNG specification, third
/// edition, section 11.3.4.
std::string encode_apng(const std::vector<Image8>& frames, double seconds_per_frame);

/// How pictures lie on a sheet.
struct SheetLayout {
  std::int64_t columns = 8;  ///< pictures side by side, >= 1
  std::int64_t gap = 1;      ///< white pixels between and around them, before scaling, >= 0
  std::int64_t scale = 1;    ///< side of the square that a pixel becomes, >= 1
};

/// Pictures of one size on a white sheet, row after row. Throws InvalidInput: none, sizes that
/// differ, a layout out of its bounds.
Image8 image_sheet(const std::vector<Image8>& images, const SheetLayout& layout = {});

}  // namespace ergon
