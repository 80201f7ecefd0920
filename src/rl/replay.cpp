#include "ergon/rl/replay.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

/// Rows drawn ahead of the one that is copied: a random row of a buffer beyond the caches takes
/// some hundred nanoseconds to arrive, a copy some ten.
constexpr std::int64_t kAhead = 16;
constexpr std::int64_t kCacheLine = 64 / sizeof(float);

/// The width of a row, of sizes that no arithmetic on them overflows.
std::int64_t checked_width(std::int64_t capacity,
                           std::int64_t observation_dim,
                           std::int64_t action_dim) {
  require(capacity >= 1 && observation_dim >= 1 && action_dim >= 1,
          "a replay needs a capacity, an observation and an action of at least 1, got {}, {} and "
          "{}",
          capacity, observation_dim, action_dim);
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  require(capacity <= kLargest && observation_dim <= kLargest && action_dim <= kLargest,
          "a replay of {} transitions of observations of {} and actions of {} numbers is beyond "
          "any memory; lower its capacity",
          capacity, observation_dim, action_dim);
  return 2 * observation_dim + action_dim + 2;
}

template <class Real>
void grow(std::vector<Real>& numbers, std::int64_t count) {
  numbers.resize(static_cast<std::size_t>(count));
}

}  // namespace

template <class Real>
void Batch<Real>::resize(std::int64_t new_rows, std::int64_t observations, std::int64_t actions) {
  rows = new_rows;
  observation_dim = observations;
  action_dim = actions;
  grow(input, rows * stride());
  grow(next_input, rows * stride());
  grow(reward, rows);
  grow(continues, rows);
}

void Replay::Unmap::operator()(float* rows) const { ::munmap(rows, bytes); }

Replay::Rows Replay::map_rows(std::int64_t capacity, std::int64_t width) {
  std::size_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(static_cast<std::size_t>(capacity),
                                            static_cast<std::size_t>(width), &bytes) &&
                    !__builtin_mul_overflow(bytes, sizeof(float), &bytes);
  void* rows = fits ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                             /*fd=*/-1, /*offset=*/0)
                    : MAP_FAILED;
  require(rows != MAP_FAILED,
          "a replay of {} transitions of {} numbers each needs {:.1f} GiB of memory, which cannot "
          "be had; lower its capacity",
          capacity, width, 0x1p-30 * sizeof(float) * static_cast<double>(capacity) * width);
#ifdef MADV_HUGEPAGE
  // Random rows of many small pages miss the address cache, too. A kernel without them declines.
  ::madvise(rows, bytes, MADV_HUGEPAGE);
#endif
  return Rows(static_cast<float*>(rows), Unmap{bytes});
}

Replay::Replay(std::int64_t capacity, std::int64_t observation_dim, std::int64_t action_dim)
    : capacity_(capacity),
      observation_dim_(observation_dim),
      action_dim_(action_dim),
      width_(checked_width(capacity, observation_dim, action_dim)),
      rows_(map_rows(capacity, width_)) {}

void Replay::add(const double* observation,
                 const double* action,
                 double reward,
                 bool terminated,
                 const double* next_observation) {
  const auto narrow = [](double number) { return static_cast<float>(number); };
  float* row = rows_.get() + next_ * width_;
  row = std::transform(observation, observation + observation_dim_, row, narrow);
  row = std::transform(action, action + action_dim_, row, narrow);
  *row++ = narrow(reward);
  *row++ = terminated ? 0.0f : 1.0f;
  std::transform(next_observation, next_observation + observation_dim_, row, narrow);
  next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
  size_ = std::min(size_ + 1, capacity_);
}

template <class Real>
void Replay::sample(std::int64_t rows, Pcg64& random, Batch<Real>& batch) const {
  require(size_ > 0, "an empty replay has nothing to sample; add a transition before");
  require(rows >= 0, "a minibatch cannot have {} rows", rows);
  batch.resize(rows, observation_dim_, action_dim_);
  std::array<const float*, kAhead> ahead{};
  const auto draw = [&] {
    const auto row = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size_)));
    const float* numbers = rows_.get() + row * width_;
    // Here, not in a function of its own: g++ takes one that only fetches ahead for one that does
    // nothing.
    for (std::int64_t j = 0; j < width_; j += kCacheLine) __builtin_prefetch(numbers + j);
    __builtin_prefetch(numbers + width_ - 1);
    return numbers;
  };
  for (std::int64_t i = 0; i < std::min(kAhead, rows); ++i) ahead[i] = draw();
  const std::int64_t stride = batch.stride();
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = ahead[i % kAhead];
    if (i + kAhead < rows) ahead[i % kAhead] = draw();
    std::copy_n(row, stride, batch.input.data() + i * stride);
    batch.reward[i] = row[stride];
    batch.continues[i] = row[stride + 1];
    std::copy_n(row + stride + 2, observation_dim_, batch.next_input.data() + i * stride);
  }
}

void Replay::save(SafetensorsWriter& file) const {
  file.add("replay.rows", {size_, width_}, rows_.get());
  file.add_copy("replay.position", std::vector<std::int64_t>{size_, next_});
  file.add_copy("replay.sizes",
                std::vector<std::int64_t>{capacity_, observation_dim_, action_dim_});
}

void Replay::load(const SafetensorsFile& file) {
  std::array<std::int64_t, 3> sizes{};
  file.read("replay.sizes", sizes.data(), 3);
  require(sizes[0] == capacity_ && sizes[1] == observation_dim_ && sizes[2] == action_dim_,
          "the replay of '{}' has a capacity of {} with observations of {} and actions of {}, "
          "where {}, {} and {} are wanted; use the options that it was written with",
          file.path(), sizes[0], sizes[1], sizes[2], capacity_, observation_dim_, action_dim_);
  std::array<std::int64_t, 2> position{};
  file.read("replay.position", position.data(), 2);
  const auto [size, next] = position;
  const bool possible = size >= 0 && size <= capacity_ &&
                        (size < capacity_ ? next == size : next >= 0 && next < capacity_);
  require(possible, "the replay of '{}' cannot have {} transitions and write to row {} next",
          file.path(), size, next);
  file.read("replay.rows", rows_.get(), size * width_);
  size_ = size;
  next_ = next;
}

template struct Batch<float>;
template struct Batch<double>;
template void Replay::sample(std::int64_t, Pcg64&, Batch<float>&) const;
template void Replay::sample(std::int64_t, Pcg64&, Batch<double>&) const;

}  // namespace ergon
