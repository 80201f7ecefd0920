#include "support/rates.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include "support/timing.hpp"

#define ERGON_LANES_BODY "support/lanes_exponentials.hpp"
#include "stein/lanes/machines.hpp"

namespace ergon::bench {
namespace {

using Exponentials = void (*)(const float* in, std::int64_t count, float* out);

Exponentials exponentials_of_this_machine() {
  using namespace ergon::stein;
#ifdef ERGON_HAS_WIDE_VECTORS
  if (machine_has_vectors(64)) return avx512::exponentials;
  if (machine_has_vectors(32)) return avx2::exponentials;
#endif
  return baseline::exponentials;
}

// Numbers from -8 to 0: none of them a short cut.
Tensor exponents(double count, c10::ScalarType type) {
  return at::linspace(-8, 0, static_cast<std::int64_t>(count), type);
}

struct Rates {
  double flops, exponentials;
};

Rates measured(c10::ScalarType type) {
  const at::NoGradGuard no_grad;
  GemmRate gemm(type);
  ExpRate exp(type);
  Samples gemm_times, exp_times;
  for (int pass = 0; pass < 20; ++pass) {
    gemm_times.take([&] { gemm.run(); });
    exp_times.take([&] { exp.run(); });
  }
  return {GemmRate::kFlops / gemm_times.best(), ExpRate::kExponentials / exp_times.best()};
}

}  // namespace

GemmRate::GemmRate(c10::ScalarType type)
    : left_(at::ones({1024, 1024}, type)),
      right_(at::ones({1024, 1024}, type)),
      out_(at::empty({1024, 1024}, type)) {}

void GemmRate::run() {
  at::mm_out(out_, left_, right_);
  benchmark::DoNotOptimize(out_.data_ptr());
}

ExpRate::ExpRate(c10::ScalarType type)
    : in_(exponents(kExponentials, type)), out_(at::empty_like(in_)) {}

void ExpRate::run() {
  at::exp_out(out_, in_);
  benchmark::DoNotOptimize(out_.data_ptr());
}

LanesExpRate::LanesExpRate()
    : in_(exponents(kExponentials, c10::kFloat)), out_(at::empty_like(in_)) {}

void LanesExpRate::run() {
  static const Exponentials all = exponentials_of_this_machine();
  all(in_.data_ptr<float>(), in_.numel(), out_.data_ptr<float>());
  benchmark::DoNotOptimize(out_.data_ptr());
}

double velocity_floor_seconds(std::int64_t count, std::int64_t dim, c10::ScalarType type) {
  static const Rates single = measured(c10::kFloat), full = measured(c10::kDouble);
  const Rates& rates = type == c10::kDouble ? full : single;
  const double pairs = static_cast<double>(count) * static_cast<double>(count);
  return pairs *
         (2.0 * (2.0 * static_cast<double>(dim) + 1) / rates.flops + 1.0 / rates.exponentials);
}

}  // namespace ergon::bench
