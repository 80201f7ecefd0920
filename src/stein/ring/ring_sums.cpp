#include "ring_sums.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "../particle_pass.hpp"
#include "ergon/stein/ring.hpp"
#include "travel.hpp"

namespace ergon::stein {
namespace {

// Rows and columns of a tile: MPI is let to work once per tile, of 1 million pairs (milliseconds).
constexpr std::int64_t kTile = 1024;
// After so many columns a row's sums are moved to float64: the error does not grow with the number
// of particles, and the move costs less than 1 % of the pass.
constexpr std::int64_t kColumnsOfASum = 16 * kTile;

// Some rows, with their sums over the last blocks and, in float64, over all before.
struct RowTile {
  std::int64_t first;  // of the shard's rows
  std::int64_t count;
  Tensor points, vectors;
  std::int64_t columns = 0;  // that the recent sums are of
  RingSums recent, total;
};

template <class Action>
void for_each_sum(RowTile& tile, Action action) {
  action(tile.recent.velocity, tile.total.velocity);
  action(tile.recent.trace, tile.total.trace);
  action(tile.recent.products, tile.total.products);
  action(tile.recent.transposed, tile.total.transposed);
}

RowTile tile_of(const RingInput& input, const Tensor& points, std::int64_t first) {
  RowTile tile;
  tile.first = first;
  tile.count = std::min(kTile, points.size(0) - first);
  tile.points = points.narrow(0, first, tile.count);
  const bool trace = input.task == RingTask::kVelocityAndTrace;
  if (trace || input.task == RingTask::kVelocity)
    tile.recent.velocity = at::zeros_like(tile.points);
  if (trace) tile.recent.trace = at::zeros({tile.count}, points.options());
  if (input.vectors.defined()) {
    tile.vectors = input.vectors.detach().narrow(1, first, tile.count).contiguous();
    (input.task == RingTask::kProducts ? tile.recent.products : tile.recent.transposed) =
        at::zeros_like(tile.vectors);
  }
  for_each_sum(tile, [](Tensor& recent, Tensor& total) {
    if (recent.defined()) total = at::zeros_like(recent, recent.options().dtype(at::kDouble));
  });
  return tile;
}

template <class Real>
Real* data_of(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<Real>() : nullptr;
}

template <class Real>
PassSums<Real> pass_sums(const RowTile& tile) {
  PassSums<Real> sums{};
  sums.points = data_of<Real>(tile.points);
  sums.count = tile.count;
  sums.velocity = data_of<Real>(tile.recent.velocity);
  sums.trace = data_of<Real>(tile.recent.trace);
  sums.probes = tile.vectors.defined() ? tile.vectors.size(0) : 0;
  sums.vectors = data_of<Real>(tile.vectors);
  sums.products = data_of<Real>(tile.recent.products);
  sums.transposed = data_of<Real>(tile.recent.transposed);
  return sums;
}

void move_to_total(RowTile& tile) {
  for_each_sum(tile, [](Tensor& recent, Tensor& total) {
    if (!recent.defined()) return;
    total.add_(recent);
    recent.zero_();
  });
  tile.columns = 0;
}

// All row tiles against the block at hand, tile of columns by tile of columns. A block is its
// points, then its scores. In the own block equal tiles of rows and columns are the same particles.
template <class Real>
void pass_block(std::vector<RowTile>& tiles,
                Travel& travel,
                std::int64_t columns,
                const PassScalars<Real>& scalars,
                bool own) {
  const Real* points = reinterpret_cast<const Real*>(travel.block());
  const Real* score = points + columns * scalars.dim;
  for (RowTile& tile : tiles) {
    if (tile.count == 0) continue;
    const PassSums<Real> sums = pass_sums<Real>(tile);
    for (std::int64_t first = 0; first < columns; first += kTile) {
      PassColumns<Real> part{};
      part.points = points + first * scalars.dim;
      part.score = score + first * scalars.dim;
      part.count = std::min(kTile, columns - first);
      part.first_same = own && first == tile.first ? 0 : -1;
      if (tile.columns + part.count > kColumnsOfASum) move_to_total(tile);
      tile.columns += part.count;
      accumulate(sums, part, scalars);
      travel.progress();
    }
  }
}

template <class Real>
void sum_blocks(const Communicator& ranks,
                std::vector<RowTile>& tiles,
                const Shard& own,
                const std::vector<std::int64_t>& rows,
                const PassScalars<Real>& scalars) {
  std::vector<std::int64_t> bytes;
  for (const auto count : rows)
    bytes.push_back(2 * count * scalars.dim * static_cast<std::int64_t>(sizeof(Real)));
  Travel travel(ranks, bytes);
  Real* block = reinterpret_cast<Real*>(travel.block());
  for (const Tensor& part : {own.points, own.score}) {
    const Tensor numbers = part.contiguous();
    block = std::copy_n(numbers.data_ptr<Real>(), numbers.numel(), block);
  }
  do {
    travel.depart();
    const bool is_own = travel.owner() == ranks.rank();
    pass_block(tiles, travel, rows[static_cast<std::size_t>(travel.owner())], scalars, is_own);
  } while (travel.arrive());
  for (RowTile& tile : tiles) move_to_total(tile);
}

template <class Real>
PassScalars<Real> scalars_of(const RingInput& input, double scale) {
  const double beta = 1.0 / (input.bandwidth * input.bandwidth);
  const double largest = kFarthest<Real>;
  return {input.points.size(1), static_cast<Real>(std::clamp(beta, 1 / largest, largest)),
          static_cast<Real>(scale)};
}

// One sum of all tiles, in the type of the points.
Tensor joined(const std::vector<RowTile>& tiles, Tensor RingSums::*sum, std::int64_t axis) {
  std::vector<Tensor> parts;
  for (const RowTile& tile : tiles)
    if ((tile.total.*sum).defined())
      parts.push_back((tile.total.*sum).to(tile.points.scalar_type()));
  return parts.empty() ? Tensor() : at::cat(parts, axis);
}

}  // namespace

Tensor centred_on_all(const Communicator& ranks, const Tensor& points, std::int64_t count) {
  Tensor wide = points.detach().to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  wide.clamp_(-kFarthest<double>, kFarthest<double>);
  const Tensor own = wide.sum(0).contiguous();
  std::vector<double> mean(own.data_ptr<double>(), own.data_ptr<double>() + own.numel());
  ranks.sum(mean);
  for (double& value : mean) value /= static_cast<double>(count);
  const auto size = static_cast<std::int64_t>(mean.size());
  const Tensor centre = at::from_blob(mean.data(), {size}, at::kDouble);
  const double farthest = points.scalar_type() == at::kFloat ? kFarthest<float> : kFarthest<double>;
  return wide.sub_(centre).clamp_(-farthest, farthest).to(points.scalar_type()).contiguous();
}

RingSums sum_round_the_ring(const Communicator& ranks,
                            const RingInput& input,
                            const std::vector<std::int64_t>& rows) {
  const auto count = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
  const Tensor points = centred_on_all(ranks, input.points, count);
  const Shard own{points, input.score.detach()};
  std::vector<RowTile> tiles;
  for (std::int64_t first = 0; first == 0 || first < points.size(0); first += kTile)
    tiles.push_back(tile_of(input, points, first));
  const double scale = 1.0 / static_cast<double>(count);
  if (points.scalar_type() == at::kFloat)
    sum_blocks(ranks, tiles, own, rows, scalars_of<float>(input, scale));
  else
    sum_blocks(ranks, tiles, own, rows, scalars_of<double>(input, scale));
  Tensor trace = joined(tiles, &RingSums::trace, 0);
  if (trace.defined()) trace.mul_(static_cast<double>(count));
  return {joined(tiles, &RingSums::velocity, 0), trace, joined(tiles, &RingSums::products, 1),
          joined(tiles, &RingSums::transposed, 1)};
}

}  // namespace ergon::stein
