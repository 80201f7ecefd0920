#include "ergon/estimate/two_sample.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kRelabellingsAtOnce = 128;  // bounds memory
constexpr double kRounding = 1e-12;  // of the mean distance: relabellings equal up to rounding tie

// Distances of all pairs of the pooled draws, and what of them no relabelling changes.
struct Pooled {
  Tensor distances;  // (N, N)
  Tensor row_sums;   // (N)
  double total;
};

// Squared energy distances for columns of labels (N, P), 1 in a and 0 in b -> (P). With l a column
// and S_aa = lᵀ E l: the other two sums follow from row sums, S_ab = lᵀ E 1 - S_aa and
// S_bb = 1ᵀ E 1 - 2 lᵀ E 1 + S_aa.
Tensor energy_distances(const Pooled& pooled, const Tensor& labels, double n, double m) {
  const Tensor within_a = (labels * pooled.distances.matmul(labels)).sum(0);
  const Tensor from_a = pooled.row_sums.matmul(labels);
  const Tensor across = from_a - within_a;
  const Tensor within_b = pooled.total - 2 * from_a + within_a;
  return 2 * across / (n * m) - within_a / (n * n) - within_b / (m * m);
}

// Columns of labels with n ones at random places, (N, columns).
Tensor random_labels(std::int64_t total,
                     std::int64_t n,
                     std::int64_t columns,
                     Generator& generator) {
  const Tensor places = draw::uniform_like(at::empty({columns, total}, at::kDouble), generator)
                            .argsort(/*dim=*/std::int64_t{1}, /*descending=*/false);
  const Tensor labels = at::zeros({columns, total}, at::kDouble);
  return labels.scatter(1, places.narrow(1, 0, n), 1.0).t().contiguous();
}

Pooled pool(const Tensor& a, const Tensor& b) {
  const auto ready = [](const Tensor& draws) {
    return draws.defined() && draws.dim() == 2 && draws.size(0) >= 1;
  };
  require(ready(a) && ready(b) && a.size(1) == b.size(1),
          "energy_test compares draws of shapes (n, D) and (m, D): give two matrices with at least "
          "one row and as many columns as each other");
  const Tensor draws =
      at::cat({a.detach().to(at::kCPU, at::kDouble), b.detach().to(at::kCPU, at::kDouble)});
  require(draws.isfinite().all().item<bool>(),
          "energy_test got a draw that is not finite: drop it or find out where it comes from");
  // Mode 2: differences themselves, not squares of norms that cancel.
  const Tensor distances = at::cdist(draws, draws, /*p=*/2.0, /*compute_mode=*/2);
  const Tensor row_sums = distances.sum(1);
  return {distances, row_sums, row_sums.sum().item<double>()};
}

}  // namespace

TwoSampleTest energy_test(const Tensor& a,
                          const Tensor& b,
                          std::int64_t permutations,
                          Generator generator) {
  require(permutations >= 1, "energy_test got {} permutations: give at least 1", permutations);
  const Pooled pooled = pool(a, b);
  const auto n = a.size(0), m = b.size(0);
  const Tensor labels = at::cat({at::ones({n, 1}, at::kDouble), at::zeros({m, 1}, at::kDouble)});
  TwoSampleTest test;
  test.statistic = energy_distances(pooled, labels, n, m).item<double>();

  const auto pairs = static_cast<double>((n + m) * (n + m));
  const double bar = test.statistic - kRounding * pooled.total / pairs;
  std::int64_t as_far = 0;
  for (std::int64_t done = 0; done < permutations; done += kRelabellingsAtOnce) {
    const auto columns = std::min(kRelabellingsAtOnce, permutations - done);
    const Tensor random = random_labels(n + m, n, columns, generator);
    as_far += (energy_distances(pooled, random, n, m) >= bar).sum().item<std::int64_t>();
  }
  test.p_value = static_cast<double>(1 + as_far) / static_cast<double>(permutations + 1);
  return test;
}

}  // namespace ergon
