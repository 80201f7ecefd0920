#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/torchscript.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "ergon/flow/normalizing_flow.hpp"
#include "flow/flow_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::flow_cases;
using testing::FlowCase;
using ::testing::HasSubstr;
using testing::perturbed_flow;
using testing::ScratchFile;
using testing::small_flow;
using testing::tolerance;

constexpr double kStddev = 0.2;

class FlowTorchScript : public ::testing::TestWithParam<FlowCase> {};

/// The file's two methods against the flow, for numbers of points that were not traced.
void expect_same_maps(const NormalizingFlow& flow, const std::string& path) {
  const at::NoGradGuard no_graph;
  const double relative = 20 * tolerance(flow.type());
  torch::jit::Module module = torch::jit::load(path);
  const torch::jit::GraphOptimizerEnabledGuard no_optimizer(false);
  for (const std::int64_t count : {1, 11}) {
    const Tensor z = flow.base_draws(count, Seed(2).generator());
    const Draws expected = flow.push_forward(z);
    const auto moved = module.get_method("transform")({z}).toTuple();
    expect_close(moved->elements()[0].toTensor(), expected.particles, relative, "x");
    expect_close(moved->elements()[1].toTensor(), expected.log_q, relative, "log q");
    expect_close(module.forward({expected.particles}).toTensor(), flow.log_prob(expected.particles),
                 relative, "log q of points");
  }
}

TEST_P(FlowTorchScript, MapsAnyNumberOfPointsAsTheFlowDoes) {
  const NormalizingFlow flow = perturbed_flow(GetParam(), at::kFloat, kStddev);
  const ScratchFile file(GetParam().name + ".pt");
  export_torchscript(flow, file.path());
  expect_same_maps(flow, file.path());
}

TEST_P(FlowTorchScript, IsATargetWithTheFlowsScoreInDoublePrecision) {
  const NormalizingFlow flow = perturbed_flow(GetParam(), at::kDouble, kStddev);
  const ScratchFile file(GetParam().name + ".pt");
  export_torchscript(flow, file.path());
  expect_same_maps(flow, file.path());
  const TorchScriptDensity target(file.path());
  EXPECT_EQ(target.dim(), flow.dim());
  const Tensor x = flow.sample(6, Seed(3).generator()).view({2, 3, flow.dim()});
  const LogDensityAndScore actual = target.log_density_and_score(x);
  const LogDensityAndScore expected = flow.log_density_and_score(x);
  expect_close(actual.log_density, expected.log_density, 10 * tolerance<double>(), "log density");
  expect_close(actual.score, expected.score, 10 * tolerance<double>(), "score");
  const Tensor v = draw::normal_like(x, Seed(4).generator());
  expect_close(target.hessian_vector_product(x, v), flow.hessian_vector_product(x, v),
               1000 * tolerance<double>(), "curvature");
}

INSTANTIATE_TEST_SUITE_P(Flow,
                         FlowTorchScript,
                         ::testing::ValuesIn(flow_cases()),
                         [](const auto& param) { return param.param.name; });

TEST(FlowTorchScriptFile, FollowsPointsOfAnotherType) {
  const FlowCase flow_case = {"realnvp", small_flow(FlowArchitecture::kRealNvp), 3};
  const NormalizingFlow flow = perturbed_flow(flow_case, at::kFloat, kStddev);
  const ScratchFile file("other_type.pt");
  export_torchscript(flow, file.path());
  const TorchScriptDensity target(file.path());
  const Tensor x = flow.sample(5, Seed(1).generator());
  const Tensor in_double = target.log_density(x.to(at::kDouble));
  EXPECT_EQ(in_double.scalar_type(), at::kDouble);
  expect_close(in_double.detach(), flow.log_prob(x).detach(), 10 * tolerance<float>(), "log q");
}

TEST(FlowTorchScriptFile, LeavesTheFlowAsItWas) {
  const FlowCase flow_case = {"maf", small_flow(FlowArchitecture::kMaf), 3};
  const NormalizingFlow flow = perturbed_flow(flow_case, at::kDouble, kStddev);
  const Draws before = flow.sample_with_log_prob(4, Seed(1).generator());
  const ScratchFile file("unchanged.pt");
  export_torchscript(flow, file.path());
  testing::expect_same_bits(flow.sample(4, Seed(1).generator()), before.particles, "draws");
  for (const auto& [name, tensor] : flow.parameters()) {
    EXPECT_TRUE(tensor.requires_grad()) << name;
    EXPECT_FALSE(tensor.grad().defined()) << name;
  }
}

TEST(FlowTorchScriptFile, PythonReadsItWhereThereIsTorch) {
  const at::NoGradGuard no_graph;
  const FlowCase flow_case = {"realnvp", small_flow(FlowArchitecture::kRealNvp), 3};
  const NormalizingFlow flow = perturbed_flow(flow_case, at::kDouble, kStddev);
  const ScratchFile model("python.pt"), script("python.py"), said("python.csv");
  export_torchscript(flow, model.path());
  write_file(script.path(),
             "import sys\n"
             "try:\n"
             "    import torch\n"
             "except ImportError:\n"
             "    sys.exit(77)\n"
             "flow = torch.jit.load(sys.argv[1])\n"
             "z = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(4, 3)\n"
             "x, log_q = flow.transform(z)\n"
             "for value in torch.cat([x.reshape(-1), log_q, flow(x)]).tolist():\n"
             "    print(repr(value))\n");
  const std::string command = "/usr/bin/python3 " + script.path() + " " + model.path() + " > " +
                              said.path() + " 2> /dev/null";
  const int status = std::system(command.c_str());
  if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127) {
    GTEST_SKIP() << "no Python with torch";
  }
  ASSERT_EQ(status, 0);
  const Tensor values = to_tensor(read_csv(said.path())).reshape({-1});
  const Draws expected = flow.push_forward(at::linspace(-2, 2, 12, at::kDouble).view({4, 3}));
  expect_close(values.slice(0, 0, 12), expected.particles.reshape({-1}), tolerance<double>(), "x");
  expect_close(values.slice(0, 12, 16), expected.log_q, tolerance<double>(), "log q");
  expect_close(values.slice(0, 16), expected.log_q, tolerance<double>(), "log q of points");
}

/// A layer that looks at its numbers, which a trace does not record.
class LooksAtNumbers final : public FlowLayer {
 public:
  std::int64_t dim() const override { return 1; }
  Mapped forward(const Tensor& x, const Tensor&) const override {
    return {x + x.sum().item<double>(), at::zeros_like(x.select(-1, 0))};
  }
  Mapped inverse(const Tensor& y, const Tensor&) const override {
    const double sum = y.sum().item<double>() / (1.0 + static_cast<double>(y.size(0)));
    return {y - sum, at::zeros_like(y.select(-1, 0))};
  }
};

/// What the export is refused with.
std::string refusal(const NormalizingFlow& flow, const std::string& path) {
  try {
    export_torchscript(flow, path);
  } catch (const InvalidInput& problem) {
    return problem.what();
  }
  return "";
}

TEST(FlowTorchScriptFile, WhatATraceCannotHoldIsRefused) {
  const NormalizingFlow flow(std::make_shared<LooksAtNumbers>());
  const ScratchFile file("looks.pt");
  EXPECT_THAT(refusal(flow, file.path()), HasSubstr("cannot be written as TorchScript"));
  EXPECT_FALSE(file_exists(file.path()));
}

TEST(FlowTorchScriptFile, AConditionalFlowNeedsOneContextForAllPoints) {
  NormalizingFlowOptions options = small_flow(FlowArchitecture::kRealNvp);
  options.context_dim = 2;
  const NormalizingFlow flow(options, 2, at::kDouble, Seed(1).generator());
  EXPECT_THAT(refusal(flow, "a.pt"), HasSubstr("a.pt: a conditional flow is written with one"));
  EXPECT_THAT(refusal(flow.given(at::zeros({3, 2})), "a.pt"), HasSubstr("one context of 2"));
}

TEST(FlowTorchScriptFile, AFolderThatCannotBeWrittenIsNamed) {
  const NormalizingFlow flow(std::make_shared<ElementwiseAffine>(1));
  EXPECT_THAT(refusal(flow, "/nowhere/at/all/flow.pt"), HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace ergon
