#include "flow/traced.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <functional>
#include <string>

#include "support/compare.hpp"

namespace ergon::testing {
namespace {

using torch::jit::Stack;

void expect_same(const std::function<Mapped(const Tensor&)>& map,
                 const Tensor& few,
                 const Tensor& many,
                 double relative) {
  const auto recorded = torch::jit::tracer::trace(
      {few},
      [&](Stack inputs) {
        const Mapped out = map(inputs[0].toTensor());
        return Stack{out.points, out.log_det};
      },
      [](const at::Tensor&) { return std::string(); });
  torch::jit::GraphExecutor executor(recorded.first->graph, "layer");
  Stack stack{many};
  executor.run(stack);
  const Mapped expected = map(many);
  expect_close(stack[0].toTensor(), expected.points, relative, "traced points");
  expect_close(stack[1].toTensor(), expected.log_det, relative, "traced log-determinants");
}

}  // namespace

void expect_same_when_traced(const FlowLayer& layer,
                             const Tensor& few,
                             const Tensor& many,
                             double relative) {
  // A trace takes no constants that require gradients.
  const auto parameters = layer.parameters();
  for (const auto& [name, tensor] : parameters) tensor.set_requires_grad(false);
  expect_same([&](const Tensor& x) { return layer.forward(x, {}); }, few, many, relative);
  expect_same([&](const Tensor& y) { return layer.inverse(y, {}); }, few, many, relative);
  for (const auto& [name, tensor] : parameters) tensor.set_requires_grad(true);
}

}  // namespace ergon::testing
