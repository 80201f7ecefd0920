#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <cmath>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/rl/adam.hpp"

namespace ergon::testing {
namespace {

/// The largest difference, in units of a learning rate, of 50 steps of both on the same gradients,
/// whose sizes go up and down by a factor of 10^4.
template <class Real>
double difference_after_fifty_steps(c10::ScalarType type) {
  constexpr std::int64_t kCount = 1003;
  constexpr double kLearningRate = 3e-3;
  Generator generator = Seed(1).generator();
  Tensor theirs = draw::normal_like(at::empty({kCount}, type), generator);
  std::vector<Real> ours(theirs.data_ptr<Real>(), theirs.data_ptr<Real>() + kCount);
  theirs.requires_grad_();
  torch::optim::Adam reference({theirs}, torch::optim::AdamOptions(kLearningRate));
  Adam<Real> adam(kCount, {kLearningRate, 0.9, 0.999, 1e-8});
  double worst = 0;
  for (int step = 0; step < 50; ++step) {
    const Tensor gradient =
        draw::normal_like(at::empty({kCount}, type), generator) * std::pow(10.0, step % 5 - 4);
    theirs.mutable_grad() = gradient.clone();
    reference.step();
    adam.step(gradient.data_ptr<Real>(), ours.data());
    const Tensor mine = at::from_blob(ours.data(), {kCount}, type);
    worst = std::max(worst, (mine - theirs.detach()).abs().max().item<double>() / kLearningRate);
  }
  return worst;
}

TEST(RlAutogradAdam, FollowsTorchsAdamForFiftySteps) {
  EXPECT_LT(difference_after_fifty_steps<double>(at::kDouble), 1e-11);
}

TEST(RlAutogradAdam, FollowsTorchsAdamInSinglePrecisionToTheRoundingOfTheParameters) {
  // 50 roundings of numbers up to 4, half a unit 2^-22 each, over the learning rate: 4e-3.
  EXPECT_LT(difference_after_fifty_steps<float>(at::kFloat), 4e-3);
}

}  // namespace
}  // namespace ergon::testing
