#pragma once

#include <cstdint>
#include <optional>

#include "ergon/core/random.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/flow/flow_gradient.hpp"
#include "ergon/learn/normalizing_flow_fit.hpp"

namespace ergon::internal {

/// At most so many rows go through a flow at once where no gradient is wanted.
constexpr std::int64_t kChunk = 2000;

/// A batch with its context, (n, C); undefined: the flow's own.
struct ContextBatch {
  DataBatch data;
  Tensor context;
};

/// The batches of a fit to data, every one a function of (seed, iteration) alone: fresh permutation
/// in every epoch, whose last incomplete batch is left out, and fresh dequantisation noise in every
/// iteration.
class FlowData {
 public:
  /// like: an element of the flow's type and device. Throws InvalidInput: shapes that do not fit
  /// the flow, a value that is not finite (names row and column).
  FlowData(const NormalizingFlow& flow, TrainingData data, std::int64_t batch, Seed seed);

  /// Computes log p̄ and its score at every point and keeps them. Throws InvalidInput: with
  /// dequantisation; not finite at a point (names its row).
  void evaluate(const LogDensity& target);

  ContextBatch batch(std::int64_t iteration);
  enum class Part { kTrain, kHeldOut };
  /// Rows `first` … `first + count` in their order, always with the same noise for one `first`.
  ContextBatch rows(Part part, std::int64_t first, std::int64_t count) const;
  std::int64_t held_out_size() const { return data_.held_out.size(0); }

  /// Throws InvalidInput naming the row unless the flow gives every point a density.
  void require_within_support(const NormalizingFlow& flow, Part part) const;

 private:
  Tensor converted(const Tensor& rows, Seed noise) const;
  Tensor has_density(const NormalizingFlow& flow, const ContextBatch& batch) const;

  TrainingData data_;
  std::int64_t batch_;
  Seed seed_;
  Tensor like_;
  Tensor log_density_, score_;  // of the training data, once evaluated
  std::int64_t epoch_ = -1;
  Tensor permutation_;  // of that epoch
};

}  // namespace ergon::internal
