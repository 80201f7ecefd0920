#include "ergon/rl/squashed_gaussian.hpp"

#include <algorithm>
#include <cmath>

#include "passes.hpp"

namespace ergon {
namespace {

using passes::SquashedBlock;

/// log sigma and its derivative in the network's raw output.
template <class Real>
struct LogStddev {
  Real value, slope;
};

/// tanh_raw is read for LogStddevMap::kTanh alone. NaN stays.
template <class Real>
LogStddev<Real> log_stddev(const SquashedGaussian<Real>& s, Real raw, Real tanh_raw) {
  const Real low = static_cast<Real>(s.log_stddev_low), high = static_cast<Real>(s.log_stddev_high);
  if (s.map == LogStddevMap::kClip)
    return {std::min(std::max(raw, low), high), raw >= low && raw <= high ? Real(1) : Real(0)};
  const Real half = (high - low) / 2;
  return {low + half * (tanh_raw + 1), half * (1 - tanh_raw * tanh_raw)};
}

/// A block of (rows x d) numbers from number `first` on, in the order of the rows.
template <class Real>
struct Block {
  SquashedBlock<Real> numbers;
  Real slope_of_log_stddev[SquashedBlock<Real>::kCount];
  std::int64_t count;
};

template <class Real>
struct Draws {
  const Real* network;
  const Real* noise;
  std::int64_t count;  ///< rows d
};

template <class Real>
void evaluate_block(const SquashedGaussian<Real>& s,
                    const Draws<Real>& draws,
                    std::int64_t first,
                    Block<Real>& block) {
  const passes::Functions<Real>& functions = passes::functions<Real>();
  SquashedBlock<Real>& b = block.numbers;
  Real* tanh_raw = b.action;
  block.count = std::min(draws.count - first, SquashedBlock<Real>::kCount);
  std::int64_t row = first / s.dim, i = first % s.dim;
  for (std::int64_t at = 0; at < block.count; ++at) {
    const Real* of_row = draws.network + row * 2 * s.dim;
    b.mean[at] = of_row[i];
    b.log_stddev[at] = of_row[s.dim + i];
    b.noise[at] = draws.noise[first + at];
    if (++i == s.dim) i = 0, ++row;
  }
  if (s.map == LogStddevMap::kTanh) {
    std::copy_n(b.log_stddev, block.count, tanh_raw);
    functions.tanh(tanh_raw, block.count);
  }
  for (std::int64_t at = 0; at < block.count; ++at) {
    const auto l = log_stddev(s, b.log_stddev[at], tanh_raw[at]);
    b.log_stddev[at] = l.value;
    block.slope_of_log_stddev[at] = l.slope;
  }
  functions.squash(b, block.count);
}

}  // namespace

template <class Real>
void SquashedGaussian<Real>::sample(const Real* network,
                                    const Real* noise,
                                    std::int64_t rows,
                                    Real* actions,
                                    std::int64_t stride,
                                    Real* log_probs) const {
  std::fill_n(log_probs, rows, Real(0));
  Block<Real> block{};
  std::int64_t row = 0, i = 0;
  for (std::int64_t first = 0; first < rows * dim; first += block.count) {
    evaluate_block(*this, {network, noise, rows * dim}, first, block);
    for (std::int64_t at = 0; at < block.count; ++at) {
      actions[row * stride + i] = block.numbers.action[at];
      log_probs[row] += block.numbers.log_density[at];
      if (++i == dim) i = 0, ++row;
    }
  }
}

// With d log pi / du = 2 tanh(u) at fixed noise, and log pi depending on log sigma beyond u by -1.
template <class Real>
void SquashedGaussian<Real>::pull_back(const Real* network,
                                       const Real* noise,
                                       std::int64_t rows,
                                       const Real* log_prob_weights,
                                       const Real* action_gradients,
                                       Real* network_gradients) const {
  Block<Real> block{};
  std::int64_t row = 0, i = 0;
  for (std::int64_t first = 0; first < rows * dim; first += block.count) {
    evaluate_block(*this, {network, noise, rows * dim}, first, block);
    for (std::int64_t at = 0; at < block.count; ++at) {
      const Real weight = log_prob_weights[row];
      const Real of_u = 2 * weight * block.numbers.action[at] +
                        action_gradients[first + at] * block.numbers.slope[at];
      Real* out = network_gradients + row * 2 * dim + i;
      out[0] = of_u;
      out[dim] = block.slope_of_log_stddev[at] * (of_u * block.numbers.spread[at] - weight);
      if (++i == dim) i = 0, ++row;
    }
  }
}

template <class Real>
void SquashedGaussian<Real>::act(const Real* network, const double* noise, double* action) const {
  for (std::int64_t i = 0; i < dim; ++i) {
    const Real raw = network[dim + i];
    double u = static_cast<double>(network[i]);
    if (noise != nullptr) {
      const Real tanh_raw = map == LogStddevMap::kTanh ? std::tanh(raw) : Real(0);
      u += std::exp(static_cast<double>(log_stddev(*this, raw, tanh_raw).value)) * noise[i];
    }
    action[i] = std::tanh(u);
  }
}

template struct SquashedGaussian<float>;
template struct SquashedGaussian<double>;

}  // namespace ergon
