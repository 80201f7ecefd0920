#include "passes.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ERGON_LANES_BODY "../../rl/lanes/all.hpp"
#include "../stein/lanes/machines.hpp"

namespace ergon::passes {

template <class Real>
const Functions<Real>* functions_of(int vector_bytes) {
  if (!stein::machine_has_vectors(vector_bytes)) return nullptr;
#ifdef ERGON_HAS_WIDE_VECTORS
  if (vector_bytes == 64) return avx512::table<Real>();
  if (vector_bytes == 32) return avx2::table<Real>();
#endif
  return baseline::table<Real>();
}

template <class Real>
const Functions<Real>& functions() {
  static const Functions<Real>* widest = [] {
    for (const int bytes : {64, 32}) {
      if (const Functions<Real>* found = functions_of<Real>(bytes)) return found;
    }
    return functions_of<Real>(16);
  }();
  return *widest;
}

template const Functions<float>* functions_of<float>(int);
template const Functions<double>* functions_of<double>(int);
template const Functions<float>& functions<float>();
template const Functions<double>& functions<double>();

}  // namespace ergon::passes
