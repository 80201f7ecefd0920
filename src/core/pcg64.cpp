#include "ergon/core/pcg64.hpp"

#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ziggurat_tables.hpp"

namespace ergon {
namespace {

using Uint128 = unsigned __int128;

constexpr Uint128 join(std::uint64_t high, std::uint64_t low) {
  return static_cast<Uint128>(high) << 64 | low;
}

/// O'Neill's multiplier for 128 bits of state.
constexpr Uint128 kMultiplier = join(2549297995355413924, 4865540595714422341);

/// NumPy's SeedSequence: any number of 32-bit words spread over a pool of four, from which as many
/// words as wanted are drawn. After O'Neill's seed_seq_fe (2015).
class SeedSequence {
 public:
  explicit SeedSequence(const std::vector<std::uint32_t>& entropy) {
    for (std::size_t i = 0; i < kPool; ++i) pool_[i] = hash(i < entropy.size() ? entropy[i] : 0);
    for (std::size_t from = 0; from < kPool; ++from) {
      for (std::size_t to = 0; to < kPool; ++to) {
        if (from != to) pool_[to] = mix(pool_[to], hash(pool_[from]));
      }
    }
    for (std::size_t from = kPool; from < entropy.size(); ++from) {
      for (std::uint32_t& word : pool_) word = mix(word, hash(entropy[from]));
    }
  }

  /// Four words of 64 bits (generate_state(4, uint64)).
  std::array<std::uint64_t, 4> words() const {
    std::array<std::uint64_t, 4> words{};
    std::uint32_t factor = 0x8b51f9dd;
    for (std::size_t i = 0; i < 2 * words.size(); ++i) {
      std::uint32_t word = pool_[i % kPool] ^ factor;
      factor *= 0x58f38ded;
      word *= factor;
      word ^= word >> 16;
      words[i / 2] |= static_cast<std::uint64_t>(word) << (32 * (i % 2));
    }
    return words;
  }

 private:
  static constexpr std::size_t kPool = 4;

  std::uint32_t hash(std::uint32_t word) {
    word ^= factor_;
    factor_ *= 0x931e8875;
    word *= factor_;
    return word ^ word >> 16;
  }
  static std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
    const std::uint32_t word = 0xca01f9dd * x - 0x4973f715 * y;
    return word ^ word >> 16;
  }

  std::array<std::uint32_t, kPool> pool_{};
  std::uint32_t factor_ = 0x43b0d7e5;
};

/// An integer as NumPy hands it to SeedSequence: low word first, the high one only where it is not
/// zero.
void append_integer(std::uint64_t integer, std::vector<std::uint32_t>& words) {
  words.push_back(static_cast<std::uint32_t>(integer));
  if (integer >> 32 != 0) words.push_back(static_cast<std::uint32_t>(integer >> 32));
}

/// FNV-1a, 64 bits.
std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : name) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  return hash;
}

/// State and increment as NumPy's PCG64 takes them from a SeedSequence (pcg_setseq_128_srandom).
Pcg64::State seeded(const std::vector<std::uint32_t>& entropy) {
  const std::array<std::uint64_t, 4> words = SeedSequence(entropy).words();
  const Uint128 increment = join(words[2], words[3]) << 1 | 1;
  const Uint128 state = (increment + join(words[0], words[1])) * kMultiplier + increment;
  return {static_cast<std::uint64_t>(state >> 64), static_cast<std::uint64_t>(state),
          static_cast<std::uint64_t>(increment >> 64), static_cast<std::uint64_t>(increment)};
}

/// |x| beyond the last edge, by Marsaglia's exponential proposals (1964).
double tail(Pcg64& random) {
  for (;;) {
    const double beyond = -ziggurat::kInverseTailEdge * std::log1p(-random.uniform());
    const double height = -std::log1p(-random.uniform());
    if (height + height > beyond * beyond) return ziggurat::kTailEdge + beyond;
  }
}

}  // namespace

Pcg64::Pcg64(std::uint64_t seed) {
  std::vector<std::uint32_t> entropy;
  append_integer(seed, entropy);
  set_state(seeded(entropy));
}

Pcg64 Pcg64::stream(std::uint64_t seed, std::string_view purpose, std::uint64_t index) {
  std::vector<std::uint32_t> entropy;
  for (const std::uint64_t integer : {seed, hash_name(purpose), index}) {
    append_integer(integer, entropy);
  }
  Pcg64 random;
  random.set_state(seeded(entropy));
  return random;
}

std::uint64_t Pcg64::next() {
  state_ = state_ * kMultiplier + increment_;
  // XSL-RR: the halves xor-ed, rotated right by the six highest bits.
  const auto bits = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  const auto turn = static_cast<unsigned>(state_ >> 122);
  return bits >> turn | bits << (-turn & 63);
}

// Here, and this library compiled without contraction: a fused multiply-add would miss NumPy's
// last bit.
double Pcg64::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Pcg64::normal() {
  for (;;) {
    const std::uint64_t bits = next();
    const std::size_t layer = bits & 0xff;
    const bool negative = (bits >> 8 & 1) != 0;
    const std::uint64_t across = bits >> 9 & 0x000fffffffffffff;
    const double size = static_cast<double>(across) * ziggurat::kWidth[layer];
    const double x = negative ? -size : size;
    if (across < ziggurat::kInside[layer]) return x;  // 99.3 % of the draws
    if (layer == 0) {
      // NumPy takes the tail's sign from another bit.
      const double beyond = tail(*this);
      return (across >> 8 & 1) != 0 ? -beyond : beyond;
    }
    const double low = ziggurat::kHeight[layer], high = ziggurat::kHeight[layer - 1];
    if ((high - low) * uniform() + low < std::exp(-0.5 * x * x)) return x;
  }
}

std::uint64_t Pcg64::below(std::uint64_t bound) {
  ERGON_CHECK(bound >= 1, "there is no integer below {}", bound);
  Uint128 product = static_cast<Uint128>(next()) * bound;
  // Of the 2^64 draws, the 2^64 mod bound of lowest product would make some integers likelier.
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t excess = -bound % bound;
    while (static_cast<std::uint64_t>(product) < excess) {
      product = static_cast<Uint128>(next()) * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

Pcg64::State Pcg64::state() const {
  return {static_cast<std::uint64_t>(state_ >> 64), static_cast<std::uint64_t>(state_),
          static_cast<std::uint64_t>(increment_ >> 64), static_cast<std::uint64_t>(increment_)};
}

void Pcg64::set_state(const State& state) {
  require(state[3] % 2 == 1,
          "a state of a random number generator ends with an odd increment, got {}; the file it "
          "comes from is damaged",
          state[3]);
  state_ = join(state[0], state[1]);
  increment_ = join(state[2], state[3]);
}

}  // namespace ergon
