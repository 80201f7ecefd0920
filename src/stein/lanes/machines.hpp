// Compiles a file for each instruction set, widest first: define ERGON_LANES_BODY, its name in this
// folder, and include this header once, outside every namespace. The body sees
//   ERGON_LANES_NAMESPACE  where to put everything
//   ERGON_ISA              the target attribute of every function
//   ERGON_VECTOR_BYTES     the bytes of a vector
//   ERGON_BLOCK_ROWS       the rows of a register block
// and may not instantiate templates of the standard library: the linker would be free to keep the
// copy that only the newest machine can run.
#include <cstdint>
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

inline AlignedBytes aligned_bytes(std::int64_t count) {
  return AlignedBytes(::operator new (static_cast<std::size_t>(count), std::align_val_t{64}));
}

// Whether this machine runs what is compiled for vectors of so many bytes.
inline bool machine_has_vectors(int bytes) {
#if defined(__x86_64__)
  const bool middle = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (bytes == 32) return middle;
  if (bytes == 64)
    return middle && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
  return bytes == 16;
}

}  // namespace
}  // namespace ergon::stein

#define ERGON_INLINE inline __attribute__((always_inline))
#ifdef __clang__
#define ERGON_UNROLL _Pragma("unroll")
#else
#define ERGON_UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__x86_64__)
#define ERGON_HAS_WIDE_VECTORS 1
#define ERGON_LANES_NAMESPACE avx512
#define ERGON_ISA __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#define ERGON_VECTOR_BYTES 64
#define ERGON_BLOCK_ROWS 4
#include ERGON_LANES_BODY
#undef ERGON_LANES_NAMESPACE
#undef ERGON_ISA
#undef ERGON_VECTOR_BYTES
#undef ERGON_BLOCK_ROWS
#define ERGON_LANES_NAMESPACE avx2
#define ERGON_ISA __attribute__((target("avx2,fma")))
#define ERGON_VECTOR_BYTES 32
#define ERGON_BLOCK_ROWS 2
#include ERGON_LANES_BODY
#undef ERGON_LANES_NAMESPACE
#undef ERGON_ISA
#undef ERGON_VECTOR_BYTES
#undef ERGON_BLOCK_ROWS
#endif
#define ERGON_LANES_NAMESPACE baseline
#define ERGON_ISA
#define ERGON_VECTOR_BYTES 16
#define ERGON_BLOCK_ROWS 2
#include ERGON_LANES_BODY
#undef ERGON_LANES_NAMESPACE
#undef ERGON_ISA
#undef ERGON_VECTOR_BYTES
#undef ERGON_BLOCK_ROWS
