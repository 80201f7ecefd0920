#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/sampler/stein_flow.hpp"
#include "ergon/sampler/stein_samplers.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/recorded_run.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

/// Three sets of six particles, some dropped in the last two.
State three_sets() {
  State state;
  state.particles = normal({3, 6, 2}, 1);
  state.score = normal({3, 6, 2}, 2);
  state.log_density = normal({3, 6}, 3);
  state.alive = at::ones({3, 6}, at::kBool);
  state.alive[1][0].fill_(false);
  state.alive[2].slice(0, 2, 5).fill_(false);
  return state;
}

double bound_of(const stein::Support& support) {
  return 1 / stein::lipschitz_bound(support).item<double>();
}

TEST(SamplerSteinFlowRecord, ARecordedStepTakesTheSupportToTheRunsNextParticles) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = sampler_preset(SamplerKind::kSvgd);
  options.step_size.value = 0.05;
  const Svgd sampler(options);
  const State state = sampler.init(*target, 3 * normal({2, 20, 2}, 4), {});
  const Transition next = sampler.step(*target, state, Seed(5).generator());
  const SteinStep step = record_step(state, next.info.bandwidth, next.info.step_size, 0.95);
  expect_close(step.step_size, next.info.step_size, 0.0, "uncut step size");
  for (const std::int64_t set : {0, 1}) {
    const SteinStep one = step_of_set(step, set);
    expect_close(stein::push_forward_points(one.support, one.step_size, one.support.points),
                 next.state.particles[set], kTight, "next particles");
  }
}

TEST(SamplerSteinFlowRecord, AStepSizeAboveTheCertifiedBoundIsCutSetBySet) {
  const State state = three_sets();
  const Tensor bandwidth = at::tensor({0.5, 1.0, 2.0}, at::kDouble);
  const Tensor asked = at::tensor({10.0, 1e-3, 10.0}, at::kDouble);
  const SteinStep step = record_step(state, bandwidth, asked, 0.8);
  for (const std::int64_t set : {0, 1, 2}) {
    const SteinStep one = step_of_set(step, set);
    const double expected = set == 1 ? 1e-3 : 0.8 * bound_of(one.support);
    EXPECT_NEAR(one.step_size.item<double>(), expected, kTight * expected) << set;
  }
  for (const double safety : {0.0, 1.0, -0.5, std::nan("")})
    EXPECT_THROW(record_step(state, bandwidth, asked, safety), InvalidInput) << safety;
}

TEST(SamplerSteinFlowRecord, TakingASetOutLeavesDroppedPointsBehind) {
  const State state = three_sets();
  const SteinStep step =
      record_step(state, at::ones({3}, at::kDouble), at::full({3}, 0.1, at::kDouble), 0.9);
  const std::vector<std::vector<std::int64_t>> live = {
      {0, 1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, {0, 1, 5}};
  const Tensor x = normal({7, 2}, 6);
  const Tensor everywhere =
      stein::push_forward_points(step.support, step.step_size, x.expand({3, 7, 2}));
  for (std::int64_t set = 0; set < 3; ++set) {
    const SteinStep one = step_of_set(step, set);
    const Tensor kept = at::tensor(live[static_cast<std::size_t>(set)], at::kLong);
    EXPECT_TRUE(one.support.points.equal(state.particles[set].index_select(0, kept)));
    EXPECT_TRUE(one.support.score.equal(state.score[set].index_select(0, kept)));
    EXPECT_FALSE(one.support.alive.defined());
    expect_close(stein::push_forward_points(one.support, one.step_size, x), everywhere[set], kTight,
                 "the same map");
  }
  EXPECT_THROW(step_of_set(step, 3), InvalidInput);
  EXPECT_THROW(step_of_set(step, -1), InvalidInput);
  EXPECT_THROW(step_of_set(step_of_set(step, 0), 0), InvalidInput);
}

TEST(SamplerSteinFlowRecord, NothingRecordedKeepsAGraph) {
  State state = three_sets();
  state.particles.requires_grad_();
  state.score = state.particles * 2;
  const Tensor bandwidth = at::ones({3}, at::kDouble).requires_grad_();
  const SteinStep step = record_step(state, bandwidth, 0.1 * bandwidth, 0.9);
  for (const Tensor& part :
       {step.support.points, step.support.score, step.support.bandwidth, step.step_size})
    EXPECT_FALSE(part.requires_grad());
  const Tensor mean = at::zeros({1, 2}, at::kDouble).requires_grad_();
  const SteinFlow flow({mean, mean}, {step_of_set(step, 0)}, {}, {});
  EXPECT_FALSE(flow.sample_with_log_prob(3, Seed(1).generator()).log_q.requires_grad());
  // A flow keeps its q0 when a fit moves the parameters it was made from.
  mean.detach().fill_(5.0);
  EXPECT_EQ(flow.initial().mean().abs().max().item<double>(), 0.0);
}

TEST(SamplerSteinFlowRecord, AFlowRefusesWhatIsNoDiffeomorphismOrDoesNotFit) {
  const auto target = named_target("mixture-4");
  const RunToRecord run = {10, 1, 1.0, 0.1, 2.5};
  const SteinStep good = recorded_flow(*target, run, Seed(1)).steps()[0];
  const InitialDistribution initial = initial_of(run, 2);
  const auto make = [&](const SteinStep& step) { return SteinFlow(initial, {step}, {}, {}); };
  const auto sized = [&](double share) {
    SteinStep step = good;
    step.step_size = at::full({}, share * bound_of(good.support), at::kDouble);
    return step;
  };
  EXPECT_NO_THROW(make(sized(0.999)));
  for (const double share : {1.0 + 1e-9, 2.0, -0.1, std::nan("")})
    EXPECT_THROW(make(sized(share)), InvalidInput) << share;
  const auto refuses = [&](const auto& change, const char* what) {
    SteinStep step = good;
    change(step);
    EXPECT_THROW(make(step), InvalidInput) << what;
  };
  refuses([](SteinStep& s) { s.support.points = s.support.points.slice(1, 0, 1); }, "dimension");
  refuses([](SteinStep& s) { s.support.score = s.support.score.slice(0, 1); }, "scores");
  refuses([](SteinStep& s) { s.support.bandwidth = at::ones({1}, at::kDouble); }, "several sets");
  refuses([](SteinStep& s) { s.support.bandwidth = at::zeros({}, at::kDouble); }, "bandwidth");
  refuses([](SteinStep& s) { s.support.points = s.support.points.to(at::kFloat); }, "type");
  refuses([](SteinStep& s) { s.support.score = s.support.score / 0.0; }, "infinite scores");
  refuses([](SteinStep& s) { s.support.alive = at::zeros({10}, at::kBool); }, "nobody alive");
  const AffineMap three(at::zeros({3}, at::kDouble), at::eye(3, at::kDouble));
  EXPECT_THROW(SteinFlow(initial, {good}, three, {}), InvalidInput);
  EXPECT_THROW(make(good).log_prob(at::zeros({4, 3}, at::kDouble)), InvalidInput);
  EXPECT_THROW(make(good).sample(0, Seed(1).generator()), InvalidInput);
}

void expect_same_flow(const SteinFlow& loaded, const SteinFlow& saved) {
  expect_same_bits(loaded.initial().mean(), saved.initial().mean(), "mean");
  expect_same_bits(loaded.initial().log_stddev(), saved.initial().log_stddev(), "log stddev");
  ASSERT_EQ(loaded.steps().size(), saved.steps().size());
  for (std::size_t l = 0; l < saved.steps().size(); ++l) {
    const SteinStep &a = loaded.steps()[l], &b = saved.steps()[l];
    expect_same_bits(a.support.points, b.support.points, "points");
    expect_same_bits(a.support.score, b.support.score, "score");
    expect_same_bits(a.support.bandwidth, b.support.bandwidth, "bandwidth");
    expect_same_bits(a.step_size, b.step_size, "step size");
  }
  ASSERT_EQ(loaded.affine().has_value(), saved.affine().has_value());
  if (saved.affine()) {
    expect_same_bits(loaded.affine()->location(), saved.affine()->location(), "location");
    expect_same_bits(loaded.affine()->scale(), saved.affine()->scale(), "scale");
  }
  const Draws again = loaded.sample_with_log_prob(50, Seed(7).generator());
  const Draws once = saved.sample_with_log_prob(50, Seed(7).generator());
  expect_same_bits(again.particles, once.particles, "draws");
  expect_same_bits(again.log_q, once.log_q, "log q of the draws");
}

TEST(SamplerSteinFlowFile, SavingAndLoadingRestoresTheSameBits) {
  const TemporaryFolder folder;
  const auto target = named_target("mixture-4");
  const SteinFlow plain = recorded_flow(*target, {20, 5, 1.0, 0.2, 2.5}, Seed(1));
  const AffineMap affine(normal({2}, 8), at::eye(2, at::kDouble) * 1.7);
  std::vector<SteinStep> uneven = plain.steps();
  uneven[2].support.alive = at::arange(20) < 7;
  const SteinFlow flows[] = {plain,
                             {plain.initial(), plain.steps(), affine, {}},
                             {plain.initial(), uneven, {}, {}},
                             {plain.initial(), {}, {}, {}}};
  const std::string path = folder.file("flow.npz");
  for (const SteinFlow& flow : flows) {
    flow.save(path);
    expect_same_flow(SteinFlow::load(path, {}), flow);
  }
}

TEST(SamplerSteinFlowFile, SinglePrecisionIsKept) {
  const TemporaryFolder folder;
  const auto target = named_target("mixture-4");
  const SteinFlow exact = recorded_flow(*target, {20, 5, 1.0, 0.2, 2.5}, Seed(1));
  std::vector<SteinStep> steps;
  for (const SteinStep& step : exact.steps()) {
    const stein::Support& support = step.support;
    steps.push_back({{support.points.to(at::kFloat),
                      support.score.to(at::kFloat),
                      support.bandwidth.to(at::kFloat),
                      {}},
                     step.step_size.to(at::kFloat)});
  }
  const SteinFlow single(
      {exact.initial().mean().to(at::kFloat), exact.initial().log_stddev().to(at::kFloat)}, steps,
      {}, {});
  const std::string path = folder.file("flow.npz");
  single.save(path);
  const SteinFlow loaded = SteinFlow::load(path, {});
  expect_same_flow(loaded, single);
  const Tensor x = 3 * normal({50, 2}, 9);
  const Tensor log_q = loaded.log_prob(x.to(at::kFloat));
  EXPECT_EQ(log_q.scalar_type(), at::kFloat);
  expect_close(log_q, exact.log_prob(x), 10 * tolerance<float>(), "log q in single precision");
}

TEST(SamplerSteinFlowFile, AFileThatIsNoFlowIsRefusedByName) {
  const TemporaryFolder folder;
  const auto target = named_target("mixture-4");
  const SteinFlow flow = recorded_flow(*target, {20, 3, 1.0, 0.2, 2.5}, Seed(1));
  const std::string path = folder.file("flow.npz");
  EXPECT_THROW(SteinFlow::load(path, {}), InvalidInput);
  flow.save(path);
  const NamedTensors whole = load_tensors(path);
  const auto expect_refused = [&](const NamedTensors& tensors, const std::string& what) {
    save_tensors(path, tensors);
    try {
      SteinFlow::load(path, {});
      ADD_FAILURE() << what << " was accepted";
    } catch (const InvalidInput& problem) {
      EXPECT_THAT(problem.what(), ::testing::HasSubstr(path)) << what;
    }
  };
  for (std::size_t gone = 0; gone < whole.size(); ++gone) {
    NamedTensors rest = whole;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
    expect_refused(rest, "a file without " + whole[gone].first);
    NamedTensors cut = whole;
    cut[gone].second = cut[gone].second.slice(0, 0, cut[gone].second.size(0) - 1);
    expect_refused(cut, "a file with too short " + whole[gone].first);
    NamedTensors nan = whole;
    if (!nan[gone].second.is_floating_point()) continue;
    nan[gone].second = nan[gone].second / 0.0 * 0.0;
    expect_refused(nan, "a file with NaN in " + whole[gone].first);
  }
}

}  // namespace
}  // namespace ergon::testing
