// The autoregressive layer, float32, one thread, 100 points, two hidden layers: its inverse, which
// goes coordinate by coordinate, as one sweep against D passes through the network; what a force
// that is taken along adds; the inverse with its first derivatives. Medians of calls in ms, timed
// in turn. `pass` is one pass through the network, `passes` D of them, `gain` passes over sweep.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include "ergon/flow/autoregressive.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

constexpr std::int64_t kPoints = 100;
constexpr double kLogScaleBound = 2.0;

/// A layer whose network is not zero, with points of it.
struct Problem {
  const MaskedNetwork* network = nullptr;
  std::unique_ptr<Transformer> transformer = affine_transformer(kLogScaleBound);
  std::unique_ptr<Autoregressive> layer;
  Tensor points, force;

  Problem(std::int64_t dim, std::int64_t hidden) {
    const NetworkOptions options = {hidden, 2, Activation::kTanh};
    auto own = std::make_unique<MaskedNetwork>(dim, 2, 0, options, Seed(1).generator());
    network = own.get();
    layer = std::make_unique<Autoregressive>(affine_transformer(kLogScaleBound), std::move(own));
    for (const auto& [name, tensor] : layer->parameters()) {
      const Tensor noise = draw::normal_like(tensor, Seed(2).child(name).generator());
      tensor.set_data((tensor.detach() + 0.01 * noise).to(at::kFloat));
    }
    const Tensor like = at::empty({kPoints, dim}, at::TensorOptions().dtype(at::kFloat));
    points = draw::normal_like(like, Seed(3).generator());
    force = draw::normal_like(like, Seed(4).generator());
  }

  /// The inverse with a pass through the whole network for every coordinate.
  Tensor by_passes() const {
    Tensor x = at::zeros_like(points);
    for (std::int64_t i = 0; i < points.size(1); ++i) {
      const Tensor theta = network->evaluate(x, {}).output.narrow(1, 2 * i, 2);
      x.select(1, i).copy_(transformer->inverse(points.select(1, i), theta).points);
    }
    return x;
  }
};

void AutoregressiveInverse(benchmark::State& run) {
  const Problem problem(run.range(0), run.range(1));
  const at::NoGradGuard no_grad;
  Samples pass, sweep, passes;
  for (auto _ : run) {
    pass.take([&] { benchmark::DoNotOptimize(problem.layer->forward(problem.points, {})); });
    sweep.take([&] { benchmark::DoNotOptimize(problem.layer->inverse(problem.points, {})); });
    passes.take_once([&] { benchmark::DoNotOptimize(problem.by_passes()); });
  }
  run.counters["pass_ms"] = 1e3 * pass.median();
  run.counters["sweep_ms"] = 1e3 * sweep.median();
  run.counters["passes_ms"] = 1e3 * passes.median();
  run.counters["gain"] = passes.median() / sweep.median();
}

void AutoregressiveForce(benchmark::State& run) {
  const Problem problem(run.range(0), run.range(1));
  const Tensor& points = problem.points;
  Samples forward, carry_forward, inverse, carry_inverse, backward;
  for (auto _ : run) {
    const at::NoGradGuard no_grad;
    forward.take([&] { benchmark::DoNotOptimize(problem.layer->forward(points, {})); });
    carry_forward.take(
        [&] { benchmark::DoNotOptimize(problem.layer->carry_forward(points, problem.force, {})); });
    inverse.take([&] { benchmark::DoNotOptimize(problem.layer->inverse(points, {})); });
    carry_inverse.take(
        [&] { benchmark::DoNotOptimize(problem.layer->carry_inverse(points, problem.force, {})); });
    const at::AutoGradMode recording(true);
    backward.take([&] {
      const Mapped back = problem.layer->inverse(points, {});
      (back.points.square().sum() + back.log_det.sum()).backward();
    });
  }
  run.counters["forward_ms"] = 1e3 * forward.median();
  run.counters["carry_forward_ms"] = 1e3 * carry_forward.median();
  run.counters["inverse_ms"] = 1e3 * inverse.median();
  run.counters["carry_inverse_ms"] = 1e3 * carry_inverse.median();
  run.counters["inverse_gradient_ms"] = 1e3 * backward.median();
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"D", "hidden"})
      ->Args({64, 64})
      ->Args({64, 512})
      ->Args({196, 512})
      ->Args({784, 1024})
      ->Iterations(3)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

BENCHMARK(AutoregressiveInverse)->Apply(sizes);
BENCHMARK(AutoregressiveForce)->Apply(sizes);

}  // namespace
}  // namespace ergon::bench
