#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ergon/core/pcg64.hpp"
#include "ergon/core/safetensors.hpp"

namespace ergon {

/// A minibatch in the form that the networks read: [observation, action] side by side, so that
/// critics take rows as they are and the actor takes their head by its stride.
template <class Real>
struct Batch {
  std::int64_t rows = 0;
  std::int64_t observation_dim = 0;
  std::int64_t action_dim = 0;
  std::vector<Real> input;       ///< (rows x (observation_dim + action_dim)); actions in (-1, 1)
  std::vector<Real> next_input;  ///< likewise: next observation, then room for the next action
  std::vector<Real> reward;      ///< (rows)
  std::vector<Real> continues;   ///< (rows): 0 where the next state is final, else 1

  std::int64_t stride() const { return observation_dim + action_dim; }
  /// Takes the sizes; allocates only when they grow.
  void resize(std::int64_t new_rows, std::int64_t observations, std::int64_t actions);
};

/// The last `capacity` transitions in one contiguous buffer of float32 rows
/// [observation | action | reward | continues | next observation]; the oldest is overwritten.
class Replay {
 public:
  /// Reserves address space for all; memory is touched as it fills. Throws InvalidInput for sizes
  /// below 1, or more memory than can be had.
  Replay(std::int64_t capacity, std::int64_t observation_dim, std::int64_t action_dim);

  /// One transition; `action` in (-1, 1), as the agent gave it. `terminated`, never `truncated`.
  void add(const double* observation,
           const double* action,
           double reward,
           bool terminated,
           const double* next_observation);
  std::int64_t size() const { return size_; }
  std::int64_t capacity() const { return capacity_; }

  /// `rows` transitions drawn with replacement, uniformly. Throws InvalidInput when empty.
  template <class Real>
  void sample(std::int64_t rows, Pcg64& random, Batch<Real>& batch) const;

  /// Arrays "replay.rows" (size x width), by reference, "replay.position" (size, row that is
  /// written next) and "replay.sizes" (capacity, observation, action).
  void save(SafetensorsWriter& file) const;
  /// What `save` wrote. Throws InvalidInput naming the file, and changes nothing, when the sizes
  /// are not this replay's or no replay can have the position.
  void load(const SafetensorsFile& file);

 private:
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(float* rows) const;
  };
  using Rows = std::unique_ptr<float[], Unmap>;
  static Rows map_rows(std::int64_t capacity, std::int64_t width);

  std::int64_t capacity_;
  std::int64_t observation_dim_;
  std::int64_t action_dim_;
  std::int64_t width_;
  Rows rows_;
  std::int64_t size_ = 0;
  std::int64_t next_ = 0;
};

}  // namespace ergon
