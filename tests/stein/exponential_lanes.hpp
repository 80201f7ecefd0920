// Included once for each instruction set by exponential_test.cpp: e^x and 2^x of whole arrays.
#include "../../src/stein/lanes/arithmetic.hpp"
// needs arithmetic
#include "../../src/stein/lanes/tile.hpp"

namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// count: a multiple of the lanes.
template <class Real>
ERGON_ISA void exponentials(const Real* x, std::int64_t count, Real* out) {
  constexpr std::int64_t lanes = Lanes<Real>::kCount;
  for (std::int64_t i = 0; i < count; i += lanes) {
    VectorOf<Real> v;
    __builtin_memcpy(&v, x + i, sizeof v);
    v = exponential<Real>(v);
    __builtin_memcpy(out + i, &v, sizeof v);
  }
}

template <class Real>
ERGON_ISA void powers_of_two(const Real* x, std::int64_t count, Real* out) {
  constexpr std::int64_t lanes = Lanes<Real>::kCount;
  for (std::int64_t i = 0; i < count; i += lanes) {
    VectorOf<Real> v;
    __builtin_memcpy(&v, x + i, sizeof v);
    v = power_of_two<Real>(v);
    __builtin_memcpy(out + i, &v, sizeof v);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
