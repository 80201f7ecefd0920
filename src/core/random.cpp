#include "ergon/core/random.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014, with Stafford's constants "Mix13"): a
/// bijection of 64 bits in which every input bit flips every output bit with probability near 1/2.
constexpr std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

/// FNV-1a, 64 bits.
std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : name) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  return hash;
}

/// Shape and type of `like`, on the CPU.
at::TensorOptions cpu_options(const Tensor& like) {
  require(at::isFloatingType(like.scalar_type()),
          "random numbers need a floating-point tensor to be shaped like, got {}; convert it to "
          "float32 or float64",
          at::toString(like.scalar_type()));
  return at::TensorOptions().dtype(like.scalar_type()).device(at::kCPU);
}

}  // namespace

Seed Seed::child(std::string_view purpose, std::uint64_t index) const {
  std::uint64_t bits = mix(value_ + kGoldenGamma);
  bits = mix((bits ^ hash_name(purpose)) + kGoldenGamma);
  return Seed(mix((bits ^ index) + kGoldenGamma));
}

Generator Seed::generator() const {
  // libtorch's own seeding keeps the low 32 bits of a seed: 65,000 streams would already share
  // numbers. The whole state of the Mersenne Twister is filled from the 64-bit seed instead, by
  // SplitMix64.
  Generator generator = at::detail::createCPUGenerator(value_);
  at::mt19937_data_pod state = at::mt19937(value_).data();
  std::uint64_t counter = value_;
  for (auto& word : state.state_) {
    counter += kGoldenGamma;
    word = static_cast<std::uint32_t>(mix(counter) >> 32);
  }
  at::mt19937 engine;
  engine.set_data(state);
  at::check_generator<at::CPUGeneratorImpl>(generator)->set_engine(engine);
  return generator;
}

namespace draw {

Tensor normal_like(const Tensor& like, Generator generator) {
  return at::randn(like.sizes(), generator, cpu_options(like)).to(like.device());
}

Tensor uniform_like(const Tensor& like, Generator generator) {
  return at::rand(like.sizes(), generator, cpu_options(like)).to(like.device());
}

Tensor rademacher_like(const Tensor& like, Generator generator) {
  const Tensor bits = at::randint(0, 2, like.sizes(), generator, cpu_options(like));
  return bits.mul_(2).sub_(1).to(like.device());
}

Tensor integers(std::int64_t count, std::int64_t high, Generator generator) {
  require(count >= 0 && high > 0,
          "drawing {} integers below {}: the count must not be negative and the bound at least 1",
          count, high);
  return at::randint(high, {count}, generator, at::TensorOptions().dtype(at::kLong));
}

}  // namespace draw
}  // namespace ergon
