#pragma once

#include <cstdint>
#include <vector>

#include "particle_function.hpp"

/// One set of ParticleInputs as the tiled pass wants it: its live particles, centred.
namespace ergon::stein {

/// Rows of one set. Where particles are dropped, `rows` are the places of the live ones.
template <class Real>
class LiveSet {
 public:
  /// Of set `set` of the inputs, contiguous tensors on the CPU.
  LiveSet(const ParticleInputs& inputs, std::int64_t set);

  std::int64_t count() const { return count_; }
  const Real* points() const { return points_.data(); }
  const Real* score() const { return score_; }
  Real beta() const { return beta_; }
  Real scale() const { return Real(1) / static_cast<Real>(count_); }

  /// The live rows of (M, width), which are copied to `room` where some are dropped.
  const Real* gather(const Real* rows, std::int64_t width, std::vector<Real>& room) const;
  /// Puts rows (count, width) where they belong in (M, width), zero elsewhere; in place where all
  /// live.
  void scatter(const std::vector<Real>& rows, std::int64_t width, Real* out) const;
  bool all_live() const { return rows_.empty(); }

 private:
  std::vector<std::int64_t> rows_;
  std::vector<Real> points_;
  std::vector<Real> score_room_;
  const Real* score_;
  std::int64_t count_;
  std::int64_t total_;
  Real beta_;
};

}  // namespace ergon::stein
