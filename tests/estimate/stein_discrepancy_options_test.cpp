#include "ergon/estimate/stein_discrepancy_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "ergon/core/errors.hpp"

namespace ergon::testing {
namespace {

TEST(EstimateSteinDiscrepancyOptions, KernelsHaveNames) {
  EXPECT_EQ(to_name(SteinKernel::kInverseMultiquadric), "imq");
  EXPECT_EQ(from_name<SteinKernel>("kernel", "gaussian"), SteinKernel::kGaussian);
  EXPECT_THROW(from_name<SteinKernel>("kernel", "laplace"), InvalidInput);
}

TEST(EstimateSteinDiscrepancyOptions, ValuesOutsideTheirRangesAreNamed) {
  EXPECT_NO_THROW(SteinDiscrepancyOptions{}.validate());
  const auto refuses = [](double exponent, double length_scale, const char* word) {
    SteinDiscrepancyOptions options;
    options.exponent = exponent;
    options.length_scale = length_scale;
    try {
      options.validate();
      ADD_FAILURE() << exponent << " " << length_scale;
    } catch (const InvalidInput& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(word));
    }
  };
  for (const double exponent : {-1.0, 0.0, 0.5}) refuses(exponent, 1, "exponent");
  for (const double scale : {0.0, -1.0, std::numeric_limits<double>::infinity()})
    refuses(-0.5, scale, "length scale");
}

}  // namespace
}  // namespace ergon::testing
