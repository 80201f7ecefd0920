// The rational-quadratic spline at `n` coordinates, one thread: a map without a graph, a map with
// its gradients in points and parameters, and what carrying a force adds (slope and pull_back),
// fused (what layers use) against the composed chain of tensor operations. Medians in µs, timed in
// turn. `floor_us` is what the exponentials of a softmax over widths and heights cost alone, once
// for every pass over the parameters.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include "ergon/core/random.hpp"
#include "flow/spline_composed.hpp"
#include "support/rates.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

using Direction = Transformer::Direction;
constexpr double kTail = 5.0;

struct Problem {
  spline::Shape shape;
  std::unique_ptr<Transformer> spline;
  Tensor x, theta, cotangent;

  Problem(std::int64_t count, std::int64_t bins, c10::ScalarType type)
      : shape{bins, kTail}, spline(spline_transformer(bins, kTail)) {
    const auto normal = [&](at::IntArrayRef sizes, std::uint64_t seed) {
      return draw::normal_like(at::empty(sizes, type), Seed(seed).generator());
    };
    x = normal({count, 1}, 1).requires_grad_();
    theta = normal({count, 1, shape.parameters()}, 2).requires_grad_();
    cotangent = normal({count, 1}, 3);
  }

  template <class Map>
  void differentiate(const Map& map) const {
    const Transformed out = map();
    benchmark::DoNotOptimize(torch::autograd::grad({out.points, out.log_derivative}, {x, theta},
                                                   {cotangent, cotangent}));
  }
  void carry(Direction direction) const {
    const at::NoGradGuard no_grad;
    benchmark::DoNotOptimize(spline->slope(x, theta, direction));
    benchmark::DoNotOptimize(spline->pull_back(x, theta, cotangent, -1, direction));
  }
};

double microseconds(const Samples& samples) { return 1e6 * samples.median(); }

void SplineMap(benchmark::State& run, Direction direction, c10::ScalarType type) {
  const Problem p(run.range(0), run.range(1), type);
  const auto fused_map = [&] {
    return direction == Direction::kForward ? p.spline->forward(p.x, p.theta)
                                            : p.spline->inverse(p.x, p.theta);
  };
  const auto composed_map = [&] { return spline::composed_map(p.shape, p.x, p.theta, direction); };
  ExpRate exp(type);
  Samples fused, composed, fused_gradient, composed_gradient, carry, exponentials;
  for (auto _ : run) {
    exponentials.take([&] { exp.run(); });
    fused_gradient.take([&] { p.differentiate(fused_map); });
    composed_gradient.take([&] { p.differentiate(composed_map); });
    carry.take([&] { p.carry(direction); });
    const at::NoGradGuard no_grad;
    fused.take([&] { benchmark::DoNotOptimize(fused_map()); });
    composed.take([&] { benchmark::DoNotOptimize(composed_map()); });
  }
  run.counters["fused_us"] = microseconds(fused);
  run.counters["composed_us"] = microseconds(composed);
  run.counters["fused_gradient_us"] = microseconds(fused_gradient);
  run.counters["composed_gradient_us"] = microseconds(composed_gradient);
  run.counters["carry_us"] = microseconds(carry);
  run.counters["floor_us"] = microseconds(exponentials) * static_cast<double>(2 * p.x.numel()) *
                             static_cast<double>(run.range(1)) / ExpRate::kExponentials;
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "bins"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t count : {500, 32000}) benchmark->Args({count, 8});
}

BENCHMARK_CAPTURE(SplineMap, forward_float32, Direction::kForward, c10::kFloat)->Apply(sizes);
BENCHMARK_CAPTURE(SplineMap, forward_float64, Direction::kForward, c10::kDouble)->Apply(sizes);
BENCHMARK_CAPTURE(SplineMap, inverse_float32, Direction::kInverse, c10::kFloat)->Apply(sizes);

}  // namespace
}  // namespace ergon::bench
