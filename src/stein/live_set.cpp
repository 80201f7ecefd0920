#include "live_set.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "particle_pass.hpp"

namespace ergon::stein {
namespace {

// Less their mean, which is accumulated in float64, and within reach of the pass.
template <class Real>
void centre(std::vector<Real>& points, std::int64_t count, std::int64_t dim) {
  std::vector<double> mean(dim, 0.0);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < dim; ++k) mean[k] += static_cast<double>(points[i * dim + k]);
  for (double& m : mean) m /= static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t k = 0; k < dim; ++k) {
      Real& x = points[i * dim + k];
      x = static_cast<Real>(static_cast<double>(x) - mean[k]);
      x = std::min(std::max(x, -kFarthest<Real>), kFarthest<Real>);
    }
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
  const Real* points = in.points.data_ptr<Real>() + at;
  if (gather(points, dim, points_) == points) points_.assign(points, points + total_ * dim);
  centre(points_, count_, dim);
  score_ = gather(in.score.data_ptr<Real>() + at, dim, score_room_);
  beta_ = in.beta.data_ptr<Real>()[set];
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
void LiveSet<Real>::scatter(const std::vector<Real>& rows, std::int64_t width, Real* out) const {
  if (count_ == total_) {
    std::copy_n(rows.data(), count_ * width, out);
    return;
  }
  std::fill_n(out, total_ * width, Real(0));
  for (std::int64_t i = 0; i < count_; ++i)
    std::copy_n(rows.data() + i * width, width, out + rows_[i] * width);
}

template class LiveSet<float>;
template class LiveSet<double>;

}  // namespace ergon::stein
