#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ergon::bench {

/// n points, |B| support points, D dimensions.
struct PairSizes {
  std::int64_t rows, count, dim;
};

/// What a step with a fixed support cannot do without when it is composed of library calls: n·|B|
/// exponentials, one n × |B| by |B| × (D² + 2D + 1) product, and for gradients two more of
/// n·|B|·D². Seconds of the fastest of several passes in float64.
inline double pair_floor_seconds(PairSizes sizes, bool gradient) {
  const at::NoGradGuard no_grad;
  const auto [rows, count, dim] = sizes;
  const at::Tensor x = at::ones({rows, dim}, at::kDouble);
  const at::Tensor points = at::ones({count, dim}, at::kDouble);
  const at::Tensor right = at::ones({count, dim * dim + 2 * dim + 1}, at::kDouble);
  const at::Tensor square = at::ones({count, 2 * dim * dim}, at::kDouble);
  at::Tensor kernel = at::empty({rows, count}, at::kDouble);
  at::Tensor sums = at::empty({rows, right.size(1)}, at::kDouble);
  at::Tensor more = at::empty({rows, square.size(1)}, at::kDouble);
  double best = 1e300;
  for (int pass = 0; pass < 20; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    at::mm_out(kernel, x, points.t());
    kernel.neg_().exp_();
    at::mm_out(sums, kernel, right);
    if (gradient) at::mm_out(more, kernel, square);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count());
  }
  return best;
}

/// Draws a second, the floor, and its share of the time.
inline void count_draws(benchmark::State& run, std::int64_t draws, double floor) {
  run.SetItemsProcessed(run.iterations() * draws);
  run.counters["floor_us"] = 1e6 * floor;
  run.counters["share"] = benchmark::Counter(floor * static_cast<double>(run.iterations()),
                                             benchmark::Counter::kIsRate);
}

}  // namespace ergon::bench
