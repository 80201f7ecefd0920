#pragma once

#include "block_pass.hpp"

/// The blocks of threads that a whole pass is cut into.
namespace ergon::stein::cuda {

/// Dimensions that are added to at a time, for points in `dim` dimensions.
inline int block_width(std::int64_t dim) { return dim <= 8 ? 8 : dim <= 32 ? 32 : 64; }

/// Blocks of threads that a pass needs: tiles of rows × slabs × sets (times probes).
template <class Real>
std::int64_t block_count(const ParticleSets<Real>& particles, std::int64_t items) {
  return items * particles.splits * tile_count(particles.count, kTile<Real>);
}

/// The work of block `block` of block_count.
template <class Terms, int kWidth, class Threads>
ERGON_DEVICE void run_block(const typename Terms::Arrays& arrays,
                            std::int64_t items,
                            std::int64_t block,
                            BlockShared<Terms, kWidth>& shared,
                            Threads& threads) {
  constexpr int kSide = kTile<typename Terms::Real>;
  const auto& particles = arrays.particles;
  const std::int64_t tiles = (particles.count + kSide - 1) / kSide;
  const std::int64_t row_tile = block % tiles, item = block / tiles % items;
  const std::int64_t split = block / tiles / items, set = item % particles.sets;
  const Terms terms(arrays, {set, item, split * items + item, split == 0});
  const bool* alive = particles.alive ? particles.alive + set * particles.count : nullptr;
  const std::int64_t each = (tiles + particles.splits - 1) / particles.splits;
  const std::int64_t last = (split + 1) * each < tiles ? (split + 1) * each : tiles;
  BlockPass<Terms, kWidth, Threads> pass(particles, terms, alive, shared, threads);
  pass.run(row_tile * kSide, split * each, last);
}

}  // namespace ergon::stein::cuda
