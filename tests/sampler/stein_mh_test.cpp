#include "ergon/sampler/stein_mh.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/density/target.hpp"
#include "ergon/sampler/parameters.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/tolerance.hpp"

// What a step does, in single numbers. Whether the law stays put: stein_mh_invariance_test.cpp.
namespace ergon::testing {
namespace {

SamplerOptions small_options(Halves halves) {
  SamplerOptions options = sampler_preset(SamplerKind::kSteinMh);
  options.refresh = Refresh::kNone;
  options.particles = 6;
  options.halves = halves;
  return options;
}

State start(const SteinMh& sampler,
            const LogDensity& target,
            std::vector<std::int64_t> shape,
            std::uint64_t seed) {
  shape.push_back(target.dim());
  return sampler.init(target,
                      draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator()), {});
}

// ---- a second implementation: one particle at a time, sums written out, everything by autograd
// ----

struct Fixed {
  Tensor points, score;  // (|B|, D)
  double bandwidth, step_size;
};

Tensor slow_map(const Fixed& fixed, const Tensor& x) {
  Tensor sum = at::zeros_like(x);
  for (std::int64_t j = 0; j < fixed.points.size(0); ++j) {
    // ∇ of the kernel in its second argument by autograd, as (2) defines the velocity.
    const Tensor other = fixed.points[j].detach().clone().requires_grad_(true);
    const Tensor kernel = (-(x - other).pow(2).sum() / (2 * std::pow(fixed.bandwidth, 2))).exp();
    const Tensor slope = torch::autograd::grad({kernel}, {other}, {}, true, true)[0];
    sum = sum + kernel * fixed.score[j] + slope;
  }
  return x + fixed.step_size * sum / static_cast<double>(fixed.points.size(0));
}

// ∇T_B(x), (D, D).
Tensor slow_jacobian(const Fixed& fixed, const Tensor& at_point) {
  const Tensor x = at_point.detach().clone().requires_grad_(true);
  const Tensor y = slow_map(fixed, x);
  std::vector<Tensor> rows;
  for (std::int64_t d = 0; d < x.size(0); ++d) {
    rows.push_back(torch::autograd::grad({y[d]}, {x}, {}, true, false)[0]);
  }
  return at::stack(rows);
}

double slow_log_det(const Fixed& fixed, const Tensor& x) {
  return slow_jacobian(fixed, x).det().abs().log().item<double>();
}

// T_B^{-1}(y) by Newton's method.
Tensor slow_inverse(const Fixed& fixed, const Tensor& y) {
  Tensor x = y.clone();
  for (int round = 0; round < 50; ++round) {
    const Tensor error = (slow_map(fixed, x) - y).detach();
    x = x - at::matmul(slow_jacobian(fixed, x).inverse(), error);
  }
  return x.detach();
}

struct SlowMove {
  Tensor point;
  double acceptance;
};

SlowMove slow_move(const LogDensity& target, const Fixed& fixed, const Tensor& x, bool forward) {
  const auto log_density = [&](const Tensor& p) {
    return target.log_density(p.view({1, -1})).item<double>();
  };
  const Tensor y = forward ? slow_map(fixed, x).detach() : slow_inverse(fixed, x);
  const double log_det = forward ? slow_log_det(fixed, x) : -slow_log_det(fixed, y);
  return {y, std::min(1.0, std::exp(log_density(y) - log_density(x) + log_det))};
}

// Everything the map needs, from the fixed half alone.
Fixed slow_fixed(const LogDensity& target, const SamplerOptions& options, const Tensor& points) {
  Fixed fixed{points, {}, 0, 0};
  const Tensor x = points.detach().clone().requires_grad_(true);
  fixed.score = torch::autograd::grad({target.log_density(x).sum()}, {x})[0];
  State half;
  half.particles = points;
  fixed.bandwidth = bandwidth_at(options.bandwidth, {}, half).item<double>();
  double slope = 0;
  for (std::int64_t j = 0; j < points.size(0); ++j) {
    slope += fixed.score[j].norm().item<double>() * std::exp(-0.5) / fixed.bandwidth +
             std::pow(fixed.bandwidth, -2);
  }
  slope /= static_cast<double>(points.size(0));
  fixed.step_size = options.bound.safety * options.step_size.value / slope;
  return fixed;
}

struct SlowStep {
  Tensor particles;
  double forward = 0, inverse = 0;  // sums of acceptance probabilities
  std::int64_t forward_moves = 0;
};

// One step of a single set. The stream: the partition's numbers (random halves only), signs,
// uniforms.
SlowStep slow_step(const LogDensity& target,
                   const SamplerOptions& options,
                   const Tensor& particles,
                   Generator generator) {
  const Tensor like = at::empty({particles.size(0)}, at::kDouble);
  Tensor order = at::arange(particles.size(0));
  if (options.halves == Halves::kRandom) {
    order = std::get<1>(draw::uniform_like(like, generator).sort(0));
  }
  const Tensor signs = draw::rademacher_like(like, generator);
  const Tensor uniform = draw::uniform_like(like, generator);
  SlowStep step{particles.clone()};
  const auto first = (particles.size(0) + 1) / 2;
  const Tensor halves[2] = {order.narrow(0, 0, first),
                            order.narrow(0, first, particles.size(0) - first)};
  for (int turn = 0; turn < 2; ++turn) {
    const auto fixed =
        slow_fixed(target, options, step.particles.index_select(0, halves[1 - turn]));
    for (std::int64_t k = 0; k < halves[turn].size(0); ++k) {
      const auto i = halves[turn][k].item<std::int64_t>();
      const bool forward = signs[i].item<double>() > 0;
      const SlowMove move = slow_move(target, fixed, step.particles[i].clone(), forward);
      (forward ? step.forward : step.inverse) += move.acceptance;
      step.forward_moves += forward ? 1 : 0;
      if (uniform[i].item<double>() < move.acceptance) step.particles[i].copy_(move.point);
    }
  }
  return step;
}

void expect_step_of_second_implementation(Halves halves) {
  const auto target = named_target("mixture-4");
  for (const std::int64_t particles : {6, 7}) {
    SamplerOptions options = small_options(halves);
    options.bandwidth.rule = particles == 6 ? BandwidthRule::kFixed : BandwidthRule::kMean;
    options.bandwidth.value = 0.7;
    const SteinMh sampler(options);
    State state = start(sampler, *target, {particles}, 3);
    for (std::uint64_t l = 0; l < 5; ++l) {
      const SlowStep slow =
          slow_step(*target, options, state.particles, Seed(4).child("step", l).generator());
      const Transition fast = sampler.step(*target, state, Seed(4).child("step", l).generator());
      state = fast.state;
      expect_close(state.particles, slow.particles, tolerance<double>(), "particles");
      const double inverse_moves = static_cast<double>(particles - slow.forward_moves);
      expect_close(
          fast.info.acceptance_forward,
          at::scalar_tensor(slow.forward / static_cast<double>(slow.forward_moves), at::kDouble),
          tolerance<double>(), "forward acceptance");
      expect_close(fast.info.acceptance_inverse,
                   at::scalar_tensor(slow.inverse / inverse_moves, at::kDouble),
                   tolerance<double>(), "inverse acceptance");
      expect_close(fast.info.acceptance,
                   at::scalar_tensor((slow.forward + slow.inverse) / static_cast<double>(particles),
                                     at::kDouble),
                   tolerance<double>(), "acceptance");
    }
  }
}

TEST(SamplerSteinMh, AStepWithRandomHalvesIsThatOfASecondImplementationByAutograd) {
  expect_step_of_second_implementation(Halves::kRandom);
}

TEST(SamplerSteinMh, AStepWithAlternatingHalvesIsThatOfASecondImplementationByAutograd) {
  expect_step_of_second_implementation(Halves::kAlternating);
}

TEST(SamplerSteinMh, TheStateCarriesLogDensityAndScoreOfItsParticles) {
  const auto target = named_target("mixture-4");
  const SteinMh sampler(small_options(Halves::kRandom));
  State state = start(sampler, *target, {3, 2, 6}, 5);
  for (std::uint64_t l = 0; l < 4; ++l) {
    state = sampler.step(*target, state, Seed(6).child("step", l).generator()).state;
  }
  const auto [log_density, score] = target->log_density_and_score(state.particles);
  expect_close(state.log_density, log_density, tolerance<double>(), "log-density");
  expect_close(state.score, score, tolerance<double>(), "score");
  EXPECT_EQ(state.step, 4);
  EXPECT_FALSE(state.log_q.defined());
  EXPECT_FALSE(state.alive.defined());
}

TEST(SamplerSteinMh, SetsDoNotKnowOfEachOther) {
  const auto target = named_target("gaussian", 3);
  const SteinMh sampler(small_options(Halves::kRandom));
  const State pair = start(sampler, *target, {2, 6}, 7);
  State changed = pair;
  changed.particles = at::cat({pair.particles.narrow(0, 0, 1), 3 * pair.particles.narrow(0, 1, 1)});
  changed = sampler.init(*target, changed.particles, {});
  const Transition a = sampler.step(*target, pair, Seed(8).generator());
  const Transition b = sampler.step(*target, changed, Seed(8).generator());
  expect_close(b.state.particles[0], a.state.particles[0], tolerance<double>(), "first set");
  EXPECT_FALSE(a.state.particles[1].equal(b.state.particles[1]));
}

TEST(SamplerSteinMh, TheSameSeedGivesTheSameBits) {
  const auto target = named_target("mixture-4");
  const SteinMh sampler(small_options(Halves::kRandom));
  const State state = start(sampler, *target, {3, 6}, 9);
  const Transition a = sampler.step(*target, state, Seed(10).generator());
  const Transition b = sampler.step(*target, state, Seed(10).generator());
  const Transition other = sampler.step(*target, state, Seed(11).generator());
  expect_same_bits(a.state.particles, b.state.particles, "particles");
  EXPECT_FALSE(a.state.particles.equal(other.state.particles));
}

TEST(SamplerSteinMh, HalvesAreFixedOrDrawnAnewForEveryStep) {
  const auto target = named_target("gaussian", 2);
  SamplerOptions options = small_options(Halves::kAlternating);
  const SteinMh alternating(options);
  const State state = start(alternating, *target, {500, 6}, 12);
  const Tensor none = alternating.step(*target, state, Seed(13).generator()).info.swap_share;
  EXPECT_EQ(none.abs().max().item<double>(), 0);
  const Tensor share = SteinMh(small_options(Halves::kRandom))
                           .step(*target, state, Seed(13).generator())
                           .info.swap_share;
  // Hypergeometric: a set's share has mean 1/2 and variance 1/20. False alarm 6e-5.
  EXPECT_NEAR(share.mean().item<double>(), 0.5, 4 * std::sqrt(0.05 / 500));
}

TEST(SamplerSteinMh, BothHalvesReadTheRulesOfTheirOwnStep) {
  const auto target = named_target("gaussian", 2);
  SamplerOptions options = small_options(Halves::kRandom);
  options.bandwidth.rule = BandwidthRule::kPerStep;
  options.bandwidth.values = {1.0, 2.0, 3.0};
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.value = 1e-3;
  options.step_size.schedule = StepSizeSchedule::kPower;
  options.step_size.decay = 1.0;
  const SteinMh sampler(options);
  State state = start(sampler, *target, {3, 6}, 12);
  for (const double expected : {1.0, 2.0, 3.0}) {
    auto [next, info] = sampler.step(*target, state, Seed(13).generator());
    EXPECT_TRUE((info.bandwidth == expected).all().item<bool>()) << info.bandwidth;
    const Tensor wanted = at::full_like(info.step_size, 1e-3 / expected);
    expect_close(info.step_size, wanted, 1e-12, "step size");
    state = next;
  }
}

TEST(SamplerSteinMh, AStepCostsOneGradientPerParticle) {
  const auto target = named_target("gaussian", 2);
  const CountingDensity counted(*target);
  const SteinMh sampler(small_options(Halves::kRandom));
  const State state = start(sampler, *target, {4, 6}, 14);
  sampler.step(counted, state, Seed(15).generator());
  EXPECT_EQ(counted.counts().gradient, 24);
  EXPECT_EQ(counted.counts().log_density, 24);
}

TEST(SamplerSteinMh, AStepSizeAboveTheCertifiedBoundIsCutToIt) {
  const auto target = named_target("gaussian", 2);
  SamplerOptions options = small_options(Halves::kRandom);
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.value = 100;
  const SteinMh large(options);
  const State state = start(large, *target, {4, 6}, 16);
  const Info cut = large.step(*target, state, Seed(17).generator()).info;
  expect_same_bits(cut.step_size, cut.step_bound, "cut");
  EXPECT_FALSE(cut.stein_residual.defined());
  options.step_size.value = 1e-4;
  const Info own = SteinMh(options).step(*target, state, Seed(17).generator()).info;
  expect_close(own.step_size, at::full({4}, 1e-4, at::kDouble), tolerance<double>(), "own");
  // Nearly the identity, so that nearly everything is accepted, and the velocity is that of MATH
  // (2).
  EXPECT_GT(own.acceptance.min().item<double>(), 0.999);
  EXPECT_TRUE(own.velocity_norm.isfinite().all().item<bool>());
}

// N(0, 1) on x < 1; beyond, `value` instead of its log-density.
class Cut final : public LogDensity {
 public:
  explicit Cut(double value) : value_(value) {}
  std::int64_t dim() const override { return 1; }
  Tensor log_density(const Tensor& x) const override {
    const Tensor inside = -0.5 * x.pow(2).sum(-1);
    return at::where(x.squeeze(-1) < 1, inside, at::full_like(inside, value_));
  }

 private:
  double value_;
};

TEST(SamplerSteinMh, ProposalsThatAreNotFiniteAreRejectedAndCounted) {
  SamplerOptions options = small_options(Halves::kRandom);
  const SteinMh sampler(options);
  const auto run = [&](double value) {
    const Cut target(value);
    const Tensor inside =
        -draw::uniform_like(at::empty({50, 6, 1}, at::kDouble), Seed(18).generator()) + 0.99;
    State state = sampler.init(target, inside, {});
    std::int64_t count = 0;
    for (std::uint64_t l = 0; l < 10; ++l) {
      const Transition next = sampler.step(target, state, Seed(19).child("step", l).generator());
      state = next.state;
      count += next.info.nonfinite;
    }
    EXPECT_LT(state.particles.max().item<double>(), 1);
    EXPECT_TRUE(state.log_density.isfinite().all().item<bool>());
    return count;
  };
  EXPECT_GT(run(std::numeric_limits<double>::quiet_NaN()), 0);
  EXPECT_GT(run(std::numeric_limits<double>::infinity()), 0);
  EXPECT_EQ(run(-std::numeric_limits<double>::infinity()), 0);  // merely rejected
}

TEST(SamplerSteinMh, RunsInSinglePrecision) {
  const auto target = named_target("mixture-4");
  const SteinMh sampler(small_options(Halves::kAlternating));
  const State wide = start(sampler, *target, {200, 6}, 20);
  const State narrow = sampler.init(*target, wide.particles.to(at::kFloat), {});
  const Info a = sampler.step(*target, wide, Seed(21).generator()).info;
  const Transition b = sampler.step(*target, narrow, Seed(22).generator());
  EXPECT_EQ(b.state.particles.scalar_type(), at::kFloat);
  EXPECT_TRUE(b.state.particles.isfinite().all().item<bool>());
  // Other draws from the same start: means of 1200 probabilities, whose difference has a standard
  // error below sqrt(2 / 4 / 1200) = 0.02; 4 of those, false alarm below 6e-5.
  EXPECT_NEAR(b.info.acceptance.mean().item<double>(), a.acceptance.mean().item<double>(), 0.08);
}

TEST(SamplerSteinMh, TooFewParticlesForItsHalvesAreRefused) {
  const auto target = named_target("gaussian", 2);
  SamplerOptions options = small_options(Halves::kRandom);
  const Tensor particles = draw::normal_like(at::empty({6, 2}, at::kDouble), Seed(23).generator());
  const SteinMh median(options);
  EXPECT_THROW(median.init(*target, particles.narrow(0, 0, 5), {}), InvalidInput);
  EXPECT_NO_THROW(median.init(*target, particles, {}));
  options.bandwidth.rule = BandwidthRule::kFixed;
  const SteinMh fixed(options);
  EXPECT_THROW(fixed.init(*target, particles.narrow(0, 0, 3), {}), InvalidInput);
  const State state = fixed.init(*target, particles.narrow(0, 0, 4), {});
  EXPECT_TRUE(fixed.step(*target, state, Seed(24).generator()).info.acceptance.item<double>() > 0);
}

}  // namespace
}  // namespace ergon::testing
