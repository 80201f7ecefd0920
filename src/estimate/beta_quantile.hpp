#pragma once

namespace ergon {

/// The x with P(X <= x) = probability for X ~ Beta(a, b), to 1e-12 of 1; a, b >= 1.
double beta_quantile(double probability, double a, double b);

}  // namespace ergon
