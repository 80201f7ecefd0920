#include "ergon/core/denormals.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ergon {

void flush_denormals() {
#if defined(__x86_64__)
  // Flush results to zero (bit 15) and take operands as zero (bit 6); every x86-64 has both.
  _mm_setcsr(_mm_getcsr() | 0x8040U);
#elif defined(__aarch64__)
  unsigned long long control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | (1ULL << 24)));
#endif
}

}  // namespace ergon
