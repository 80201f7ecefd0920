#include "pair_distances.hpp"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ergon/stein/bandwidth.hpp"

#define ERGON_LANES_BODY "distances.hpp"
#include "lanes/machines.hpp"

namespace ergon::stein {

template <class Real>
const PairKernels<Real>& pair_kernels() {
#ifdef ERGON_HAS_WIDE_VECTORS
  static const bool wide = machine_has_vectors(64), middle = machine_has_vectors(32);
  if (wide) return avx512::pair_kernels<Real>();
  if (middle) return avx2::pair_kernels<Real>();
#endif
  return baseline::pair_kernels<Real>();
}

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A shuffle that is the same everywhere and for ever (Fisher and Yates, splitmix64): neighbours in
// the given order, clusters of them or a trajectory, are no longer neighbours.
std::vector<std::int64_t> fixed_shuffle(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  std::uint64_t state = 0;
  for (std::uint64_t i = static_cast<std::uint64_t>(count); i > 1; --i) {
    std::uint64_t bits = state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    bits ^= bits >> 31;
    std::swap(order[i - 1], order[((bits >> 32) * i) >> 32]);
  }
  return order;
}

// 1, or a power of two that keeps the squared distances of coordinates up to `largest` finite.
template <class Real>
Real safe_scale(Real largest, std::int64_t dim) {
  const Real limit = std::sqrt(std::numeric_limits<Real>::max() /
                               static_cast<Real>(std::max<std::int64_t>(dim, 1))) /
                     4;
  return largest <= limit ? Real(1) : std::exp2(std::floor(std::log2(limit / largest)));
}

// One set after another, a block of coordinates at a time: the memory depends on neither number.
template <class Real>
class MedianPass {
 public:
  MedianPass(std::int64_t most, std::int64_t dim) : dim_(dim) {
    rows_.reserve(static_cast<std::size_t>(most));
  }

  // The live particles of one set (all where `alive` is null).
  double operator()(const Real* particles, const bool* alive, std::int64_t count) {
    rows_.clear();
    Real largest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (alive == nullptr || alive[i]) rows_.push_back(particles + i * dim_);
    }
    for (const Real* row : rows_) {
      const Real modulus = kernels_.largest_modulus(row, dim_);
      if (!std::isfinite(modulus)) return kNaN;
      largest = std::max(largest, modulus);
    }
    if (rows_.empty()) return kNaN;
    prepare(static_cast<std::int64_t>(rows_.size()));
    if (rank_ < 0) return 0.0;
    const Real scale = safe_scale(largest, dim_);
    std::fill(squared_.begin(), squared_.end(), Real(0));
    for (std::int64_t first = 0; first < dim_; first += kBlock)
      add_block(first, std::min(kBlock, dim_ - first), scale);
    const double median = kernels_.select(squared_.data(), choice_.pairs(), rank_);
    return std::sqrt(median) / static_cast<double>(scale);
  }

 private:
  static constexpr std::int64_t kBlock = 64;  // coordinates: as many pages as the processor knows

  void prepare(std::int64_t count) {
    if (choice_.count == count) return;
    choice_ = choose_pairs(count);
    rank_ = choice_.median_rank();
    stride_ = (count + choice_.whole_offsets + 3 * kPairPadding) / kPairPadding * kPairPadding;
    squared_.resize(static_cast<std::size_t>(choice_.pairs() + kPairPadding));
    points_.resize(static_cast<std::size_t>(stride_ * std::min(kBlock, dim_)));
  }

  void add_block(std::int64_t first, std::int64_t dim, Real scale) {
    const std::int64_t count = choice_.count;
    Real* points = points_.data();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto place = static_cast<std::size_t>(i);
      const Real* row =
          rows_[choice_.order.empty() ? place : static_cast<std::size_t>(choice_.order[place])];
      for (std::int64_t k = 0; k < dim; ++k) points[k * stride_ + i] = row[first + k] * scale;
    }
    for (std::int64_t k = 0; k < dim; ++k) {
      Real* line = points + k * stride_;
      for (std::int64_t i = 0; i <= choice_.whole_offsets; ++i) line[count + i] = line[i];
    }
    kernels_.add_distances(
        {points, stride_, dim, count, choice_.whole_offsets, choice_.last_rows, squared_.data()});
  }

  const PairKernels<Real>& kernels_ = pair_kernels<Real>();
  std::int64_t dim_;
  PairChoice choice_;
  std::int64_t rank_ = -1;
  std::int64_t stride_ = 0;
  std::vector<const Real*> rows_;
  std::vector<Real> points_;   // (block, stride)
  std::vector<Real> squared_;  // (pairs)
};

// r² of all chosen pairs of sets x (S, count, D), some offsets at a time; (S, pairs).
Tensor chosen_distances(const Tensor& x, const PairChoice& choice) {
  constexpr std::int64_t kNumbers = std::int64_t{1} << 24;
  const std::int64_t sets = x.size(0), count = choice.count, dim = x.size(2);
  const std::int64_t offsets = choice.whole_offsets + (choice.last_rows > 0 ? 1 : 0);
  const std::int64_t block =
      std::max<std::int64_t>(1, kNumbers / std::max<std::int64_t>(1, x.numel()));
  const auto integers = x.options().dtype(at::kLong);
  const Tensor place = at::arange(count, integers);
  std::vector<Tensor> parts;
  for (std::int64_t first = 1; first <= offsets; first += block) {
    const std::int64_t last = std::min(first + block, offsets + 1);
    const Tensor partner =
        (place + at::arange(first, last, integers).unsqueeze(1)).remainder(count);
    const Tensor others =
        x.index_select(1, partner.flatten()).view({sets, last - first, count, dim});
    parts.push_back((others - x.unsqueeze(1)).pow(2).sum(-1).flatten(1));
  }
  return at::cat(parts, 1).narrow(1, 0, choice.pairs());
}

// Without dropped particles.
Tensor median_of_sets(const Tensor& particles) {
  const PairChoice choice = choose_pairs(particles.size(1));
  const Tensor largest = particles.abs().flatten(1).amax(1).to(at::kDouble);
  const Tensor zero = largest * 0;  // NaN where a coordinate is not finite
  const std::int64_t rank = choice.median_rank();
  if (rank < 0) return zero;
  const double limit = particles.scalar_type() == at::kDouble
                           ? std::numeric_limits<double>::max()
                           : double{std::numeric_limits<float>::max()};
  const double most = std::sqrt(limit / static_cast<double>(particles.size(2))) / 4;
  const Tensor scale = (most / largest).log2().floor().exp2().clamp_max(1);
  Tensor x = particles * scale.to(particles.scalar_type()).view({-1, 1, 1});
  if (!choice.order.empty())
    x = x.index_select(1, at::tensor(choice.order, at::kLong).to(x.device()));
  const Tensor squared = std::get<0>(chosen_distances(x, choice).kthvalue(rank + 1, 1));
  return squared.to(at::kDouble).sqrt() / scale + zero;
}

}  // namespace

PairChoice choose_pairs(std::int64_t count) {
  PairChoice choice;
  choice.count = count;
  if (count <= kExactMedianParticles) {
    choice.whole_offsets = std::max<std::int64_t>(count - 1, 0) / 2;
    choice.last_rows = count % 2 == 0 ? count / 2 : 0;
    return choice;
  }
  choice.whole_offsets = (kMedianPairs + count - 1) / count;
  choice.order = fixed_shuffle(count);
  return choice;
}

std::int64_t PairChoice::median_rank() const {
  const std::int64_t middle = (count * count - 1) / 2;
  if (middle < count) return -1;
  // Each pair twice after the zeros; in proportion where not all pairs are chosen.
  const double rank = static_cast<double>((middle - count) / 2) + 0.5;
  const double all = 0.5 * static_cast<double>(count) * static_cast<double>(count - 1);
  return static_cast<std::int64_t>(rank / all * static_cast<double>(pairs()));
}

Tensor median_distance(const Tensor& particles, const Tensor& alive) {
  const auto type = particles.scalar_type();
  if (!particles.device().is_cpu() || (type != at::kFloat && type != at::kDouble))
    return median_distance_composed(particles, alive);
  const Tensor x = particles.contiguous();
  const Tensor mask = alive.defined() ? alive.contiguous() : alive;
  const std::int64_t sets = x.size(0), count = x.size(1), dim = x.size(2);
  const Tensor medians = at::empty({sets}, at::kDouble);
  AT_DISPATCH_FLOATING_TYPES(type, "median_distance", [&] {
    MedianPass<scalar_t> pass(count, dim);
    for (std::int64_t set = 0; set < sets; ++set) {
      const bool* live = mask.defined() ? mask.data_ptr<bool>() + set * count : nullptr;
      medians.data_ptr<double>()[set] =
          pass(x.data_ptr<scalar_t>() + set * count * dim, live, count);
    }
  });
  return medians;
}

Tensor median_distance_composed(const Tensor& particles, const Tensor& alive) {
  const auto type = particles.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor x = particles.to(type);
  const std::int64_t sets = x.size(0), count = x.size(1);
  const auto doubles = x.options().dtype(at::kDouble);
  if (x.numel() == 0) return at::full({sets}, count == 0 ? kNaN : 0.0, doubles);
  if (!alive.defined()) return median_of_sets(x);
  const Tensor medians = at::full({sets}, kNaN, doubles);
  for (std::int64_t set = 0; set < sets; ++set) {
    const Tensor live = alive[set].nonzero().flatten();
    if (live.numel() == 0) continue;
    medians.narrow(0, set, 1).copy_(median_of_sets(x[set].index_select(0, live).unsqueeze(0)));
  }
  return medians;
}

}  // namespace ergon::stein
