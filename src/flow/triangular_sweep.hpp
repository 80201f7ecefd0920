#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ergon/core/tensor.hpp"
#include "ergon/flow/options.hpp"

namespace ergon::internal {

/// Where the rows that steps complete meet: step s completes those between edge s and s + 1, and
/// what is complete before it lies between edge 0 and s. Ascending or descending, steps + 1
/// numbers.
using SweepEdges = std::vector<std::int64_t>;

/// One linear map of a sweep and what follows it.
struct SweepStage {
  Tensor weight;  ///< (rows, columns); what lies above the block diagonal is never read
  Tensor start;   ///< (rows, 1) or (rows, N): what its products are added to; undefined: zero
  Tensor kept;    ///< (rows, N): rows are multiplied by σ' there; undefined: σ is applied to them
  SweepEdges edges;
};

/// A pass through block-triangular maps, rows by units, columns by points, in steps: what a step
/// adds to the input determines which rows each map can complete. All steps together cost one pass.
///
/// Within a block of steps every map adds the columns of that block alone; what came before enters
/// when the block opens, as one product of large matrices (the blocked form of a triangular solve:
/// Golub, Van Loan 2013, Matrix Computations, §3.1.4).
class TriangularSweep {
 public:
  /// input: (rows, N), filled in as steps go by: step s reads what lies between edge 0 and s. σ or
  /// σ' follows every stage but the last. Weights are read as the sweep goes. For code without a
  /// graph.
  TriangularSweep(Tensor input,
                  SweepEdges input_edges,
                  std::vector<SweepStage> stages,
                  Activation activation);

  /// Number of the step that `next` takes.
  std::int64_t step() const { return static_cast<std::int64_t>(step_); }
  /// The input's rows between edge s and s + 1, to be filled before step s + 1.
  Tensor input_rows(std::int64_t s) const;
  /// Takes a step: the rows of the last stage that it completes, (rows, N).
  Tensor next();

 private:
  void open_block();
  void finish(const SweepStage& stage, std::int64_t first, Tensor rows) const;

  SweepEdges input_edges_;
  std::vector<SweepStage> stages_;
  std::vector<Tensor> values_;  // of the input, then of every stage
  Activation activation_;
  std::size_t step_ = 0;
  std::size_t block_start_ = 0;
};

}  // namespace ergon::internal
