#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <vector>

namespace ergon::bench {

/// Seconds of this thread's processor time: other programs on the machine disturb it least.
template <class Body>
double processor_seconds(Body&& body) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  body();
  return now() - start;
}

inline double median(std::vector<double> seconds) {
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

}  // namespace ergon::bench
