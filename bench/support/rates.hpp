#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

/// What this machine can do on one core, for floors: call run() in turn with what is measured.
namespace ergon::bench {

/// libtorch's product of 1024 × 1024 matrices.
class GemmRate {
 public:
  explicit GemmRate(c10::ScalarType type = c10::kFloat);
  void run();
  static constexpr double kFlops = 2.0 * 1024 * 1024 * 1024;

 private:
  Tensor left_, right_, out_;
};

/// libtorch's exponential of an array that stays in the caches.
class ExpRate {
 public:
  explicit ExpRate(c10::ScalarType type = c10::kFloat);
  void run();
  static constexpr double kExponentials = 65536;

 private:
  Tensor in_, out_;
};

/// The exponential of the passes over tiles (src/stein/lanes), of an array in the first-level
/// cache.
class LanesExpRate {
 public:
  LanesExpRate();
  void run();
  static constexpr double kExponentials = 4096;

 private:
  Tensor in_, out_;
};

/// The least seconds of M² exponentials and 2 M² (2D + 1) operations of matrix products, what a
/// velocity needs, at the rates of this process (each the best of many, measured on first use).
double velocity_floor_seconds(std::int64_t count, std::int64_t dim, c10::ScalarType type);

}  // namespace ergon::bench
