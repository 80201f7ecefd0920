#pragma once

#include <array>
#include <cstdint>

/// The ziggurat under exp(-x^2 / 2), x >= 0: 256 pieces of equal area, drawn from by 52 random
/// bits. Piece i >= 1 is the layer between the heights of the edges x_{i-1} < x_i; piece 0 is the
/// base strip with the tail beyond kTailEdge = x_255. Source: G. Marsaglia, W. W. Tsang, "The
/// Ziggurat Method for Generating Random Variables" (2000).
/// Stored, not computed: NumPy's numbers carry the rounding of the program that once made them, and
/// its stream of normals depends on their last bits.
namespace ergon::ziggurat {

inline constexpr int kLayers = 256;
inline constexpr double kTailEdge = 3.6541528853610087963519472518;
inline constexpr double kInverseTailEdge = 0.27366123732975827203338247596;

extern const std::array<std::uint64_t, kLayers> kInside;  ///< 2^52 x_{i-1} / x_i
extern const std::array<double, kLayers> kWidth;          ///< x_i / 2^52
extern const std::array<double, kLayers> kHeight;         ///< exp(-x_i^2 / 2)

}  // namespace ergon::ziggurat
