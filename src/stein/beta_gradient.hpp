#pragma once

#include "particle_pass.hpp"

namespace ergon::stein {

/// Gradient by β of the number L of a PassUpstream, pair by pair in float64, for points many
/// bandwidths apart: that from homogeneity (PassGradients) loses there what the points' distance
/// from their mean has over their distance from each other. One scalar loop, many times slower than
/// a pass.
template <class Real>
double beta_gradient(const PassUpstream<Real>& upstream, const PassScalars<Real>& scalars);

}  // namespace ergon::stein
