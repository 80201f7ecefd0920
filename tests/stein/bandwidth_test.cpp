#include "ergon/stein/bandwidth.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

TEST(SteinBandwidth, HeuristicsReproduceTheReference) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const Tensor& x = step.at("x");
    // The reference adds 1e-8 to 2σ² in places; 1e-7 relative covers it.
    expect_close(stein::median_bandwidth(x), step.at("sigma_heur_median"), 1e-7,
                 step.name + " median");
    expect_close(stein::mean_bandwidth(x), step.at("sigma_heur_mean"), 1e-7, step.name + " mean");
    expect_close(stein::fourth_bandwidth(x), step.at("sigma_heur_fourth"), 1e-7,
                 step.name + " fourth");
    expect_close(stein::mmd_bandwidth(x), step.at("sigma_heur_mmd"), 1e-7, step.name + " mmd");
  }
}

TEST(SteinBandwidth, MedianOfThreeParticlesIsTheHandComputedOne) {
  // Pairs of {0, 1, 3}: r² = 0,0,0, 1,1, 4,4, 9,9; the middle one of nine is 1.
  const Tensor x = at::tensor({0.0, 1.0, 3.0}, at::kDouble).view({3, 1});
  EXPECT_NEAR(stein::median_bandwidth(x).item<double>(), std::sqrt(1.0 / (2 * std::log(4.0))),
              1e-14);
}

TEST(SteinBandwidth, DroppedParticlesDoNotCount) {
  const auto step = random_step(2, 8, 3, 21);
  Tensor alive = at::ones({2, 8}, at::kBool);
  alive.select(1, 5).fill_(false);
  const Tensor kept = at::cat({step.particles.narrow(1, 0, 5), step.particles.narrow(1, 6, 2)}, 1);
  expect_close(stein::median_bandwidth(step.particles, alive), stein::median_bandwidth(kept),
               kTight, "median");
  expect_close(stein::mean_bandwidth(step.particles, alive), stein::mean_bandwidth(kept), kTight,
               "mean");
}

TEST(SteinBandwidth, StaysPositiveWhenAllParticlesCoincide) {
  const Tensor x = at::ones({4, 2}, at::kDouble);
  EXPECT_GT(stein::median_bandwidth(x).item<double>(), 0.0);
  EXPECT_GT(stein::mmd_bandwidth(x).item<double>(), 0.0);
}

}  // namespace
}  // namespace ergon::testing
