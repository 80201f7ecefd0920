#pragma once

#include <cmath>
#include <vector>

#include "ergon/rl/sac.hpp"

/// Small problems for the agent: random transitions, noise, options.
namespace ergon::testing {

inline constexpr std::int64_t kObservations = 4, kActions = 2, kBatch = 16;

inline SacOptions small_sac_options() {
  SacOptions options;
  options.actor_hidden = {32, 32};
  options.critic_hidden = {32, 32};
  options.batch = kBatch;
  options.actor_learning_rate = 2e-3;
  options.critic_learning_rate = 3e-3;
  options.temperature_learning_rate = 3e-3;
  options.target_rate = 0.01;
  return options;
}

template <class Real>
std::vector<Real> normals(std::int64_t count, Pcg64& random) {
  std::vector<Real> numbers(static_cast<std::size_t>(count));
  for (Real& number : numbers) number = static_cast<Real>(random.normal());
  return numbers;
}

/// Random transitions, every fourth of them terminated.
template <class Real>
Batch<Real> random_batch(std::int64_t rows, std::uint64_t seed) {
  Pcg64 random(seed);
  Batch<Real> batch;
  batch.resize(rows, kObservations, kActions);
  batch.input = normals<Real>(rows * batch.stride(), random);
  batch.next_input = normals<Real>(rows * batch.stride(), random);
  batch.reward = normals<Real>(rows, random);
  for (std::int64_t r = 0; r < rows; ++r) {
    batch.continues[static_cast<std::size_t>(r)] = r % 4 == 0 ? Real(0) : Real(1);
    for (std::int64_t i = kObservations; i < batch.stride(); ++i) {
      Real& action = batch.input[static_cast<std::size_t>(r * batch.stride() + i)];
      action = std::tanh(action);
    }
  }
  return batch;
}

template <class Real>
typename Sac<Real>::Noise random_noise(std::int64_t rows,
                                       std::int64_t actor_steps,
                                       std::uint64_t seed) {
  Pcg64 random(seed);
  typename Sac<Real>::Noise noise;
  noise.next = normals<Real>(rows * kActions, random);
  for (std::int64_t i = 0; i < actor_steps; ++i) {
    noise.actor.push_back(normals<Real>(rows * kActions, random));
  }
  return noise;
}

inline Replay random_replay(std::int64_t transitions, std::uint64_t seed) {
  Replay replay(transitions, kObservations, kActions);
  Pcg64 random(seed);
  for (std::int64_t i = 0; i < transitions; ++i) {
    const std::vector<double> numbers = normals<double>(2 * kObservations + 1, random);
    const double action[kActions] = {random.uniform(-1, 1), random.uniform(-1, 1)};
    replay.add(numbers.data(), action, numbers.back(), i % 5 == 0, numbers.data() + kObservations);
  }
  return replay;
}

}  // namespace ergon::testing
