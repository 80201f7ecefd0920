#pragma once

#include <cstdint>
#include <string>

#include "ergon/core/random.hpp"
#include "ergon/density/bijection.hpp"
#include "ergon/density/distribution.hpp"

namespace ergon::testing {

/// What holds for every bijection, checked at float64 points (n, D), n even: shapes; rows and
/// leading dimensions are independent; inverse and forward undo each other, to `relative` (1 + |x|)
/// per point; log-determinants are each other's negatives and those of central differences.
void expect_bijection_contract(const Bijection& bijection,
                               const Tensor& points,
                               double relative,
                               const std::string& name);

/// What holds for every distribution: shapes; draws carry their density and follow from the
/// generator alone; the density of `count` draws is normalised, by importance sampling of narrow
/// Gaussians at three of its own draws (4.5 standard errors: a false alarm in 50,000 seeds).
void expect_distribution_contract(const Distribution& distribution,
                                  std::int64_t count,
                                  Seed seed,
                                  const std::string& name);

}  // namespace ergon::testing
