#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "particle_function.hpp"
#include "particle_pass.hpp"

/// One set of ParticleInputs as the tiled pass wants it: its live particles and their mean.
namespace ergon::stein {

/// β = 1/σ², cut to what the pass takes.
template <class Real>
Real precision_of(Real bandwidth) {
  const Real beta = 1 / (bandwidth * bandwidth);
  return std::min(std::max(beta, 1 / kFarthest<Real>), kFarthest<Real>);
}

/// Rows of one set. Where particles are dropped, `rows` are the places of the live ones.
template <class Real>
class LiveSet {
 public:
  /// Of set `set` of the inputs, contiguous tensors on the CPU.
  LiveSet(const ParticleInputs& inputs, std::int64_t set);

  std::int64_t count() const { return count_; }
  /// As given, so that their differences are exact; beyond the reach of the pass less their mean,
  /// and cut there.
  const Real* points() const { return points_; }
  const Real* centre() const { return centre_.data(); }
  /// The largest |x_i - centre| of a coordinate.
  double spread() const;
  const Real* score() const { return score_; }
  Real beta() const { return beta_; }
  Real scale() const { return Real(1) / static_cast<Real>(count_); }

  /// The live rows of (M, width), which are copied to `room` where some are dropped.
  const Real* gather(const Real* rows, std::int64_t width, std::vector<Real>& room) const;
  /// Puts rows (count, width) where they belong in (M, width), zero elsewhere.
  void scatter(const Real* rows, std::int64_t width, Real* out) const;
  /// Where to compute rows that scatter() puts into `out`: there, or in `room`; zero.
  Real* room_for(std::int64_t width, Real* out, std::vector<Real>& room) const;

 private:
  std::vector<std::int64_t> rows_;
  std::vector<Real> points_room_;
  std::vector<Real> score_room_;
  std::vector<Real> centre_;
  const Real* points_;
  const Real* score_;
  std::int64_t count_;
  std::int64_t total_;
  Real beta_;
};

}  // namespace ergon::stein
