#include "frobenius_sums.hpp"

#define ERGON_LANES_BODY "norms.hpp"
#include "lanes/machines.hpp"

namespace ergon::stein {

template <class Real>
NormPass<Real> norm_pass() {
#ifdef ERGON_HAS_WIDE_VECTORS
  static const bool wide = machine_has_vectors(64), middle = machine_has_vectors(32);
  if (wide) return avx512::norms<Real>;
  if (middle) return avx2::norms<Real>;
#endif
  return baseline::norms<Real>;
}

template NormPass<float> norm_pass<float>();
template NormPass<double> norm_pass<double>();

}  // namespace ergon::stein
