#include "whole_set.hpp"

#include <ATen/ATen.h>

#include <numeric>

#include "ergon/core/random.hpp"
#include "stein/composed.hpp"

namespace ergon::testing {

WholeSet whole_set(std::int64_t count, std::int64_t dim, c10::ScalarType type) {
  const Seed seed(7);
  const auto draw = [&](const char* purpose, at::IntArrayRef shape) {
    const Tensor like = at::empty(shape, at::kDouble);
    return draw::normal_like(like, seed.child(purpose).generator()).to(type);
  };
  WholeSet set;
  set.points = draw("points", {count, dim}) + 3;
  set.score = draw("score", {count, dim});
  set.vectors = draw("vectors", {2, count, dim});
  return set;
}

WholeSet spread_over(WholeSet set, int ranks, Spread spread) {
  std::vector<std::int64_t> shares;
  for (int rank = 0; rank < ranks; ++rank) {
    const bool last = rank == ranks - 1;
    if (spread == Spread::kUneven) shares.push_back(rank + 1);
    if (spread == Spread::kFirstEmpty) shares.push_back(rank > 0 || last ? 1 : 0);
    if (spread == Spread::kOneHasAll) shares.push_back(last ? 1 : 0);
  }
  const auto count = set.points.size(0);
  const auto whole = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  std::int64_t begin = 0, share = 0;
  for (const auto own : shares) {
    share += own;
    const auto end = count * share / whole;
    set.rows.push_back(end - begin);
    begin = end;
  }
  return set;
}

Tensor WholeSet::part(const Tensor& tensor, int rank, std::int64_t axis) const {
  const auto begin = std::accumulate(rows.begin(), rows.begin() + rank, std::int64_t{0});
  return tensor.narrow(axis, begin, rows[static_cast<std::size_t>(rank)]);
}

stein::Shard WholeSet::shard(int rank) const {
  return {part(points, rank, 0), part(score, rank, 0)};
}

OneProcess one_process(const WholeSet& set, double bandwidth) {
  const auto kernel =
      stein::composed::kernel_matrix({set.points.to(at::kDouble), set.score.to(at::kDouble),
                                      at::full({}, bandwidth, at::kDouble), Tensor()});
  const auto both = stein::composed::velocity_and_trace(kernel);
  std::vector<Tensor> products, transposed;
  for (const Tensor& vectors : set.vectors.to(at::kDouble).unbind(0)) {
    products.push_back(stein::composed::jacobian_vector_product(kernel, vectors));
    transposed.push_back(stein::composed::transposed_jacobian_vector_product(kernel, vectors));
  }
  return {both.velocity, both.drift_trace_sum, at::stack(products), at::stack(transposed)};
}

}  // namespace ergon::testing
