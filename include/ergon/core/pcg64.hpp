#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ergon {

/// NumPy's generator: PCG64 (XSL-RR, 128 bits of state) seeded through SeedSequence. The same seed
/// gives the numbers of numpy.random.default_rng(seed), so that the resets of environments
/// reproduce Gymnasium's; and being free of tensors, it is what environments and agents draw from.
/// Sources: M. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
/// for Random Number Generation" (2014); NEP 19; numpy/random/bit_generator.pyx (SeedSequence).
class Pcg64 {
 public:
  /// numpy.random.default_rng(seed).
  explicit Pcg64(std::uint64_t seed = 0);
  /// A stream of its own for (seed, purpose, index): SeedSequence of the seed, the FNV-1a hash of
  /// the purpose, and the index. A new consumer never shifts an old one's numbers.
  static Pcg64 stream(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0);

  /// 64 uniform bits (next_uint64 of NumPy's bit generator).
  std::uint64_t next();
  /// U[0, 1): the upper 53 bits of next() (Generator.random).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// low + (high - low) uniform() (Generator.uniform).
  double uniform(double low, double high);
  /// N(0, 1) by NumPy's ziggurat of 256 layers (Generator.standard_normal).
  double normal();
  /// Uniform in [0, bound) without bias, by Lemire's multiplication with rejection; bound >= 1.
  /// (Not the numbers of Generator.integers, which buffers halves.)
  std::uint64_t below(std::uint64_t bound);

  /// The whole state: upper and lower half of the state, upper and lower half of the increment.
  using State = std::array<std::uint64_t, 4>;
  State state() const;
  /// Throws InvalidInput for an even increment, which no generator has.
  void set_state(const State& state);

 private:
  unsigned __int128 state_ = 0;
  unsigned __int128 increment_ = 0;
};

}  // namespace ergon
