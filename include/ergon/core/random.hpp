#pragma once

#include <cstdint>
#include <string_view>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// A seed from which independent, named streams are made. The numbers of a stream depend on the
/// seed, the purpose and the index alone: a new consumer never shifts an old one's numbers, and a
/// resumed loop rebuilds the stream of any step.
class Seed {
 public:
  constexpr explicit Seed(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }
  /// A seed of its own for (purpose, index), by a 64-bit mix of this seed, the name's FNV-1a hash
  /// and the index.
  Seed child(std::string_view purpose, std::uint64_t index = 0) const;
  /// A fresh CPU generator started from this seed.
  Generator generator() const;

 private:
  std::uint64_t value_;
};

namespace draw {

/// Independent N(0, 1) numbers shaped, typed and placed like `like`. Drawn on the CPU from
/// `generator`, so that every device sees the same numbers.
Tensor normal_like(const Tensor& like, Generator generator);
/// Independent U(0, 1) numbers; otherwise as normal_like.
Tensor uniform_like(const Tensor& like, Generator generator);
/// Independent signs, -1 or +1 with probability 1/2; otherwise as normal_like.
Tensor rademacher_like(const Tensor& like, Generator generator);
/// Integers in [0, high) as int64, shape (count).
Tensor integers(std::int64_t count, std::int64_t high, Generator generator);

}  // namespace draw
}  // namespace ergon
