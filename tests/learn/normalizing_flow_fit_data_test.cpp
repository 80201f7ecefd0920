// What a fit of a flow does with its data, and what it refuses.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/flow/box.hpp"
#include "ergon/flow/composition.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "ergon/learn/normalizing_flow_fit.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

NormalizingFlow elementwise_flow(std::int64_t dim) {
  return NormalizingFlow(std::make_shared<ElementwiseAffine>(dim));
}

NormalizingFlowFitOptions maximum_likelihood(std::int64_t iterations) {
  NormalizingFlowFitOptions options;
  options.gradient = FlowGradient::kForwardTotal;
  options.iterations = iterations;
  options.batch = 4;
  options.learning_rate = 0.02;
  options.final_learning_rate = 1e-4;
  options.evaluate_every = 1;
  return options;
}

// Moves nothing, so that objectives tell which points an iteration saw.
NormalizingFlowFitOptions standing_still(std::int64_t iterations) {
  NormalizingFlowFitOptions options = maximum_likelihood(iterations);
  options.learning_rate = options.final_learning_rate = 1e-40;
  return options;
}

TrainingData fours(std::int64_t rows) {
  TrainingData data;
  data.train = at::full({rows, 1}, 4, at::kByte);
  data.held_out = data.train.clone();
  data.dequantisation = 1.0;
  return data;
}

TrainingData numbers(std::int64_t rows) {
  TrainingData data;
  data.train = at::arange(rows, at::kDouble).view({rows, 1});
  data.held_out = data.train + 0.5;
  return data;
}

Gaussian standard_normal(std::int64_t dim) {
  return Gaussian("p", at::zeros({dim}, at::kDouble), at::ones({dim}, at::kDouble));
}

TEST(LearnNormalizingFlowFitData, EveryEpochSeesEveryRowOnceInAnOrderOfItsOwn) {
  NormalizingFlow flow = elementwise_flow(1);
  NormalizingFlowFit fit(flow, nullptr, numbers(12), standing_still(9), Seed(1));
  std::set<double> seen;
  for (int epoch = 0; epoch < 3; ++epoch) {
    double sum = 0;
    for (int i = 0; i < 3; ++i) {
      fit.step();
      sum += fit.trace().back().objective;
      seen.insert(fit.trace().back().objective);
    }
    const double all = -flow.log_prob(numbers(12).train).mean().item<double>();
    EXPECT_NEAR(sum / 3, all, tolerance<double>() * std::abs(all)) << epoch;
  }
  EXPECT_GE(seen.size(), 8u);  // the three permutations differ
}

TEST(LearnNormalizingFlowFitData, IncompleteLastBatchIsLeftOutUntilTheNextEpoch) {
  NormalizingFlow flow = elementwise_flow(1);
  TrainingData data = numbers(7);
  data.train = data.train.exp();  // no two subsets have the same mean
  NormalizingFlowFit fit(flow, nullptr, data, standing_still(40), Seed(2));
  const Tensor terms = -flow.log_prob(data.train).detach();
  const Tensor subsets = at::combinations(at::arange(7, at::kLong), 4);
  const Tensor possible = terms.index({subsets}).mean(1);
  std::set<std::int64_t> seen;
  while (!fit.finished()) {
    fit.step();
    const Tensor distance = (possible - fit.trace().back().objective).abs();
    EXPECT_LT(distance.min().item<double>(), 1e-10);
    seen.insert(distance.argmin().item<std::int64_t>());
  }
  EXPECT_GT(seen.size(), 15u);  // of 35; 40 draws miss more than 20 with a chance below 1e-6
}

TEST(LearnNormalizingFlowFitData, DequantisationNoiseIsFreshButFixedForHeldOutRows) {
  NormalizingFlow still = elementwise_flow(1);
  NormalizingFlowFit fit(still, nullptr, fours(4), standing_still(5), Seed(3));
  std::set<double> objectives, held_out;
  while (!fit.finished()) {
    fit.step();
    objectives.insert(fit.trace().back().objective);
    held_out.insert(fit.trace().back().held_out);
  }
  EXPECT_EQ(objectives.size(), 5u);
  EXPECT_EQ(held_out.size(), 1u);
}

TEST(LearnNormalizingFlowFitData, DequantisedIntegersLearnTheUniformNoise) {
  // Four rows: only noise that is fresh in every iteration has the mean 4.5 and the variance 1/12.
  NormalizingFlow flow = elementwise_flow(1);
  NormalizingFlowFit fit(flow, nullptr, fours(4), maximum_likelihood(2000), Seed(4));
  while (!fit.finished()) fit.step();
  const Tensor z = at::tensor({-1.0, 1.0}, at::kDouble).view({2, 1});
  const Tensor x = flow.push_forward(z).particles.detach();
  EXPECT_NEAR(x.mean().item<double>(), 4.5, 0.02);
  EXPECT_NEAR((x[1] - x[0]).item<double>() / 2, std::sqrt(1.0 / 12), 0.02);
}

TEST(LearnNormalizingFlowFitData, DequantisationNoiseStaysInsideASupportThatEndsWithTheIntegers) {
  // In float32 255 + u rounds to 256 about nine times in these 1.2 million draws.
  std::vector<std::unique_ptr<FlowLayer>> layers;
  layers.push_back(std::make_unique<ElementwiseAffine>(1));
  layers.push_back(std::make_unique<Box>(1, 0.0, 256.0));
  const auto all = std::make_shared<Composition>(std::move(layers));
  for (const auto& [name, tensor] : all->parameters()) tensor.set_data(tensor.to(at::kFloat));
  NormalizingFlow flow(all);
  ASSERT_EQ(flow.type(), at::kFloat);
  TrainingData data = fours(4000);
  data.train.fill_(255);
  data.held_out = data.train.narrow(0, 0, 1);
  NormalizingFlowFitOptions options = standing_still(300);
  options.batch = 4000;
  NormalizingFlowFit fit(flow, nullptr, data, options, Seed(6));
  while (!fit.finished()) fit.step();
  EXPECT_EQ(fit.skipped(), 0);
}

void expect_refusal(const std::function<void()>& action, const std::string& words) {
  try {
    action();
    ADD_FAILURE() << "accepted; expected a refusal with: " << words;
  } catch (const InvalidInput& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

void expect_data_refused(const TrainingData& data, const std::string& words) {
  NormalizingFlow flow = elementwise_flow(1);
  expect_refusal([&] { NormalizingFlowFit(flow, nullptr, data, maximum_likelihood(1), Seed(1)); },
                 words);
}

TEST(LearnNormalizingFlowFitData, RefusesDataThatAreNoPointsAndSaysWhere) {
  TrainingData data = numbers(6);
  data.train[4][0] = std::numeric_limits<double>::quiet_NaN();
  expect_data_refused(data, "training data: row 5, column 1 is nan");
  data = numbers(6);
  data.held_out[1][0] = std::numeric_limits<double>::infinity();
  expect_data_refused(data, "held-out data: row 2, column 1 is inf");
  data = numbers(6);
  data.train = data.train.expand({6, 2});
  expect_data_refused(data, "needs (n, 1)");
  data = numbers(6);
  data.held_out = Tensor();
  expect_data_refused(data, "held-out data");
  data = numbers(6);
  data.train = data.train.to(at::kLong);
  expect_data_refused(data, "float32, float64 or uint8");
  data = numbers(6);
  data.train_context = data.held_out_context = data.train;
  expect_data_refused(data, "takes none");
  data = numbers(6);
  data.dequantisation = -1;
  expect_data_refused(data, "must not be negative");
}

TEST(LearnNormalizingFlowFitData, RefusesRowsOutsideTheFlowsSupport) {
  NormalizingFlowOptions options = normalizing_flow_preset(FlowArchitecture::kMaf);
  options.layers = 1;
  options.support = FlowSupport::kBox;
  options.upper = 5.5;
  NormalizingFlow flow(options, 1, at::kFloat, Seed(5).generator());
  const auto make = [&](const TrainingData& data) {
    NormalizingFlowFit(flow, nullptr, data, maximum_likelihood(1), Seed(1));
  };
  TrainingData data = numbers(8);
  data.train += 0.25;  // rows 7 and 8 are 6.25 and 7.25
  data.held_out = data.train.narrow(0, 0, 5);
  expect_refusal([&] { make(data); }, "training data: row 7 has density zero");
  std::swap(data.train, data.held_out);
  expect_refusal([&] { make(data); }, "held-out data: row 7 has density zero");
  data.held_out = data.train.clone();
  EXPECT_NO_THROW(make(data));
}

TEST(LearnNormalizingFlowFitData, RefusesEstimatorsWithoutWhatTheyNeed) {
  const Gaussian target = standard_normal(1), other = standard_normal(2);
  const auto refused = [&](FlowGradient gradient, const LogDensity* density,
                           std::optional<TrainingData> data, const std::string& words) {
    NormalizingFlow flow = elementwise_flow(1);
    NormalizingFlowFitOptions options = maximum_likelihood(1);
    options.gradient = gradient;
    expect_refusal([&] { NormalizingFlowFit(flow, density, data, options, Seed(1)); }, words);
  };
  refused(FlowGradient::kReversePath, nullptr, {}, "reverse-path needs a target");
  refused(FlowGradient::kForwardPath, nullptr, numbers(4), "forward-path needs a target");
  refused(FlowGradient::kForwardTotal, nullptr, {}, "forward-total needs data");
  refused(FlowGradient::kReverseTotal, &target, numbers(4), "reads no data");
  refused(FlowGradient::kReversePath, &other, {}, "2 dimensions and the flow 1");
  refused(FlowGradient::kForwardPath, &target, fours(4), "no dequantisation");
  NormalizingFlow flow = elementwise_flow(1);
  NormalizingFlowFitOptions options = maximum_likelihood(1);
  options.batch = 0;
  expect_refusal([&] { NormalizingFlowFit(flow, nullptr, numbers(4), options, Seed(1)); },
                 "--batch must be at least 1, got 0");
}

TEST(LearnNormalizingFlowFitData, RefusesDataWhereTheTargetIsNotFinite) {
  class Positive final : public LogDensity {
   public:
    std::int64_t dim() const override { return 1; }
    Tensor log_density(const Tensor& x) const override { return x.log().sum(-1) - x.sum(-1); }
  };
  NormalizingFlow flow = elementwise_flow(1);
  NormalizingFlowFitOptions options = maximum_likelihood(1);
  options.gradient = FlowGradient::kForwardPath;
  TrainingData data = numbers(6);
  data.train += 1;
  data.train[3][0] = 0;
  expect_refusal(
      [&] {
        const Positive target;
        NormalizingFlowFit(flow, &target, data, options, Seed(1));
      },
      "at row 4 the target's log-density or score is not finite");
}

TEST(LearnNormalizingFlowFitData, RefusesTheCheckpointOfAnotherFlow) {
  NormalizingFlow flow = elementwise_flow(1), other = elementwise_flow(2);
  NormalizingFlowFitOptions options = maximum_likelihood(2);
  options.gradient = FlowGradient::kReversePath;
  const Gaussian target = standard_normal(1), other_target = standard_normal(2);
  NormalizingFlowFit fit(flow, &target, {}, options, Seed(1));
  NormalizingFlowFit of_other(other, &other_target, {}, options, Seed(1));
  expect_refusal([&] { fit.restore(of_other.checkpoint(), "run/checkpoint"); }, "run/checkpoint");
  expect_refusal([&] { fit.restore({}, "run/checkpoint"); }, "run/checkpoint");
}

TEST(LearnNormalizingFlowFitData, OptionsSayFieldValueAndRule) {
  const auto refused = [](const std::function<void(NormalizingFlowFitOptions&)>& change,
                          const std::string& words) {
    NormalizingFlowFitOptions options;
    options.validate();
    change(options);
    expect_refusal([&] { options.validate(); }, words);
  };
  refused([](auto& o) { o.iterations = 0; }, "--iterations must be at least 1, got 0");
  refused([](auto& o) { o.learning_rate = -1; }, "--learning-rate must be positive, got -1");
  refused([](auto& o) { o.final_learning_rate = 1; },
          "--final-learning-rate must lie in (0, 0.001]");
  refused([](auto& o) { o.gradient_clip = 0; }, "--gradient-clip must be positive, got 0");
  refused([](auto& o) { o.evaluate_every = 0; }, "--evaluate-every must be at least 1, got 0");
  refused([](auto& o) { o.held_out_draws = 1; }, "--held-out-draws must be at least 2, got 1");
  refused([](auto& o) { o.patience = -1; }, "--patience must not be negative");
}

}  // namespace
}  // namespace ergon::testing
