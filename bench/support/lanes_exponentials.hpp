// Compiled by bench/support/rates.cpp through machines.hpp: the exponential as the passes take it.
#include "stein/lanes/arithmetic.hpp"
// needs arithmetic
#include "stein/lanes/tile.hpp"

namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// e^in for in <= 0; count a multiple of the lanes.
ERGON_ISA void exponentials(const float* in, std::int64_t count, float* out) {
  using Vector = VectorOf<float>;
  constexpr float kPerLogTwo = 1.44269504f;
  const Vector lowest = Vector{} + PowerOfTwo<float>::kLowest;
  for (std::int64_t i = 0; i < count; i += Lanes<float>::kCount) {
    Vector power;
    __builtin_memcpy(&power, in + i, sizeof power);
    power *= kPerLogTwo;
    power = lowest > power ? lowest : power;
    power = power_of_two<float>(power);
    __builtin_memcpy(out + i, &power, sizeof power);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
