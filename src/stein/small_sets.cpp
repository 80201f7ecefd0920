#include "small_sets.hpp"

#define ERGON_LANES_BODY "small_sets.hpp"
#include "lanes/machines.hpp"

namespace ergon::stein {

template <class Real>
const SmallSets<Real>* small_sets_of(int vector_bytes) {
  if (!machine_has_vectors(vector_bytes)) return nullptr;
#ifdef ERGON_HAS_WIDE_VECTORS
  if (vector_bytes == 64) return &avx512::small_sets_table<Real>();
  if (vector_bytes == 32) return &avx2::small_sets_table<Real>();
#endif
  return &baseline::small_sets_table<Real>();
}

template <class Real>
const SmallSets<Real>& small_sets() {
  static const SmallSets<Real>* const best = [] {
    int bytes = 64;
    while (small_sets_of<Real>(bytes) == nullptr) bytes /= 2;
    return small_sets_of<Real>(bytes);
  }();
  return *best;
}

template const SmallSets<float>& small_sets<float>();
template const SmallSets<double>& small_sets<double>();
template const SmallSets<float>* small_sets_of<float>(int);
template const SmallSets<double>* small_sets_of<double>(int);

}  // namespace ergon::stein
