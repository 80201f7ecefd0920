#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>
#include <torch/csrc/jit/passes/constant_pooling.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/flow/normalizing_flow.hpp"

// A flow as TorchScript: its two maps are traced, with the parameters as the module's own, so that
// they follow it to another type or device. What a trace bakes in (a number of points, numbers that
// a layer looked at) shows when the module is asked about other points than the traced ones.

namespace ergon {
namespace {

namespace jit = torch::jit;

using PointFunction = std::function<c10::IValue(const Tensor&)>;

constexpr std::int64_t kTracedPoints = 3;

/// "3.network.weight" -> "parameter_3_network_weight": attributes are words of Python.
std::string attribute_name(const std::string& parameter) {
  std::string name = "parameter_" + parameter;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

void add_method(jit::Module& module,
                const std::string& name,
                const Tensor& points,
                const PointFunction& map) {
  const auto traced = jit::tracer::trace(
      {points},
      [&map](jit::Stack inputs) -> jit::Stack {
        const jit::tracer::NoWarn no_warnings;
        return {map(inputs.front().toTensor())};
      },
      [](const Tensor&) { return std::string(); }, /*strict=*/true, /*force_outplace=*/false,
      &module, {"points"});
  std::shared_ptr<jit::Graph> graph = traced.first->graph;
  jit::EliminateDeadCode(graph);
  // A map that goes coordinate by coordinate repeats what does not depend on points.
  jit::ConstantPooling(graph);
  jit::EliminateCommonSubexpression(graph);
  const c10::QualifiedName qualified(*module.type()->name(), name);
  module.type()->addMethod(module._ivalue()->compilation_unit()->create_function(qualified, graph));
}

c10::IValue pair_of(const Draws& draws) {
  return c10::ivalue::Tuple::create({draws.particles, draws.log_q});
}

jit::Module traced_module(const NormalizingFlow& flow, const Draws& at) {
  jit::Module module("NormalizingFlow");
  for (const auto& [name, tensor] : flow.parameters()) {
    module.register_parameter(attribute_name(name), tensor, /*is_buffer=*/false);
  }
  module.register_attribute("dim", c10::IntType::get(), flow.dim());
  // With a graph: what goes without one may be written to in place.
  const at::AutoGradMode with_graph(true);
  const Tensor points = at.particles.detach().clone().requires_grad_(true);
  add_method(module, "forward", points, [&flow](const Tensor& x) { return flow.log_prob(x); });
  add_method(module, "transform", points,
             [&flow](const Tensor& z) { return pair_of(flow.push_forward(z)); });
  return module;
}

/// Whether two ways to one result agree but for rounding.
bool agree(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return false;
  const double relative = b.scalar_type() == at::kFloat ? 1e-3 : 1e-8;
  return at::allclose(a, b, relative, relative, /*equal_nan=*/true);
}

bool repeats(jit::Module& module, const NormalizingFlow& flow, std::int64_t count) {
  const at::NoGradGuard no_graph;
  const jit::GraphOptimizerEnabledGuard no_optimizer(false);
  const Seed seed = Seed(1).child("export", static_cast<std::uint64_t>(count));
  const Tensor z = flow.base_draws(count, seed.generator());
  const Draws expected = flow.push_forward(z);
  const auto moved = module.get_method("transform")({z}).toTuple();
  return agree(moved->elements()[0].toTensor(), expected.particles) &&
         agree(moved->elements()[1].toTensor(), expected.log_q) &&
         agree(module.forward({expected.particles}).toTensor(), flow.log_prob(expected.particles));
}

bool repeats_anywhere(jit::Module& module, const NormalizingFlow& flow) {
  try {
    return repeats(module, flow, 1) && repeats(module, flow, kTracedPoints + 4);
  } catch (const std::exception&) {  // a shape that was baked in
    return false;
  }
}

void require_one_context(const NormalizingFlow& flow, const std::string& path) {
  const at::TensorOptions like = at::TensorOptions().dtype(flow.type());
  for (const std::int64_t count : {kTracedPoints, kTracedPoints + 1}) {
    try {
      flow.context_for(at::zeros({count, flow.dim()}, like));
    } catch (const InvalidInput&) {
      fail(
          "{}: a conditional flow is written with one context of {} numbers for all points; bind "
          "one with given(context)",
          path, flow.layers().context_dim());
    }
  }
}

}  // namespace

void export_torchscript(const NormalizingFlow& flow, const std::string& path) {
  require_one_context(flow, path);
  const Draws at =
      flow.sample_with_log_prob(kTracedPoints, Seed(1).child("export trace").generator());
  jit::Module module = traced_module(flow, at);
  require(repeats_anywhere(module, flow),
          "{}: this flow cannot be written as TorchScript, since one of its layers acts otherwise "
          "for other points in a way that a trace does not record; save it as NPZ instead",
          path);
  std::ostringstream bytes;
  module.save(bytes);
  write_file(path, bytes.str());
}

}  // namespace ergon
