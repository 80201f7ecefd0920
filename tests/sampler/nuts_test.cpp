#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/density/constant.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/estimate/chains.hpp"
#include "sampler/chain_runs.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

// --- the definition: one chain, all points kept ---

struct Point {
  Tensor x, xi, score;
  double log_density = 0;
  double log_weight = 0;  // H(start) - H
};

double product(const Tensor& a, const Tensor& b) { return (a * b).sum().item<double>(); }

Tensor sum_of(const std::vector<Point>& points, std::size_t first, std::size_t count) {
  Tensor sum = at::zeros_like(points[0].xi);
  for (std::size_t i = first; i < first + count; ++i) sum = sum + points[i].xi;
  return sum;
}

bool straight(const std::vector<Point>& points, std::size_t first, std::size_t count) {
  const Tensor sum = sum_of(points, first, count);
  return product(points[first].xi, sum) > 0 && product(points[first + count - 1].xi, sum) > 0;
}

// Betancourt's criterion within a stretch of two halves, with the checks across them.
bool joins(const std::vector<Point>& points,
           std::size_t first,
           std::size_t half,
           std::size_t count) {
  return straight(points, first, count) && straight(points, first, half + 1) &&
         straight(points, first + half - 1, count - half + 1);
}

// As Stan builds a tree: one half, the other, then their union. `reached` points had to be
// computed.
bool valid(const std::vector<Point>& points,
           std::size_t first,
           std::size_t count,
           std::size_t& reached) {
  if (count == 1) {
    reached = first + 1;
    return points[first].log_weight >= -1000;
  }
  const std::size_t half = count / 2;
  return valid(points, first, half, reached) && valid(points, first + half, half, reached) &&
         joins(points, first, half, count);
}

struct Outcome {
  Point drawn;
  double acceptance = 0, depth = 0;
  std::int64_t gradients = 0, divergent = 0;
};

class Definition {
 public:
  Definition(const LogDensity& target, double step_size, std::int64_t depth)
      : target_(target), step_size_(step_size), most_(depth) {}

  // Chain `row` of N with the numbers that the header promises it.
  Outcome run(const Tensor& particles,
              const Tensor& momentum,
              std::int64_t row,
              Generator generator) const {
    const auto chains = particles.size(0);
    std::vector<Point> tree = {start(particles[row], momentum[row])};
    const double energy = -tree[0].log_density + product(tree[0].xi, tree[0].xi) / 2;
    Outcome outcome;
    outcome.drawn = tree[0];
    double weight = 0, accepted = 0;
    for (std::int64_t depth = 0; depth < most_; ++depth) {
      const Tensor uniform = at::rand({2, chains}, generator, at::kDouble).select(1, row);
      const bool forward = uniform[0].item<double>() < 0.5;
      const std::size_t size = std::size_t{1} << depth;
      std::vector<Point> subtree;
      Point at = forward ? tree.back() : tree.front();
      std::vector<double> chances;
      for (std::size_t i = 0; i < size; ++i) {
        at = leap(at, forward ? step_size_ : -step_size_, energy);
        subtree.push_back(at);
      }
      for (std::size_t done = 0; done < size; done += 64) {
        const auto block = static_cast<std::int64_t>(std::min<std::size_t>(64, size - done));
        const Tensor block_uniform = at::rand({block, chains}, generator, at::kDouble);
        for (std::int64_t i = 0; i < block; ++i) {
          chances.push_back(block_uniform[i][row].item<double>());
        }
      }
      std::size_t reached = 0;
      const bool whole = valid(subtree, 0, size, reached);
      for (std::size_t i = 0; i < reached; ++i) {
        accepted += std::exp(std::min(0.0, subtree[i].log_weight));
        outcome.divergent += subtree[i].log_weight >= -1000 ? 0 : 1;
      }
      outcome.gradients += static_cast<std::int64_t>(reached);
      if (!whole) break;
      outcome.depth += 1;
      double subtree_weight = -std::numeric_limits<double>::infinity();
      Point chosen;
      for (std::size_t i = 0; i < size; ++i) {
        const double w = subtree[i].log_weight;
        subtree_weight = std::log(std::exp(subtree_weight) + std::exp(w));
        if (chances[i] < std::exp(w - subtree_weight) || i == 0) chosen = subtree[i];
      }
      if (uniform[1].item<double>() < std::exp(subtree_weight - weight)) outcome.drawn = chosen;
      weight = std::log(std::exp(weight) + std::exp(subtree_weight));
      if (!forward) std::reverse(subtree.begin(), subtree.end());
      tree.insert(forward ? tree.end() : tree.begin(), subtree.begin(), subtree.end());
      if (!joins(tree, 0, size, 2 * size)) break;
    }
    outcome.acceptance = accepted / static_cast<double>(outcome.gradients);
    return outcome;
  }

 private:
  Point start(const Tensor& x, const Tensor& xi) const {
    const auto here = target_.log_density_and_score(x.unsqueeze(0));
    return {x, xi, here.score[0], here.log_density.item<double>(), 0};
  }
  Point leap(const Point& from, double step_size, double energy) const {
    const Tensor half = from.xi + step_size / 2 * from.score;
    Point to = start(from.x + step_size * half, half);
    to.xi = half + step_size / 2 * to.score;
    to.log_weight = energy - product(to.xi, to.xi) / 2 + to.log_density;
    return to;
  }
  const LogDensity& target_;
  double step_size_;
  std::int64_t most_;
};

// Returns the number of divergent trajectories.
std::int64_t expect_definition(const LogDensity& target,
                               const Tensor& start,
                               double step_size,
                               std::int64_t depth,
                               std::uint64_t seed) {
  SamplerOptions options = fixed_options(SamplerKind::kNuts, step_size);
  options.chain.tree_depth = depth;
  const Nuts sampler(options);
  const CountingDensity counting(target);
  const State state = sampler.init(counting, start, Tensor());
  const auto before = counting.counts().gradient;
  const Transition next = sampler.step(counting, state, Seed(seed).generator());

  double acceptance = 0, depths = 0;
  std::int64_t gradients = 0, divergent = 0;
  const auto chains = start.size(0);
  for (std::int64_t row = 0; row < chains; ++row) {
    Generator generator = Seed(seed).generator();
    const Tensor momentum = draw::normal_like(start, generator);
    const Outcome outcome =
        Definition(target, step_size, depth).run(start, momentum, row, generator);
    expect_close(next.state.particles[row], outcome.drawn.x, 1e4 * tolerance<double>(), "drawn");
    expect_close(next.state.score[row], outcome.drawn.score, 1e4 * tolerance<double>(), "score");
    EXPECT_NEAR(next.state.log_density[row].item<double>(), outcome.drawn.log_density, 1e-7);
    acceptance += outcome.acceptance / static_cast<double>(chains);
    depths += outcome.depth / static_cast<double>(chains);
    gradients += outcome.gradients;
    divergent += outcome.divergent;
  }
  EXPECT_EQ(counting.counts().gradient - before, gradients);
  EXPECT_EQ(counting.counts().log_density, counting.counts().gradient);
  EXPECT_EQ(next.info.divergent, divergent);
  EXPECT_NEAR(next.info.acceptance.item<double>(), acceptance, 1e-8);
  EXPECT_NEAR(next.info.tree_depth.item<double>(), depths, 1e-12);
  return divergent;
}

TEST(SamplerNuts, EveryChainIsTheOneOfTheRecursiveDefinition) {
  for (const auto& target : oracles()) {
    const Tensor start = *target->sample(12, Seed(1).generator());
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      expect_definition(*target, start, 0.15, 8, seed);
      expect_definition(*target, start, 0.6, 3, seed);
    }
  }
}

TEST(SamplerNuts, LongTreesDivergencesAndTheDepthLimitAreThoseOfTheDefinition) {
  const Gaussian wide("gaussian", at::zeros({3}, at::kDouble),
                      at::tensor({1.0, 100.0, 2500.0}, at::kDouble));
  const Tensor start = *wide.sample(3, Seed(2).generator());
  EXPECT_EQ(expect_definition(wide, start, 0.9, 10, 5), 0);
  expect_definition(wide, start, 0.9, 1, 5);
  EXPECT_GT(expect_definition(wide, start, 2.2, 10, 6), 0);   // unstable: after a while
  EXPECT_EQ(expect_definition(wide, start, 60.0, 10, 7), 3);  // at once
}

TEST(SamplerNuts, AChainDoesNotDependOnTheOthersThatGrowBesideIt) {
  const auto targets = oracles();
  const Target& target = *targets[2];
  Tensor start = *target.sample(8, Seed(3).generator());
  const Nuts sampler(fixed_options(SamplerKind::kNuts, 0.2));
  const auto ends = [&](const Tensor& from) {
    State state = sampler.init(target, from, Tensor());
    return sampler.step(target, state, Seed(4).generator()).state.particles;
  };
  const Tensor together = ends(start);
  Tensor others = start.clone();
  others.narrow(0, 1, 7).mul_(30.0);  // far out: other trees altogether
  const Tensor alone = ends(others);
  expect_close(alone[0], together[0], 100 * tolerance<double>(), "chain 0");
  EXPECT_FALSE(alone[1].equal(together[1]));
}

// A density without a slope: trajectories are straight lines.
class Flat : public LogDensity {
 public:
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override { return 0 * x.sum(-1); }
};

TEST(SamplerNuts, AStraightLineDoublesUpToTheLimitAndIsDrawnFromEvenly) {
  const Flat flat;
  const CountingDensity counting(flat);
  SamplerOptions options = fixed_options(SamplerKind::kNuts, 1.0);
  options.chain.tree_depth = 5;
  const Nuts sampler(options);
  State state = sampler.init(counting, at::zeros({2, 50, 2}, at::kDouble), Tensor());
  const Transition next = sampler.step(counting, state, Seed(5).generator());
  EXPECT_EQ(counting.counts().gradient, 100 + 100 * 31);
  EXPECT_TRUE(next.info.tree_depth.equal(at::full({2}, 5.0, at::kDouble)));
  EXPECT_TRUE(next.info.acceptance.allclose(at::ones({2}, at::kDouble)));
  // With equal weights the last subtree is always preferred: never the start.
  EXPECT_GT(next.state.particles.abs().amin().item<double>(), 0.0);
}

TEST(SamplerNuts, ExactDrawsStayExact) {
  std::uint64_t seed = 10;
  for (const auto& target : oracles()) {
    expect_invariance(Nuts(fixed_options(SamplerKind::kNuts, 0.7)), *target, 10000, 3, ++seed);
  }
}

TEST(SamplerNuts, ChainsThatStartAtDensityZeroLeaveIt) {
  const auto targets = oracles();
  const Nuts sampler(fixed_options(SamplerKind::kNuts, 0.5));
  State state = sampler.init(*targets[0], at::zeros({4, 2}, at::kDouble), Tensor());
  state.log_density[1] = -std::numeric_limits<double>::infinity();
  state.score[1].zero_();
  state = sampler.step(*targets[0], state, Seed(6).generator()).state;
  EXPECT_TRUE(state.log_density.isfinite().all().item<bool>());
  const auto there = targets[0]->log_density_and_score(state.particles);
  expect_close(state.log_density, there.log_density, tolerance<double>(), "log density");
  expect_close(state.score, there.score, tolerance<double>(), "score");
}

// NaN beyond a radius.
class Holey : public LogDensity {
 public:
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override {
    const Tensor r = x.square().sum(-1);
    return at::where(r < 1, 0 * r, at::full_like(r, std::numeric_limits<double>::quiet_NaN()));
  }
};

TEST(SamplerNuts, TrajectoriesThatMeetNoNumberEndThereAndAreCounted) {
  const Holey target;
  const Nuts sampler(fixed_options(SamplerKind::kNuts, 0.2));
  State state = sampler.init(target, at::zeros({30, 2}, at::kDouble), Tensor());
  const Transition next = sampler.step(target, state, Seed(7).generator());
  EXPECT_EQ(next.info.nonfinite, 30);  // a straight line must leave the hole
  EXPECT_EQ(next.info.divergent, 30);
  EXPECT_LT(next.state.particles.square().sum(-1).max().item<double>(), 1.0);
  EXPECT_TRUE(next.state.score.isfinite().all().item<bool>());
}

Tensor mean_of(const Tensor& draws) { return draws.flatten(0, 1).mean(0); }

TEST(SamplerNuts, AnIllConditionedGaussianHasItsMomentsInBothPrecisions) {
  const Tensor variance = at::logspace(-4, 4, 9, 10.0, at::kDouble);
  const Gaussian target("gaussian", at::zeros({9}, at::kDouble), variance);
  for (const auto type : {at::kDouble, at::kFloat}) {
    const Nuts sampler(sampler_preset(SamplerKind::kNuts));
    const Tensor start = at::randn({16, 9}, Seed(8).generator(), at::kDouble).to(type);
    const ChainRun run = warm_and_run(sampler, target, start, 200, 500);
    EXPECT_EQ(run.state.particles.scalar_type(), type);
    EXPECT_NEAR(run.acceptance, 0.8, 0.06);
    EXPECT_LT(split_r_hat(run.draws).max().item<double>(), 1.01);
    const Tensor squares = run.draws.square();
    for (const Tensor& z :
         {mean_of(run.draws) / (variance / mean_effective_sample_size(run.draws)).sqrt(),
          (mean_of(squares) / variance - 1) / (2 / mean_effective_sample_size(squares)).sqrt()}) {
      EXPECT_LT(z.abs().max().item<double>(), 4.0) << z;
    }
  }
}

}  // namespace
}  // namespace ergon::testing
