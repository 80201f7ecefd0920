#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace ergon::bench {

/// Seconds that calls of one thing took. Things to be compared are timed in rounds, take() of each
/// an iteration of the benchmark, so that what disturbs the machine meets them all: the time that
/// the benchmark itself prints is that of a round.
class Samples {
 public:
  /// Calls it for two milliseconds, after a call that warms the caches; once where it takes longer.
  template <class Body>
  void take(Body&& body) {
    constexpr double kEnough = 0.002;
    double spent = seconds_of(body);
    if (spent > kEnough && !seconds_.empty()) {
      seconds_.push_back(spent);
      return;
    }
    for (spent = 0; spent < kEnough; spent += seconds_.back()) take_once(body);
  }

  /// Calls it once.
  template <class Body>
  void take_once(Body&& body) {
    seconds_.push_back(seconds_of(body));
  }

  double best() const { return *std::min_element(seconds_.begin(), seconds_.end()); }

  /// The lower of two middle ones.
  double median() const {
    std::vector<double> sorted = seconds_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    return *middle;
  }

 private:
  template <class Body>
  static double seconds_of(Body&& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    return taken.count();
  }

  std::vector<double> seconds_;
};

}  // namespace ergon::bench
