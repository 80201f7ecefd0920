#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/ring.hpp"

namespace ergon::testing {

/// A set of particles that every rank draws alike, and which rows each rank holds of it.
struct WholeSet {
  Tensor points, score;            // (M, D)
  Tensor vectors;                  // (P, M, D)
  std::vector<std::int64_t> rows;  // of each rank

  /// A rank's rows: of points and score, and of any tensor along an axis.
  stein::Shard shard(int rank) const;
  Tensor part(const Tensor& tensor, int rank, std::int64_t axis) const;
};

/// How the rows are spread over the ranks.
enum class Spread {
  kUneven,      ///< rank r holds about r + 1 shares
  kFirstEmpty,  ///< the first rank holds none, the others equal shares
  kOneHasAll,   ///< the last rank holds all
};

/// count particles in dim dimensions around a centre away from the origin, with scores of no
/// particular target and two vectors each.
WholeSet whole_set(std::int64_t count, std::int64_t dim, c10::ScalarType type);

/// The set spread over `ranks` ranks.
WholeSet spread_over(WholeSet set, int ranks, Spread spread);

/// The composed operators of one process on the whole set, in float64.
struct OneProcess {
  Tensor velocity;         // (M, D)
  Tensor drift_trace_sum;  // (M)
  Tensor products;         // (P, M, D)
  Tensor transposed;       // (P, M, D)
};
OneProcess one_process(const WholeSet& set, double bandwidth);

}  // namespace ergon::testing
