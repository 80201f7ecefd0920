#include "no_u_turn.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"

namespace ergon {
namespace {

constexpr double kDivergence = 1000.0;
constexpr std::int64_t kUniformsAtOnce = 64;  // points
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double log_sum(double a, double b) {
  const double most = std::max(a, b);
  return most == -kInfinity ? most : most + std::log1p(std::exp(std::min(a, b) - most));
}

// A stretch of trajectory: ξ at its first and last point, ρ = Σ ξ; D numbers each.
template <class Real>
struct Stretch {
  const Real *first, *last, *sum;
};

// (65): whether two stretches that follow one another have not turned: as a whole, the left with
// the first point of the right, the right with the last point of the left.
template <class Real>
bool goes_on(const Stretch<Real>& left, const Stretch<Real>& right, std::int64_t dim) {
  double whole_first = 0, whole_last = 0, left_first = 0, left_last = 0, right_first = 0,
         right_last = 0;
  for (std::int64_t d = 0; d < dim; ++d) {
    const double a = left.first[d], b = left.last[d], left_sum = left.sum[d];
    const double c = right.first[d], e = right.last[d], right_sum = right.sum[d];
    whole_first += a * (left_sum + right_sum);
    whole_last += e * (left_sum + right_sum);
    left_first += a * (left_sum + c);
    left_last += c * (left_sum + c);
    right_first += b * (b + right_sum);
    right_last += e * (b + right_sum);
  }
  return whole_first > 0 && whole_last > 0 && left_first > 0 && left_last > 0 && right_first > 0 &&
         right_last > 0;
}

// The trajectories of N chains. Their books are kept on the host, where the random numbers come
// from; the target is asked on the particles' device about all chains that still grow, at once.
template <class Real>
class Trajectories {
 public:
  Trajectories(const LogDensity& target, const TrajectoryStarts& starts);
  // (64): one more doubling of the trajectories that go on. False when none is left.
  bool grow(std::int64_t depth, Generator& generator);
  TrajectoryDraws draws();

 private:
  using Rows = std::vector<Real>;  // (N, D), row by row
  using Numbers = std::vector<double>;

  Real* row(Rows& rows, std::int64_t chain) {
    return rows.data() + static_cast<std::size_t>(chain * dim_);
  }
  void copy(Rows& from, Rows& to, std::int64_t chain) {
    std::copy_n(row(from, chain), dim_, row(to, chain));
  }
  // Three rows: first, last, sum.
  Real* kept(std::size_t chain, std::int64_t level, std::int64_t depth) {
    return kept_.data() + static_cast<std::size_t>((slot_[chain] * depth + level) * 3 * dim_);
  }
  Rows rows_of(const Tensor& tensor) const;
  void set_out(const Real* uniform, std::int64_t depth);
  Tensor half_leap();
  bool arrive(std::int64_t chain, const Real* score, double log_density, double uniform);
  bool close_stretches(std::int64_t chain, std::int64_t point, std::int64_t depth);
  bool join(std::int64_t chain, double uniform);
  Tensor to_tensor(const Rows& rows) const;

  const LogDensity& target_;
  const at::TensorOptions options_;
  const std::int64_t chains_, dim_;
  Rows stride_;
  Rows end_particles_[2], end_momentum_[2], end_score_[2];  // backward and forward ends
  Rows momentum_sum_;                                       // ρ
  Rows drawn_particles_, drawn_score_;
  Numbers drawn_log_density_, log_weight_;
  Numbers start_energy_;  // NaN while the start has density zero
  Numbers acceptance_, points_, depth_;

  std::vector<std::int64_t> growing_;  // the chains that do
  std::int64_t new_points_ = 0;        // of each of them
  std::int64_t divergent_ = 0, nonfinite_ = 0;

  // The half being grown.
  std::vector<int> side_;
  Rows particles_, momentum_, score_;
  Rows half_particles_, half_score_;
  Numbers half_log_density_, half_log_weight_;
  std::vector<std::int64_t> slot_;
  Rows kept_;         // complete stretches of 2^level points
  Rows first_, sum_;  // (D) of the longest stretch that ends here
};

template <class Real>
typename Trajectories<Real>::Rows Trajectories<Real>::rows_of(const Tensor& tensor) const {
  const Tensor host = tensor.to(options_.device(at::kCPU)).contiguous();
  return Rows(host.template data_ptr<Real>(), host.template data_ptr<Real>() + host.numel());
}

template <class Real>
Trajectories<Real>::Trajectories(const LogDensity& target, const TrajectoryStarts& starts)
    : target_(target),
      options_(starts.particles.options()),
      chains_(starts.particles.size(0)),
      dim_(starts.particles.size(1)),
      stride_(rows_of(starts.stride)),
      momentum_sum_(rows_of(starts.momentum)),
      drawn_particles_(rows_of(starts.particles)),
      drawn_score_(rows_of(starts.score)) {
  const auto count = static_cast<std::size_t>(chains_);
  for (int side = 0; side < 2; ++side) {
    end_particles_[side] = drawn_particles_;
    end_momentum_[side] = momentum_sum_;
    end_score_[side] = drawn_score_;
  }
  particles_ = half_particles_ = drawn_particles_;
  momentum_ = momentum_sum_;
  score_ = half_score_ = drawn_score_;
  const Rows log_density = rows_of(starts.log_density);
  drawn_log_density_.assign(log_density.begin(), log_density.end());
  half_log_density_ = drawn_log_density_;
  half_log_weight_.assign(count, 0.0);
  log_weight_ = acceptance_ = points_ = depth_ = start_energy_ = half_log_weight_;
  side_.assign(count, 0);
  slot_.assign(count, 0);
  first_.resize(static_cast<std::size_t>(dim_));
  sum_ = first_;
  for (std::int64_t chain = 0; chain < chains_; ++chain) {
    const auto c = static_cast<std::size_t>(chain);
    const Real* momentum = row(momentum_, chain);
    double energy = -drawn_log_density_[c];
    for (std::int64_t d = 0; d < dim_; ++d) energy += 0.5 * momentum[d] * momentum[d];
    const bool possible = std::isfinite(energy);
    start_energy_[c] = possible ? energy : std::numeric_limits<double>::quiet_NaN();
    log_weight_[c] = possible ? 0.0 : -kInfinity;
    growing_.push_back(chain);
  }
}

// The growing chains set out from one of their ends, forwards where `uniform` (N) is below ½.
template <class Real>
void Trajectories<Real>::set_out(const Real* uniform, std::int64_t depth) {
  std::int64_t slot = 0;
  for (const std::int64_t chain : growing_) {
    const auto c = static_cast<std::size_t>(chain);
    side_[c] = uniform[c] < Real(0.5) ? 1 : 0;
    copy(end_particles_[side_[c]], particles_, chain);
    copy(end_momentum_[side_[c]], momentum_, chain);
    copy(end_score_[side_[c]], score_, chain);
    half_log_weight_[c] = -kInfinity;
    slot_[c] = slot++;
  }
  kept_.resize(static_cast<std::size_t>(slot * depth * 3 * dim_));
}

// The first two thirds of a leapfrog step (60) of the growing chains, n of them. Their points,
// (n, D).
template <class Real>
Tensor Trajectories<Real>::half_leap() {
  const auto count = static_cast<std::int64_t>(growing_.size());
  Tensor points = at::empty({count, dim_}, options_.device(at::kCPU));
  Real* point = points.data_ptr<Real>();
  for (const std::int64_t chain : growing_) {
    const Real sign = side_[static_cast<std::size_t>(chain)] == 1 ? 1 : -1;
    Real *x = row(particles_, chain), *xi = row(momentum_, chain);
    const Real *s = row(score_, chain), *stride = row(stride_, chain);
    for (std::int64_t d = 0; d < dim_; ++d) {
      const Real a = sign * stride[d];
      xi[d] += a * s[d] / 2;
      x[d] += a * xi[d];
      point[d] = x[d];
    }
    point += dim_;
  }
  return points.to(options_.device());
}

// The last third, and the new point's part in the draw (66). False where it ends the trajectory.
template <class Real>
bool Trajectories<Real>::arrive(std::int64_t chain,
                                const Real* score,
                                double log_density,
                                double uniform) {
  const auto c = static_cast<std::size_t>(chain);
  const double sign = side_[c] == 1 ? 1 : -1;
  Real *xi = row(momentum_, chain), *s = row(score_, chain);
  const Real* stride = row(stride_, chain);
  double kinetic = 0;
  bool number = std::isfinite(log_density) || log_density == -kInfinity;
  for (std::int64_t d = 0; d < dim_; ++d) {
    s[d] = score[d];
    xi[d] += static_cast<Real>(sign) * stride[d] * s[d] / 2;
    kinetic += 0.5 * xi[d] * xi[d];
    number = number && (std::isfinite(s[d]) || log_density == -kInfinity);
  }
  const double energy = kinetic - log_density;
  // A start of density zero has no energy to compare with: its first point takes that role.
  if (std::isnan(start_energy_[c]) && std::isfinite(energy)) start_energy_[c] = energy;
  const double log_ratio = start_energy_[c] - energy;
  if (!(log_ratio >= -kDivergence && log_ratio < kInfinity)) {
    divergent_ += log_density == -kInfinity ? 0 : 1;  // a wall is a place like any other
    nonfinite_ += number ? 0 : 1;
    return false;
  }
  acceptance_[c] += std::exp(std::min(0.0, log_ratio));
  half_log_weight_[c] = log_sum(half_log_weight_[c], log_ratio);
  if (uniform < std::exp(log_ratio - half_log_weight_[c])) {
    copy(particles_, half_particles_, chain);
    copy(score_, half_score_, chain);
    half_log_density_[c] = log_density;
  }
  return true;
}

// (67): the stretches that end with this point of the half. False if one of them turns. The
// longest is left in first_ and sum_; its last momentum is the chain's.
template <class Real>
bool Trajectories<Real>::close_stretches(std::int64_t chain,
                                         std::int64_t point,
                                         std::int64_t depth) {
  const Real* last = row(momentum_, chain);
  std::copy_n(last, dim_, first_.begin());
  std::copy_n(last, dim_, sum_.begin());
  std::int64_t level = 0;
  for (; (point >> level) & 1; ++level) {
    const Real* left = kept(static_cast<std::size_t>(chain), level, depth);
    const Stretch<Real> before = {left, left + dim_, left + 2 * dim_};
    if (!goes_on<Real>(before, {first_.data(), last, sum_.data()}, dim_)) return false;
    std::copy_n(before.first, dim_, first_.begin());
    for (std::int64_t d = 0; d < dim_; ++d) sum_[static_cast<std::size_t>(d)] += before.sum[d];
  }
  if (level == depth) return true;
  Real* here = kept(static_cast<std::size_t>(chain), level, depth);
  std::copy_n(first_.begin(), dim_, here);
  std::copy_n(last, dim_, here + dim_);
  std::copy_n(sum_.begin(), dim_, here + 2 * dim_);
  return true;
}

// Joins a complete half to its trajectory, and its draw by (66). False if the union turns.
template <class Real>
bool Trajectories<Real>::join(std::int64_t chain, double uniform) {
  const auto c = static_cast<std::size_t>(chain);
  const int side = side_[c];
  const Stretch<Real> trajectory = {row(end_momentum_[1 - side], chain),
                                    row(end_momentum_[side], chain), row(momentum_sum_, chain)};
  const bool straight =
      goes_on<Real>(trajectory, {first_.data(), row(momentum_, chain), sum_.data()}, dim_);
  copy(particles_, end_particles_[side], chain);
  copy(momentum_, end_momentum_[side], chain);
  copy(score_, end_score_[side], chain);
  Real* sum = row(momentum_sum_, chain);
  for (std::int64_t d = 0; d < dim_; ++d) sum[d] += sum_[static_cast<std::size_t>(d)];
  if (uniform < std::exp(half_log_weight_[c] - log_weight_[c])) {
    copy(half_particles_, drawn_particles_, chain);
    copy(half_score_, drawn_score_, chain);
    drawn_log_density_[c] = half_log_density_[c];
  }
  log_weight_[c] = log_sum(log_weight_[c], half_log_weight_[c]);
  depth_[c] += 1;
  return straight;
}

template <class Real>
bool Trajectories<Real>::grow(std::int64_t depth, Generator& generator) {
  const Tensor host = at::empty({1}, options_.device(at::kCPU));
  const Tensor uniform = draw::uniform_like(host.expand({2, chains_}), generator);
  set_out(uniform.data_ptr<Real>(), depth);
  const std::int64_t points = std::int64_t{1} << depth;
  Tensor within;
  for (std::int64_t point = 0; point < points && !growing_.empty(); ++point) {
    const auto offset = point % kUniformsAtOnce;
    if (offset == 0) {
      const auto count = std::min(kUniformsAtOnce, points - point);
      within = draw::uniform_like(host.expand({count, chains_}), generator);
    }
    const auto there = target_.log_density_and_score(half_leap());
    new_points_ += 1;
    const Rows log_density = rows_of(there.log_density), score = rows_of(there.score);
    std::size_t left = 0;
    for (std::size_t i = 0; i < growing_.size(); ++i) {
      const std::int64_t chain = growing_[i];
      const double chance = within.data_ptr<Real>()[offset * chains_ + chain];
      const Real* s = score.data() + i * static_cast<std::size_t>(dim_);
      const bool goes_on =
          arrive(chain, s, log_density[i], chance) && close_stretches(chain, point, depth) &&
          (point + 1 < points || join(chain, uniform.data_ptr<Real>()[chains_ + chain]));
      points_[static_cast<std::size_t>(chain)] = static_cast<double>(new_points_);
      if (goes_on) growing_[left++] = chain;
    }
    growing_.resize(left);
  }
  return !growing_.empty();
}

template <class Real>
Tensor Trajectories<Real>::to_tensor(const Rows& rows) const {
  Tensor tensor = at::empty({chains_, dim_}, options_.device(at::kCPU));
  std::copy(rows.begin(), rows.end(), tensor.data_ptr<Real>());
  return tensor.to(options_.device());
}

template <class Real>
TrajectoryDraws Trajectories<Real>::draws() {
  for (std::size_t c = 0; c < points_.size(); ++c) acceptance_[c] /= points_[c];
  const auto numbers = [this](const Numbers& values) {
    return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(options_);
  };
  return {to_tensor(drawn_particles_),
          numbers(drawn_log_density_),
          to_tensor(drawn_score_),
          numbers(acceptance_),
          numbers(depth_),
          divergent_,
          nonfinite_};
}

template <class Real>
TrajectoryDraws draw_as(const LogDensity& target,
                        const TrajectoryStarts& starts,
                        std::int64_t most_doublings,
                        Generator& generator) {
  Trajectories<Real> trajectories(target, starts);
  for (std::int64_t depth = 0; depth < most_doublings; ++depth) {
    if (!trajectories.grow(depth, generator)) break;
  }
  return trajectories.draws();
}

}  // namespace

TrajectoryDraws draw_trajectories(const LogDensity& target,
                                  const TrajectoryStarts& starts,
                                  std::int64_t most_doublings,
                                  Generator& generator) {
  const auto type = starts.particles.scalar_type();
  ERGON_CHECK(type == at::kDouble || type == at::kFloat, "particles of type {}",
              static_cast<int>(type));
  return type == at::kDouble ? draw_as<double>(target, starts, most_doublings, generator)
                             : draw_as<float>(target, starts, most_doublings, generator);
}

}  // namespace ergon
