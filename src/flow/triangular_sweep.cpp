#include "triangular_sweep.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "activation.hpp"

namespace ergon::internal {
namespace {

constexpr std::size_t kStepsPerBlock = 32;

void activate_(Activation activation, Tensor& rows) {
  switch (activation) {
    case Activation::kTanh:
      rows.tanh_();
      return;
    case Activation::kRelu:
      rows.relu_();
      return;
    case Activation::kSilu:
      break;
  }
  at::silu_(rows);
}

/// Rows or columns between two edges, whichever comes first.
struct Range {
  std::int64_t first;
  std::int64_t count;
  Range(std::int64_t a, std::int64_t b) : first(std::min(a, b)), count(std::max(a, b) - first) {}
  Tensor of(const Tensor& x, std::int64_t dim) const { return x.narrow(dim, first, count); }
};

void add_product_(Tensor& rows,
                  const SweepStage& stage,
                  const Range& own,
                  const Range& columns,
                  const Tensor& values) {
  if (own.count == 0 || columns.count == 0) return;
  rows.addmm_(columns.of(own.of(stage.weight, 0), 1), columns.of(values, 0));
}

}  // namespace

TriangularSweep::TriangularSweep(Tensor input,
                                 SweepEdges input_edges,
                                 std::vector<SweepStage> stages,
                                 Activation activation)
    : input_edges_(std::move(input_edges)), stages_(std::move(stages)), activation_(activation) {
  const std::int64_t count = input.size(1);
  values_.push_back(std::move(input));
  for (const SweepStage& stage : stages_) {
    values_.push_back(at::zeros({stage.weight.size(0), count}, stage.weight.options()));
    if (stage.start.defined()) values_.back().copy_(stage.start);
  }
}

Tensor TriangularSweep::input_rows(std::int64_t s) const {
  const auto at = static_cast<std::size_t>(s);
  return Range(input_edges_[at], input_edges_[at + 1]).of(values_[0], 0);
}

void TriangularSweep::open_block() {
  block_start_ = step_;
  for (std::size_t k = 0; k < stages_.size(); ++k) {
    const SweepEdges& edges = stages_[k].edges;
    const Range own(edges[step_], edges[std::min(step_ + kStepsPerBlock, edges.size() - 1)]);
    const Range known = k == 0 ? Range(input_edges_.front(), input_edges_[step_])
                               : Range(stages_[k - 1].edges.front(), stages_[k - 1].edges[step_]);
    Tensor rows = own.of(values_[k + 1], 0);
    add_product_(rows, stages_[k], own, known, values_[k]);
  }
}

void TriangularSweep::finish(const SweepStage& stage, std::int64_t first, Tensor rows) const {
  if (stage.kept.defined()) {
    pull_back_activation_(activation_, stage.kept.narrow(0, first, rows.size(0)), rows);
  } else {
    activate_(activation_, rows);
  }
}

Tensor TriangularSweep::next() {
  if (step_ % kStepsPerBlock == 0) open_block();
  Tensor rows;
  for (std::size_t k = 0; k < stages_.size(); ++k) {
    const SweepStage& stage = stages_[k];
    const bool last = k + 1 == stages_.size();
    const Range own(stage.edges[step_], stage.edges[step_ + 1]);
    if (own.count == 0 && !last) continue;
    // What the block added so far: of a stage's values this step's are among them.
    const Range added =
        k == 0 ? Range(input_edges_[block_start_], input_edges_[step_])
               : Range(stages_[k - 1].edges[block_start_], stages_[k - 1].edges[step_ + 1]);
    rows = own.of(values_[k + 1], 0);
    add_product_(rows, stage, own, added, values_[k]);
    if (!last) finish(stage, own.first, rows);
  }
  ++step_;
  return rows;
}

}  // namespace ergon::internal
