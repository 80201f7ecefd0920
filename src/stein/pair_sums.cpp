#include "pair_sums.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

// Vectors are passed between inlined functions only: their calling convention is of no concern.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

namespace ergon::stein {
namespace {

struct FreeAligned {
  void operator()(void* memory) const { ::operator delete (memory, std::align_val_t{64}); }
};
using AlignedBytes = std::unique_ptr<void, FreeAligned>;

AlignedBytes aligned_bytes(std::int64_t count) {
  return AlignedBytes(::operator new (static_cast<std::size_t>(count), std::align_val_t{64}));
}

}  // namespace
}  // namespace ergon::stein

#define ERGON_INLINE inline __attribute__((always_inline))
#ifdef __clang__
#define ERGON_UNROLL _Pragma("unroll")
#else
#define ERGON_UNROLL _Pragma("GCC unroll 8")
#endif

#if defined(__x86_64__)
#define ERGON_HAS_WIDE_VECTORS 1
#define ERGON_LANES_NAMESPACE avx512
#define ERGON_ISA __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#define ERGON_VECTOR_BYTES 64
#define ERGON_BLOCK_ROWS 4
#include "lanes/all.hpp"
#define ERGON_LANES_NAMESPACE avx2
#define ERGON_ISA __attribute__((target("avx2,fma")))
#define ERGON_VECTOR_BYTES 32
#define ERGON_BLOCK_ROWS 2
#include "lanes/all.hpp"
#endif
#define ERGON_LANES_NAMESPACE baseline
#define ERGON_ISA
#define ERGON_VECTOR_BYTES 16
#define ERGON_BLOCK_ROWS 2
#include "lanes/all.hpp"

namespace ergon::stein {

template <class Real>
const PairSums<Real>& pair_sums() {
#ifdef ERGON_HAS_WIDE_VECTORS
  static const bool wide = __builtin_cpu_supports("avx512f") &&
                           __builtin_cpu_supports("avx512dq") &&
                           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  static const bool middle = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (wide && middle) return avx512::sums<Real>();
  if (middle) return avx2::sums<Real>();
#endif
  return baseline::sums<Real>();
}

template const PairSums<float>& pair_sums<float>();
template const PairSums<double>& pair_sums<double>();

}  // namespace ergon::stein
