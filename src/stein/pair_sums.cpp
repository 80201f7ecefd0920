#include "pair_sums.hpp"

#include <cmath>

#define ERGON_LANES_BODY "all.hpp"
#include "lanes/machines.hpp"

namespace ergon::stein {

template <class Real>
const PairSums<Real>& pair_sums() {
#ifdef ERGON_HAS_WIDE_VECTORS
  static const bool wide = machine_has_vectors(64), middle = machine_has_vectors(32);
  if (wide) return avx512::sums<Real>();
  if (middle) return avx2::sums<Real>();
#endif
  return baseline::sums<Real>();
}

template const PairSums<float>& pair_sums<float>();
template const PairSums<double>& pair_sums<double>();

}  // namespace ergon::stein
