#pragma once

#include <c10/core/ScalarType.h>

namespace ergon::testing {

/// The table of tolerances, relative, one row per element type: results of a short chain of
/// operations (a step, a score, a log-determinant) computed two ways. Tests write multiples of
/// these and say why; no other file holds such a number. ERGON_TEST_TOLERANCE_SCALE in the
/// environment multiplies the table (0 shows the true residuals).
template <class Real>
double tolerance();
template <>
double tolerance<float>();  ///< 1e-5
template <>
double tolerance<double>();  ///< 1e-10
/// The row of a tensor's element type. Throws InvalidInput for types that are not floating.
double tolerance(c10::ScalarType type);

}  // namespace ergon::testing
