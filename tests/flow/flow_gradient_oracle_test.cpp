// The fast path gradients against those of two passes, for every flow on offer.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "ergon/density/gaussian.hpp"
#include "ergon/flow/flow_gradient.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr std::int64_t kPoints = 6;

struct FlowCase {
  std::string name;
  NormalizingFlowOptions options;
};

void PrintTo(const FlowCase& flow, std::ostream* out) { *out << flow.name; }

NormalizingFlowOptions small(FlowArchitecture architecture) {
  NormalizingFlowOptions options = normalizing_flow_preset(architecture);
  options.layers = std::min<std::int64_t>(options.layers, 4);
  options.network.hidden = 6;
  options.network.activation = Activation::kTanh;
  options.bins = 5;
  options.tail = 3.0;
  options.support = FlowSupport::kReal;
  return options;
}

std::vector<FlowCase> cases() {
  std::vector<FlowCase> all;
  const auto add = [&](std::string name, const NormalizingFlowOptions& options) {
    std::replace(name.begin(), name.end(), '-', '_');
    all.push_back({name, options});
  };
  for (const auto& [architecture, name, help] : EnumNames<FlowArchitecture>::all()) {
    NormalizingFlowOptions options = small(architecture);
    add(std::string(name), options);
    options.context_dim = 2;
    add(std::string(name) + "-conditional", options);
  }
  for (const auto& [mixing, name, help] : EnumNames<FlowMixing>::all()) {
    NormalizingFlowOptions options = small(FlowArchitecture::kRealNvp);
    options.mixing = mixing;
    add("realnvp-mixing-" + std::string(name), options);
  }
  for (const auto& [support, name, help] : EnumNames<FlowSupport>::all()) {
    NormalizingFlowOptions options = small(FlowArchitecture::kGlow);
    options.support = support;
    add("glow-support-" + std::string(name), options);
  }
  return all;
}

// Float64; every parameter of the start moved by a Gaussian of this spread.
NormalizingFlow make_flow(const NormalizingFlowOptions& options, double spread) {
  const std::int64_t dim = options.architecture == FlowArchitecture::kGlow ? 16 : 4;
  NormalizingFlow flow(options, dim, at::kDouble, Seed(1).generator());
  if (spread > 0) perturb_parameters(flow.layers(), spread, Seed(2));
  if (options.context_dim == 0) return flow;
  const Tensor like = at::empty({kPoints, options.context_dim}, at::kDouble);
  return flow.given(draw::normal_like(like, Seed(3).generator()));
}

class FlowGradientOracle : public ::testing::TestWithParam<FlowCase> {
 protected:
  FlowGradientOracle() : flow_(make_flow(GetParam().options, spread(GetParam().options))) {}

  static double spread(const NormalizingFlowOptions& options) {
    // Draws near the ends of a bounded support have lost the digits that an inverse pass needs.
    if (options.support != FlowSupport::kReal) return 0.03;
    // Eight convolutions that random networks move as well have Jacobians of condition 1e9 at 0.3.
    const bool many_matrices =
        options.architecture == FlowArchitecture::kGlow && options.context_dim > 0;
    return many_matrices ? 0.1 : 0.3;
  }

  // A Gaussian of unequal variances about the middle of the flow's support.
  Gaussian target() const {
    const NormalizingFlowOptions& options = GetParam().options;
    const double width = options.support == FlowSupport::kPixels ? 256.0
                         : options.support == FlowSupport::kBox  ? 1.0
                                                                 : 4.0;
    const double center = options.support == FlowSupport::kReal ? 0.3 : width / 2;
    const Tensor deviations = at::linspace(0.1, 0.4, flow_.dim(), at::kDouble) * width;
    return Gaussian("p", at::full({flow_.dim()}, center, at::kDouble), deviations.square());
  }

  NormalizingFlow flow_;
};

TEST_P(FlowGradientOracle, FastReversePathIsTheTwoPassOne) {
  const Tensor z = flow_.base_draws(kPoints, Seed(4).generator());
  const auto fast = reverse_kl_loss(flow_, target(), z, FlowGradient::kReversePath);
  const auto slow = reverse_kl_loss(flow_, target(), z, FlowGradient::kReversePathTwoPass);
  const Tensor expected = flat_gradient(flow_, slow);
  EXPECT_GT(expected.norm().item<double>(), 1e-3);
  expect_close(flat_gradient(flow_, fast), expected, tolerance<double>(), "gradient");
  expect_close(fast.log_q, slow.log_q, tolerance<double>(), "log q");
  expect_close(fast.value, slow.value, tolerance<double>(), "objective");
}

TEST_P(FlowGradientOracle, FastForwardPathIsTheTwoPassOne) {
  DataBatch data;
  {
    const at::NoGradGuard no_graph;
    const Tensor z = 0.8 * flow_.base_draws(kPoints, Seed(5).generator());
    data.points = flow_.push_forward(z).particles;
  }
  const auto known = target().log_density_and_score(data.points);
  data.log_density = known.log_density;
  data.score = known.score;
  const auto fast = forward_kl_loss(flow_, data, FlowGradient::kForwardPath);
  const auto slow = forward_kl_loss(flow_, data, FlowGradient::kForwardPathTwoPass);
  const Tensor expected = flat_gradient(flow_, slow);
  EXPECT_GT(expected.norm().item<double>(), 1e-3);
  expect_close(flat_gradient(flow_, fast), expected, tolerance<double>(), "gradient");
  expect_close(fast.log_q, flow_.log_prob(data.points).detach(), tolerance<double>(), "log q");
  expect_close(fast.value, slow.value, tolerance<double>(), "objective");
}

// Whether no layer rounds at its start: splines go through softmax and cumulative sums, linear
// mixing through a rotation.
bool starts_as_the_exact_identity(const NormalizingFlowOptions& options) {
  return options.architecture <= FlowArchitecture::kIaf && options.mixing != FlowMixing::kLinear &&
         options.architecture != FlowArchitecture::kSplineCoupling;
}

// Flows that are the identity, or a rotation, at their start.
std::vector<FlowCase> identity_cases() {
  std::vector<FlowCase> some;
  for (const FlowCase& flow : cases()) {
    if (flow.options.support != FlowSupport::kReal) continue;
    if (flow.options.architecture == FlowArchitecture::kPlanar) continue;
    if (flow.options.architecture == FlowArchitecture::kRadial) continue;
    some.push_back(flow);
  }
  return some;
}

class FlowGradientAtTarget : public ::testing::TestWithParam<FlowCase> {};

TEST_P(FlowGradientAtTarget, PathGradientsVanishForEveryBatch) {
  const NormalizingFlowOptions& options = GetParam().options;
  const NormalizingFlow flow = make_flow(options, 0.0);
  const std::int64_t dim = flow.dim();
  const Gaussian normal("p", at::zeros({dim}, at::kDouble), at::ones({dim}, at::kDouble));
  const double allowed = starts_as_the_exact_identity(options) ? 0.0 : 1e-12;
  for (std::uint64_t batch = 0; batch < 3; ++batch) {
    const Tensor z = flow.base_draws(kPoints, Seed(6).child("batch", batch).generator());
    const auto known = normal.log_density_and_score(z);
    const auto largest = [&](const FlowLoss& loss) {
      return flat_gradient(flow, loss).abs().max().item<double>();
    };
    const DataBatch data = {z, known.log_density, known.score};
    EXPECT_LE(largest(reverse_kl_loss(flow, normal, z, FlowGradient::kReversePath)), allowed);
    EXPECT_LE(largest(forward_kl_loss(flow, data, FlowGradient::kForwardPath)), allowed);
    EXPECT_GT(largest(reverse_kl_loss(flow, normal, z, FlowGradient::kReverseTotal)), 0.01);
    EXPECT_GT(largest(forward_kl_loss(flow, data, FlowGradient::kForwardTotal)), 0.01);
  }
}

INSTANTIATE_TEST_SUITE_P(Flow,
                         FlowGradientOracle,
                         ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(Flow,
                         FlowGradientAtTarget,
                         ::testing::ValuesIn(identity_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ergon::testing
