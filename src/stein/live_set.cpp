#include "live_set.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "particle_pass.hpp"

namespace ergon::stein {
namespace {

// Of all coordinates, accumulated in float64.
template <class Real>
std::vector<double> mean_of(const Real* points, std::int64_t count, std::int64_t dim) {
  std::vector<double> mean(dim, 0.0);
  const double share = 1.0 / static_cast<double>(count);  // of each: the sum could overflow
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < dim; ++k)
      mean[k] += share * static_cast<double>(points[i * dim + k]);
  return mean;
}

// Whether every coordinate is within reach of the pass; not if one is NaN.
template <class Real>
bool within_reach(const Real* points, std::int64_t numbers) {
  int outside = 0;
  for (std::int64_t at = 0; at < numbers; ++at)
    outside |= !(std::abs(points[at]) <= kFarthest<Real>);
  return outside == 0;
}

// Less their mean, and within reach of the pass.
template <class Real>
void centre_and_cut(std::vector<Real>& points, const std::vector<double>& mean) {
  for (std::size_t at = 0; at < points.size(); ++at) {
    Real& x = points[at];
    x = static_cast<Real>(static_cast<double>(x) - mean[at % mean.size()]);
    x = std::min(std::max(x, -kFarthest<Real>), kFarthest<Real>);
  }
}

}  // namespace

template <class Real>
LiveSet<Real>::LiveSet(const ParticleInputs& in, std::int64_t set)
    : count_(in.points.size(1)), total_(in.points.size(1)) {
  const std::int64_t dim = in.points.size(2), at = set * total_ * dim;
  if (in.alive.defined()) {
    const bool* alive = in.alive.data_ptr<bool>() + set * total_;
    for (std::int64_t i = 0; i < total_; ++i) {
      if (alive[i]) rows_.push_back(i);
    }
    count_ = static_cast<std::int64_t>(rows_.size());
    if (count_ == total_) rows_.clear();
  }
  points_ = gather(in.points.data_ptr<Real>() + at, dim, points_room_);
  const auto mean = mean_of(points_, count_, dim);
  centre_.assign(mean.begin(), mean.end());
  if (!within_reach(points_, count_ * dim)) {
    if (points_ != points_room_.data()) points_room_.assign(points_, points_ + count_ * dim);
    centre_and_cut(points_room_, mean);
    points_ = points_room_.data();
    std::fill(centre_.begin(), centre_.end(), Real(0));
  }
  score_ = gather(in.score.data_ptr<Real>() + at, dim, score_room_);
  beta_ = precision_of(in.bandwidth.data_ptr<Real>()[set]);
}

template <class Real>
const Real* LiveSet<Real>::gather(const Real* rows,
                                  std::int64_t width,
                                  std::vector<Real>& room) const {
  if (count_ == total_) return rows;
  room.resize(count_ * width);
  for (std::int64_t i = 0; i < count_; ++i)
    std::copy_n(rows + rows_[i] * width, width, room.data() + i * width);
  return room.data();
}

template <class Real>
double LiveSet<Real>::spread() const {
  const std::int64_t dim = static_cast<std::int64_t>(centre_.size());
  Real largest = 0;
  for (std::int64_t i = 0; i < count_; ++i)
    for (std::int64_t k = 0; k < dim; ++k)
      largest = std::max(largest, std::abs(points_[i * dim + k] - centre_[k]));
  return static_cast<double>(largest);
}

template <class Real>
void LiveSet<Real>::scatter(const Real* rows, std::int64_t width, Real* out) const {
  if (count_ == total_) {
    if (rows != out) std::copy_n(rows, count_ * width, out);
    return;
  }
  std::fill_n(out, total_ * width, Real(0));
  for (std::int64_t i = 0; i < count_; ++i)
    std::copy_n(rows + i * width, width, out + rows_[i] * width);
}

template <class Real>
Real* LiveSet<Real>::room_for(std::int64_t width, Real* out, std::vector<Real>& room) const {
  if (count_ == total_) {
    std::fill_n(out, count_ * width, Real(0));
    return out;
  }
  room.assign(count_ * width, Real(0));
  return room.data();
}

template class LiveSet<float>;
template class LiveSet<double>;

}  // namespace ergon::stein
