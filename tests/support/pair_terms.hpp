#pragma once

#include <string>

#include "ergon/stein/support.hpp"
#include "support/pair_definition.hpp"

namespace ergon::testing {

/// Sums over pairs as in PairDefinition with every term replaced by its size, what rounding is
/// relative to: d by ‖d‖ + σ (a coordinate is known to about a bandwidth's rounding), κ by κ (1 +
/// βr²/32), since an exponent's rounding grows with it, and by no less than the smallest number
/// over its rounding. float64.
PairDefinition pair_terms(const PairCase& pairs);

/// Fails unless |actual - expected| <= relative · terms for every element. Where terms exceed
/// what the type of `actual` holds, only NaN fails.
void expect_within_terms(const Tensor& actual,
                         const Tensor& expected,
                         const Tensor& terms,
                         double relative,
                         const std::string& name);

/// The sums of float32 or float64 particles by the public operators, against the definition in
/// float64 of the same numbers.
void expect_sums_within_terms(const stein::Support& particles,
                              const Tensor& vectors,
                              double relative,
                              const std::string& name);

}  // namespace ergon::testing
