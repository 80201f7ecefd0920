#include "temperature_ladder.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <utility>

#include "resampling.hpp"

namespace ergon {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNoWeight = 1e-100;  // of the largest: cannot matter, and would underflow squared
constexpr int kBisections = 45;       // of a bracket of at most 1e12, then known to 1e-12
constexpr double kRounding = std::numeric_limits<double>::epsilon();
constexpr double kNoDistance = 1e-13;     // of β from 1: no longer known to three digits
constexpr double kOffset = 0.1;           // c / β_1
constexpr double kLeastRejection = 1e-3;  // so that the barrier rises strictly

// W and h = log p̄/q⁰ less its largest value, zero and zero where a particle does not count.
struct Weighted {
  Tensor weight, ratio;  // (..., M)
};

Weighted counting(const Tensor& log_weight, const Tensor& log_ratio) {
  const Tensor weight = normalised_weights(log_weight);
  const Tensor counts = (weight > kNoWeight * weight.amax(-1, true)) & (log_ratio > -kInfinity);
  const Tensor largest =
      at::where(counts, log_ratio, at::full_like(log_ratio, -kInfinity)).amax(-1, true);
  const Tensor zero = at::zeros_like(weight);
  return {at::where(counts, weight, zero), at::where(counts, log_ratio - largest, zero)};
}

Tensor conditional_share(const Weighted& particles, const Tensor& increment) {
  const Tensor growth = (particles.ratio * increment.unsqueeze(-1)).exp();
  const Tensor first = particles.weight * growth;
  return first.sum(-1).square() / ((first * growth).sum(-1) * particles.weight.sum(-1));
}

}  // namespace

Tensor conditional_ess_share(const Tensor& log_weight,
                             const Tensor& log_ratio,
                             const Tensor& increment) {
  return conditional_share(counting(log_weight, log_ratio), increment);
}

// With K the cumulant generating function of h under W, the log of (72) is 2K(δ) - K(2δ): it falls
// in δ, and by no more than (δ · range of h)²/4, since no law on an interval has a variance above a
// quarter of its squared length. That bound begins the bracket.
Tensor next_inverse_temperature(const Tensor& current,
                                const Tensor& log_weight,
                                const Tensor& log_ratio,
                                double share) {
  const Weighted particles = counting(log_weight, log_ratio);
  const Tensor range = particles.ratio.abs().amax(-1);
  const Tensor left = 1 - current;
  Tensor high = left.log();
  Tensor low = at::minimum((2 * std::sqrt(-std::log(share)) / range).log(), high);
  const Tensor arrives = (conditional_share(particles, left) >= share) | (low >= high);
  for (int round = 0; round < kBisections; ++round) {
    const Tensor middle = (low + high) / 2;
    const Tensor keeps = conditional_share(particles, middle.exp()) >= share;
    low = at::where(keeps, middle, low);
    high = at::where(keeps, high, middle);
  }
  // Where δ is lost in the rounding of β the ladder goes on all the same.
  const Tensor next = at::maximum(current + low.exp(), current * (1 + kRounding));
  return at::where(arrives | (1 - next < kNoDistance), at::ones_like(current), next);
}

Tensor interpolate(const Tensor& x, const Tensor& y, const Tensor& where) {
  const Tensor upper =
      at::searchsorted(x.contiguous(), where.contiguous()).clamp(1, x.size(-1) - 1);
  const Tensor lower = upper - 1;
  const Tensor x0 = x.gather(-1, lower);
  const Tensor y0 = y.gather(-1, lower);
  const Tensor share = ((where - x0) / (x.gather(-1, upper) - x0)).clamp(0.0, 1.0);
  return y0 + share * (y.gather(-1, upper) - y0);
}

Tensor equal_rejection_ladder(const Tensor& ladder, const Tensor& rejection) {
  const Tensor first = at::zeros_like(ladder.narrow(-1, 0, 1));
  const Tensor length = rejection.clamp(kLeastRejection, 1 - kLeastRejection).erfinv();
  const Tensor barrier = at::cat({first, length.cumsum(-1)}, -1);
  const auto last = ladder.size(-1) - 1;
  const Tensor equal = barrier.narrow(-1, last, 1) *
                       (at::arange(last + 1, ladder.options()) / static_cast<double>(last));
  const Tensor offset = kOffset * ladder.narrow(-1, 1, 1);
  Tensor moved = interpolate(barrier, (ladder + offset).log(), equal).exp() - offset;
  moved.select(-1, 0).fill_(0.0);
  moved.select(-1, last).fill_(1.0);
  return moved;
}

}  // namespace ergon
