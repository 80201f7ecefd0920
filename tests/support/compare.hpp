#pragma once

#include <gtest/gtest.h>

#include <string>

#include "ergon/core/tensor.hpp"

namespace ergon::testing {

/// Whether two tensors of one shape agree: first the places of NaN, then infinities exactly, then
/// every other element to
///   |actual − expected| <= relative · max(|expected|, s),   s = root mean square of the finite
///   expected elements (1 if that is 0).
/// The type of the elements does not matter. A failure names the shape or the worst element: its
/// error, index and both values.
::testing::AssertionResult is_close(const Tensor& actual, const Tensor& expected, double relative);

/// Adds a failure that starts with `name` unless is_close. Also fails when both are the same
/// tensor: a comparison of something with itself proves nothing.
void expect_close(const Tensor& actual,
                  const Tensor& expected,
                  double relative,
                  const std::string& name);

/// Adds a failure that starts with `name` unless shape, type and every bit agree (NaN equals NaN of
/// the same bits).
void expect_same_bits(const Tensor& actual, const Tensor& expected, const std::string& name);

}  // namespace ergon::testing
