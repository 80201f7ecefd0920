#include "ergon/density/published_uniform.hpp"

#include <ATen/ATen.h>

#include <array>
#include <cstring>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

std::uint32_t rotated(std::uint32_t bits, int by) { return (bits << by) | (bits >> (32 - by)); }

/// Threefry-2x32 with 20 rounds and key (0, 0) (Salmon et al. 2011, "Parallel random numbers: as
/// easy as 1, 2, 3").
std::array<std::uint32_t, 2> threefry(std::uint32_t a, std::uint32_t b) {
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  constexpr std::uint32_t kKeys[3] = {0, 0, 0x1BD11BDA};
  for (std::uint32_t group = 0; group < 5; ++group) {
    for (const int rotation : kRotations[group % 2]) {
      a += b;
      b = rotated(b, rotation) ^ a;
    }
    a += kKeys[(group + 1) % 3];
    b += kKeys[(group + 2) % 3] + group + 1;
  }
  return {a, b};
}

/// U[0, 1) from 23 random bits, as jax makes it.
float unit_float(std::uint32_t bits) {
  const std::uint32_t one_to_two = (bits >> 9) | 0x3F800000u;
  float value;
  std::memcpy(&value, &one_to_two, sizeof value);
  return value - 1.0F;
}

}  // namespace

Tensor published_uniform(std::int64_t rows, std::int64_t cols, float low, float high) {
  const std::int64_t total = rows * cols;
  require(rows > 0 && cols > 0 && total % 2 == 0,
          "published draws come in an even, positive number, not {} x {}", rows, cols);
  const std::int64_t half = total / 2;
  const Tensor numbers = at::empty({rows, cols}, at::kDouble);
  double* out = numbers.data_ptr<double>();
  const auto place = [low, high](std::uint32_t bits) {
    return static_cast<double>(unit_float(bits) * (high - low) + low);
  };
  for (std::int64_t i = 0; i < half; ++i) {
    const auto bits = threefry(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + half));
    out[i] = place(bits[0]);
    out[i + half] = place(bits[1]);
  }
  return numbers;
}

}  // namespace ergon
