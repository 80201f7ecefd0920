#include "support/compare.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest-spi.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

Tensor row(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble);
}

TEST(SupportCompare, AcceptsErrorsUpToTheToleranceAndNoMore) {
  EXPECT_TRUE(is_close(row({1 + 0.9e-6, 1}), row({1, 1}), 1e-6));
  EXPECT_FALSE(is_close(row({1 + 1.1e-6, 1}), row({1, 1}), 1e-6));
  EXPECT_TRUE(is_close(row({1e9 + 900, 1}), row({1e9, 1}), 1e-6));
  EXPECT_FALSE(is_close(row({0, 2e-6}), row({0, 0}), 1e-6));
}

TEST(SupportCompare, SmallElementsCountBesideTheTypicalSize) {
  EXPECT_TRUE(is_close(row({100, 1e-8}), row({100, 0}), 1e-9));
  EXPECT_FALSE(is_close(row({100, 1e-6}), row({100, 0}), 1e-9));
}

TEST(SupportCompare, NamesTheWorstElement) {
  const Tensor expected = at::arange(1, 7, at::kDouble).view({2, 3});
  const Tensor actual = expected.clone();
  actual[0][1] += 0.01;
  actual[1][2] += 0.5;
  const std::string message = is_close(actual, expected, 1e-6).message();
  EXPECT_NE(message.find("[1, 2]: 6.5 where 6 is expected"), std::string::npos) << message;
  EXPECT_NE(message.find("error 0.0833"), std::string::npos) << message;
}

TEST(SupportCompare, NanAndInfinityMustStandInTheSamePlaces) {
  const double inf = INFINITY;
  EXPECT_TRUE(is_close(row({NAN, 1, inf}), row({NAN, 1, inf}), 1e-6));
  EXPECT_FALSE(is_close(row({NAN, 1}), row({1, 1}), 1e-6));
  EXPECT_FALSE(is_close(row({1, 1}), row({1, NAN}), 1e-6));
  EXPECT_FALSE(is_close(row({inf, 1}), row({-inf, 1}), 1e-6));
  EXPECT_FALSE(is_close(row({1e300, 1}), row({inf, 1}), 1e-6));
}

TEST(SupportCompare, ShapesMustAgree) {
  EXPECT_FALSE(is_close(at::ones({2, 1}), at::ones({1, 2}), 1));
  EXPECT_FALSE(is_close(at::ones({1}), at::ones({}), 1));
  EXPECT_TRUE(is_close(at::ones({0, 2}), at::ones({0, 2}), 0));
}

TEST(SupportCompare, RefusesToCompareATensorWithItself) {
  const Tensor x = row({1, 2});
  EXPECT_NONFATAL_FAILURE(expect_close(x, x, 1, "x"), "compared with itself");
}

TEST(SupportCompare, AFailureStartsWithTheName) {
  EXPECT_NONFATAL_FAILURE(expect_close(row({1}), row({2}), 1e-3, "velocity"), "velocity: relative");
}

TEST(SupportCompare, SameBitsTellsNegativeZeroFromZero) {
  EXPECT_NONFATAL_FAILURE(expect_same_bits(row({-0.0}), row({0.0}), "zero"), "bits differ");
  expect_same_bits(row({NAN, -0.0}), row({NAN, -0.0}), "copies");
}

TEST(SupportTolerance, HasARowForEachFloatingType) {
  EXPECT_GE(tolerance<float>(), tolerance<double>());
  EXPECT_EQ(tolerance(at::kFloat), tolerance<float>());
  EXPECT_EQ(tolerance(at::kDouble), tolerance<double>());
  EXPECT_THROW(tolerance(at::kLong), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
