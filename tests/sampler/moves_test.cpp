#include "ergon/sampler/moves.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

State state_at(double value) {
  State state;
  state.particles = at::full({2, 3, 2}, value, at::kDouble);
  state.score = at::full({2, 3, 2}, 10 * value, at::kDouble);
  state.log_density = at::full({2, 3}, -value, at::kDouble);
  state.log_q = at::full({2, 3}, value, at::kDouble);
  return state;
}

TEST(SamplerMoves, KeepFiniteUndoesExactlyTheBadMoves) {
  const State before = state_at(1);
  State after = state_at(2);
  after.log_density[0][1] = NAN;
  after.score[1][2][0] = INFINITY;
  EXPECT_EQ(keep_finite(before, after), 2);
  const Tensor moved = at::ones({2, 3}, at::kDouble);
  moved[0][1] = 0;
  moved[1][2] = 0;
  expect_close(after.log_q, 1 + moved, tolerance<double>(), "log q");
  expect_close(after.particles, (1 + moved).unsqueeze(-1).expand({2, 3, 2}), tolerance<double>(),
               "particles");
}

TEST(SamplerMoves, LiveMeansLeaveDroppedParticlesOut) {
  const Tensor values = at::tensor({1.0, 2.0, NAN}, at::kDouble).view({1, 3});
  const Tensor alive = at::tensor({1, 1, 0}, at::kInt).to(at::kBool).view({1, 3});
  EXPECT_DOUBLE_EQ(live_mean(values, alive).item<double>(), 1.5);
  const Tensor vectors = at::tensor({3.0, 4.0, 0.0, 0.0}, at::kDouble).view({2, 2});
  EXPECT_DOUBLE_EQ(root_mean_square(vectors, {}).item<double>(), std::sqrt(12.5));
}

}  // namespace
}  // namespace ergon::testing
