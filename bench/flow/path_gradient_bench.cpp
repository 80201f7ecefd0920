// One gradient of a flow, float32, one thread: loss and backward pass, no optimiser, by every
// estimator of both divergences (docs/maths/path_gradients.md). An iteration takes each of them
// once, so that the ratios to the plain estimate come from the same run. The target is a standard
// normal in closed form, so that the flow's own work is what is measured.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "ergon/flow/flow_gradient.hpp"
#include "support/problem.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

struct FlowCase {
  std::string name;
  NormalizingFlowOptions options;
  std::int64_t dim;
  std::int64_t batch;
};

FlowCase flow_case(const std::string& name, FlowArchitecture architecture, std::int64_t layers) {
  FlowCase made = {name, normalizing_flow_preset(architecture), 2, 500};
  made.options.layers = layers;
  made.options.network = {64, 2, Activation::kTanh};
  return made;
}

FlowCase in_dimension(FlowCase of, std::int64_t dim) {
  of.dim = dim;
  return of;
}

FlowCase on_lattice(FlowCase of, std::int64_t side) {
  of.dim = side * side;
  of.batch = 1000;
  of.options.network.hidden = 128;
  of.options.mask = CouplingMask::kCheckerboard;
  return of;
}

std::vector<FlowCase> flow_cases() {
  const FlowCase realnvp = flow_case("realnvp", FlowArchitecture::kRealNvp, 6);
  const FlowCase spline = flow_case("spline-coupling", FlowArchitecture::kSplineCoupling, 4);
  const FlowCase iaf = flow_case("iaf", FlowArchitecture::kIaf, 5);
  const FlowCase maf = flow_case("maf", FlowArchitecture::kMaf, 5);
  return {realnvp,
          in_dimension(realnvp, 6),
          on_lattice(realnvp, 8),
          in_dimension(flow_case("nice", FlowArchitecture::kNice, 6), 6),
          spline,
          in_dimension(spline, 6),
          in_dimension(iaf, 6),
          in_dimension(maf, 6)};
}

/// A flow away from its start.
NormalizingFlow flow_of(const FlowCase& of) {
  NormalizingFlow flow(of.options, of.dim, at::kFloat, Seed(1).child("flow").generator());
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : flow.parameters()) {
    Tensor values = tensor;
    values.add_(draw::normal_like(tensor, Seed(2).child(name).generator()), 0.05);
  }
  return flow;
}

/// Points of the target with its log-density and score.
DataBatch data_of(const LogDensity& target, const Tensor& points) {
  const LogDensityAndScore at = target.log_density_and_score(points);
  return {points, at.log_density, at.score};
}

void zero_gradients(const NormalizingFlow& flow) {
  for (auto& [name, tensor] : flow.parameters()) tensor.mutable_grad() = Tensor();
}

constexpr std::array kEstimators = {
    FlowGradient::kReverseTotal, FlowGradient::kReversePath, FlowGradient::kReversePathTwoPass,
    FlowGradient::kForwardTotal, FlowGradient::kForwardPath, FlowGradient::kForwardPathTwoPass};

void count_ratios(benchmark::State& run, const std::array<Samples, kEstimators.size()>& samples) {
  run.counters["reverse_plain_us"] = 1e6 * samples[0].median();
  run.counters["reverse_path"] = samples[1].median() / samples[0].median();
  run.counters["reverse_two_pass"] = samples[2].median() / samples[0].median();
  run.counters["forward_plain_us"] = 1e6 * samples[3].median();
  run.counters["forward_path"] = samples[4].median() / samples[3].median();
  run.counters["forward_two_pass"] = samples[5].median() / samples[3].median();
}

void PathGradient(benchmark::State& run) {
  const FlowCase of = flow_cases()[static_cast<std::size_t>(run.range(0))];
  const NormalizingFlow flow = flow_of(of);
  const auto target = standard_normal(of.dim);
  const Tensor z = flow.base_draws(of.batch, Seed(3).generator());
  const DataBatch data = data_of(*target, flow.base_draws(of.batch, Seed(4).generator()));
  std::array<Samples, kEstimators.size()> samples;
  for (auto _ : run) {
    for (std::size_t i = 0; i < kEstimators.size(); ++i) {
      zero_gradients(flow);
      samples[i].take_once([&] {
        const FlowLoss loss = is_reverse(kEstimators[i])
                                  ? reverse_kl_loss(flow, *target, z, kEstimators[i])
                                  : forward_kl_loss(flow, data, kEstimators[i]);
        loss.surrogate.backward();
      });
    }
  }
  count_ratios(run, samples);
  run.SetLabel(of.name + " D=" + std::to_string(of.dim) + " n=" + std::to_string(of.batch));
}

BENCHMARK(PathGradient)->DenseRange(0, 7)->Unit(benchmark::kMillisecond)->MinTime(1.0);

}  // namespace
}  // namespace ergon::bench
