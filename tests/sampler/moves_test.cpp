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

TEST(SamplerMoves, MovesOfDroppedOrHopelessParticlesAreUndoneButNotCounted) {
  State before = state_at(1);
  before.alive = at::ones({2, 3}, at::kBool);
  before.alive[0][0] = false;
  before.log_density[0][1] = -INFINITY;
  State after = state_at(2);
  for (int i = 0; i < 3; ++i) after.log_density[0][i] = NAN;
  EXPECT_EQ(keep_finite(before, after), 1);
  EXPECT_TRUE(after.particles[0].equal(before.particles[0]));
}

TEST(SamplerMoves, PlacesOfDensityZeroAreLeftAgainWithoutBeingTrouble) {
  const State before = state_at(1);
  State after = state_at(2);
  after.log_density[0][0] = -INFINITY;
  after.score[0][0] = NAN;
  EXPECT_EQ(keep_finite(before, after), 0);
  EXPECT_TRUE(after.particles[0][0].equal(before.particles[0][0]));
  State proposal = state_at(2);
  proposal.log_density[0][0] = -INFINITY;
  proposal.log_density[1][1] = NAN;
  EXPECT_EQ(reject_nonfinite(proposal), 1);
  EXPECT_TRUE(std::isinf(proposal.log_density[1][1].item<double>()));
}

TEST(SamplerMoves, ALogQThatIsNotFiniteUndoesTheMove) {
  const State before = state_at(1);
  State after = state_at(2);
  after.log_q[1][1] = NAN;
  EXPECT_EQ(keep_finite(before, after), 1);
  EXPECT_EQ(after.log_q[1][1].item<double>(), 1.0);
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
