#include "ergon/stein/ring.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "agreement.hpp"
#include "communicator.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/stein/bandwidth.hpp"
#include "ring_sums.hpp"

namespace ergon::stein {
namespace {

constexpr double kSmallest = 1e-12;  // of σ², as in the rules of one process

MPI_Comm communicator_of_all() {
  int started = 0;
  MPI_Initialized(&started);
  require(started != 0,
          "MPI has not been started: keep an ergon::stein::MpiSession in main before the ring");
  return MPI_COMM_WORLD;
}

std::int64_t total(const std::vector<std::int64_t>& rows) {
  return std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
}

// Those of the `most` evenly spaced particles of the whole set that are in the own shard.
Tensor own_part_of_sample(const Communicator& ranks,
                          const Tensor& points,
                          const std::vector<std::int64_t>& rows,
                          std::int64_t most) {
  const std::int64_t count = total(rows);
  if (count <= most) return points;
  const auto begin = std::accumulate(rows.begin(), rows.begin() + ranks.rank(), std::int64_t{0});
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < most; ++i) {
    const auto place = static_cast<std::int64_t>(
        (static_cast<double>(i) + 0.5) * static_cast<double>(count) / static_cast<double>(most));
    if (place >= begin && place < begin + points.size(0)) chosen.push_back(place - begin);
  }
  return points.index_select(0, at::tensor(chosen, at::kLong));
}

}  // namespace

struct RankRing::Implementation {
  explicit Implementation(MPI_Comm communicator) : ranks(communicator) {}

  RingSums sums(const RingInput& input) const {
    const std::vector<std::int64_t> rows = agree(ranks, input);
    const at::NoGradGuard no_grad;
    return sum_round_the_ring(ranks, input, rows);
  }

  Communicator ranks;
};

RankRing::RankRing() : implementation_(std::make_unique<Implementation>(communicator_of_all())) {}
RankRing::RankRing(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
RankRing::~RankRing() = default;
RankRing::RankRing(RankRing&&) noexcept = default;
RankRing& RankRing::operator=(RankRing&&) noexcept = default;

RankRing RankRing::over(int fortran_handle) {
  communicator_of_all();
  return RankRing(std::make_unique<Implementation>(MPI_Comm_f2c(fortran_handle)));
}

int RankRing::rank() const { return implementation_->ranks.rank(); }
int RankRing::size() const { return implementation_->ranks.size(); }

Tensor RankRing::velocity(const Shard& shard, double bandwidth) const {
  return implementation_
      ->sums({RingTask::kVelocity, shard.points, shard.score, Tensor(), bandwidth})
      .velocity;
}

VelocityAndTrace RankRing::velocity_and_trace(const Shard& shard, double bandwidth) const {
  const RingSums sums = implementation_->sums(
      {RingTask::kVelocityAndTrace, shard.points, shard.score, Tensor(), bandwidth});
  return {sums.velocity, sums.trace};
}

Tensor RankRing::jacobian_vector_products(const Shard& shard,
                                          double bandwidth,
                                          const Tensor& vectors) const {
  return implementation_->sums({RingTask::kProducts, shard.points, shard.score, vectors, bandwidth})
      .products;
}

Tensor RankRing::transposed_jacobian_vector_products(const Shard& shard,
                                                     double bandwidth,
                                                     const Tensor& vectors) const {
  return implementation_
      ->sums({RingTask::kTransposedProducts, shard.points, shard.score, vectors, bandwidth})
      .transposed;
}

double RankRing::mean_bandwidth(const Tensor& points) const {
  const Communicator& ranks = implementation_->ranks;
  const auto rows = agree(ranks, {RingTask::kMeanBandwidth, points, Tensor(), Tensor(), 1.0});
  const auto count = static_cast<double>(total(rows));
  const Tensor x = centred_on_all(ranks, points, total(rows));
  std::vector<double> squares = {x.to(at::kDouble).square().sum().item<double>()};
  ranks.sum(squares);
  // The mean over all ordered pairs is twice the mean squared distance from the mean.
  const double variance = 2 * squares[0] / count / (2 * std::log(count + 1));
  double bandwidth = std::sqrt(std::max(variance, kSmallest));
  ranks.broadcast(&bandwidth, sizeof(bandwidth), 0);
  return bandwidth;
}

double RankRing::median_bandwidth(const Tensor& points) const {
  const Communicator& ranks = implementation_->ranks;
  const auto rows = agree(ranks, {RingTask::kMedianBandwidth, points, Tensor(), Tensor(), 1.0});
  const at::NoGradGuard no_grad;
  const Tensor own =
      own_part_of_sample(ranks, points, rows, kMedianParticles).to(at::kDouble).contiguous();
  std::vector<double> sample = ranks.concatenate(
      std::vector<double>(own.data_ptr<double>(), own.data_ptr<double>() + own.numel()));
  double bandwidth = 0.0;
  if (ranks.rank() == 0) {
    const auto count = static_cast<std::int64_t>(sample.size()) / points.size(1);
    const Tensor all = at::from_blob(sample.data(), {count, points.size(1)}, at::kDouble);
    // The rule's logarithm is that of the whole set.
    const double share =
        std::log(static_cast<double>(count) + 1) / std::log(static_cast<double>(total(rows)) + 1);
    const double variance = std::pow(stein::median_bandwidth(all).item<double>(), 2) * share;
    bandwidth = std::sqrt(std::max(variance, kSmallest));
  }
  ranks.broadcast(&bandwidth, sizeof(bandwidth), 0);
  return bandwidth;
}

}  // namespace ergon::stein
