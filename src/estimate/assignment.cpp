#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/optimal_transport.hpp"

namespace ergon {
namespace {

constexpr int kNone = -1;
constexpr int kReductionsPerRow =
    8;  // of the auction-like part, whose number of steps has no bound

// Jonker and Volgenant's method. Invariant (D14): a row's column is one where cost - price is least
// in the row.
class Assignment {
 public:
  Assignment(const double* costs, int n)
      : costs_(costs), n_(n), price_(n), row_of_(n, kNone), column_of_(n, kNone) {}

  const std::vector<int>& solve(const TransportProgress& progress) {
    reduce_columns();
    for (int pass = 0; pass < 2 && !free_.empty(); ++pass) reduce_rows();
    const auto total = static_cast<double>(n_);
    auto left = static_cast<double>(free_.size());
    for (const int row : free_) {
      if (progress) progress((total - left) / total);
      augment(row);
      --left;
    }
    if (progress) progress(1.0);
    return column_of_;
  }

 private:
  const double* row(int i) const { return costs_ + static_cast<std::int64_t>(i) * n_; }
  void match(int i, int j) {
    column_of_[i] = j;
    row_of_[j] = i;
  }
  void reduce_columns();
  void reduce_rows();
  int claim(int i);
  void augment(int start);
  int nearest_free_column(int start);

  const double* costs_;
  int n_;
  std::vector<double> price_;
  std::vector<int> row_of_, column_of_;  // kNone: unassigned
  std::vector<int> free_;                // rows
  // of the search for a path: the reached distance of each column and the row it was reached from
  std::vector<double> distance_;
  std::vector<int> from_, unscanned_, scanned_;
};

// Prices are the least costs of the columns; rows that attain them take them, first come.
void Assignment::reduce_columns() {
  std::vector<int> cheapest(n_, 0);
  price_.assign(row(0), row(0) + n_);
  for (int i = 1; i < n_; ++i) {
    const double* cost = row(i);
    for (int j = 0; j < n_; ++j) {
      if (cost[j] < price_[j]) {
        price_[j] = cost[j];
        cheapest[j] = i;
      }
    }
  }
  for (int j = 0; j < n_; ++j)
    if (column_of_[cheapest[j]] == kNone) match(cheapest[j], j);
  for (int i = 0; i < n_; ++i)
    if (column_of_[i] == kNone) free_.push_back(i);
}

// Row i takes its best column, whose price falls until the second best is as good; returns the row
// that had it, or kNone, negative 2 and below (-2 - row) where the price stayed as it was.
int Assignment::claim(int i) {
  const double* cost = row(i);
  double least = std::numeric_limits<double>::infinity(), second = least;
  int best = 0, next = kNone;
  for (int j = 0; j < n_; ++j) {
    const double reduced = cost[j] - price_[j];
    if (reduced >= second) continue;
    if (reduced < least) {
      second = least;
      next = best;
      least = reduced;
      best = j;
    } else {
      second = reduced;
      next = j;
    }
  }
  const double lowered = price_[best] - (second - least);
  const bool falls = n_ > 1 && lowered < price_[best];
  if (falls) {
    price_[best] = lowered;
  } else if (row_of_[best] != kNone && n_ > 1) {
    best = next;
  }
  const int previous = row_of_[best];
  if (previous != kNone) column_of_[previous] = kNone;
  match(i, best);
  return previous == kNone || falls ? previous : -2 - previous;
}

// Free rows bid; a row that loses its column bids next where the price fell, else in the next pass.
void Assignment::reduce_rows() {
  std::vector<int> rest;
  auto steps = static_cast<std::int64_t>(kReductionsPerRow) * n_;
  for (const int first : free_) {
    int i = first;
    while (i >= 0 && steps-- > 0) i = claim(i);
    if (i >= 0) rest.push_back(i);
    if (i <= -2) rest.push_back(-2 - i);
  }
  free_ = rest;
}

// Dijkstra over columns by reduced cost from a free row to the nearest free column.
int Assignment::nearest_free_column(int start) {
  const double* cost = row(start);
  int nearest = 0;  // place in unscanned_
  for (int j = 0; j < n_; ++j) {
    distance_[j] = cost[j] - price_[j];
    from_[j] = start;
    unscanned_[j] = j;
    if (distance_[j] < distance_[nearest]) nearest = j;
  }
  scanned_.clear();
  for (int left = n_;;) {
    const int column = unscanned_[nearest];
    if (row_of_[column] == kNone) return column;
    unscanned_[nearest] = unscanned_[--left];
    scanned_.push_back(column);
    const int i = row_of_[column];
    cost = row(i);
    const double excess = cost[column] - price_[column] - distance_[column];
    double least = std::numeric_limits<double>::infinity();
    for (int place = 0; place < left; ++place) {
      const int j = unscanned_[place];
      const double through = cost[j] - price_[j] - excess;
      if (through < distance_[j]) {
        distance_[j] = through;
        from_[j] = i;
      }
      if (distance_[j] < least) {
        least = distance_[j];
        nearest = place;
      }
    }
  }
}

// Shifts the assignment along the shortest path, and prices so that the invariant holds again.
void Assignment::augment(int start) {
  distance_.resize(n_);
  from_.resize(n_);
  unscanned_.resize(n_);
  const int end = nearest_free_column(start);
  for (const int j : scanned_) price_[j] += distance_[j] - distance_[end];
  for (int j = end, i = kNone; i != start;) {
    i = from_[j];
    const int previous = column_of_[i];
    match(i, j);
    j = previous;
  }
}

}  // namespace

Tensor optimal_assignment(const Tensor& costs, const TransportProgress& progress) {
  require(costs.defined() && costs.dim() == 2 && costs.size(0) == costs.size(1) &&
              costs.size(0) >= 1 && costs.size(0) <= std::numeric_limits<int>::max(),
          "optimal_assignment takes a square matrix of costs with at least one row");
  const Tensor numbers = costs.detach().to(at::kCPU, at::kDouble).contiguous();
  require(numbers.isfinite().all().item<bool>(),
          "optimal_assignment got a cost that is not finite: drop that row and column");
  Assignment assignment(numbers.data_ptr<double>(), static_cast<int>(numbers.size(0)));
  return at::tensor(at::ArrayRef<int>(assignment.solve(progress)), at::kInt).to(at::kLong);
}

}  // namespace ergon
