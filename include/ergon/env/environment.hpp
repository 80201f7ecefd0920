#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/pcg64.hpp"
#include "ergon/core/png.hpp"

namespace ergon {

/// What is known of an environment before its first step.
struct EnvironmentSpec {
  std::string name;     ///< "Walker2d-v4"
  std::string summary;  ///< one line for lists
  std::string rules;    ///< what this version does otherwise than the others, one or two sentences
  std::int64_t observation_dim = 0;
  std::int64_t action_dim = 0;
  std::vector<double> action_low;          ///< (action_dim)
  std::vector<double> action_high;         ///< (action_dim)
  std::int64_t max_episode_steps = 0;      ///< after which an episode is truncated
  std::optional<double> reward_threshold;  ///< mean return from which Gymnasium calls it solved
  double seconds_per_step = 0.0;           ///< simulated time of a step
  std::string model;                       ///< "walker2d.xml", or empty: no MuJoCo
  std::string model_hash;                  ///< SHA-256 of the model's text, hexadecimal, or empty
};

/// What a step gave. `terminated`: the state is final, no return comes after it. `truncated`: only
/// the time limit ended the episode; a value function still bootstraps from the observation.
struct StepResult {
  double reward = 0.0;
  bool terminated = false;
  bool truncated = false;
  bool over() const { return terminated || truncated; }
};

/// All of an environment between two steps: restored, it goes on with the same bits.
struct EnvironmentState {
  std::vector<double> numbers;  ///< the environment's own: physics and what rewards look back to
  std::vector<double> observation;  ///< the current one
  Pcg64::State random{};
  std::int64_t steps = 0;  ///< of this episode
  bool over = true;        ///< no episode has begun, or the last one has ended
};

struct PictureSize {
  int columns = 320;
  int rows = 240;
};

/// An episodic environment with continuous observations and actions (Gymnasium's contract, with
/// terminated and truncated told apart). One object belongs to one thread at a time.
class Environment {
 public:
  virtual ~Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  const EnvironmentSpec& spec() const { return spec_; }
  /// The environment's generator starts anew: numpy.random.default_rng(seed), as Gymnasium's
  /// reset(seed=seed).
  void seed(std::uint64_t seed) { random_ = Pcg64(seed); }
  /// Begins an episode with the generator's next numbers.
  void reset();
  /// The current observation, (observation_dim).
  const std::vector<double>& observation() const { return observation_; }
  /// One step with `action`, (action_dim), which the environment takes as it is (MuJoCo clamps
  /// controls to their range). Throws NumericalFailure naming environment, step and number when the
  /// action, the reward or the observation is not finite or the simulation diverged, and
  /// InvalidInput when no episode is under way.
  StepResult step(const double* action);
  /// Steps taken in this episode.
  std::int64_t steps() const { return steps_; }

  EnvironmentState state() const;
  /// Throws InvalidInput when the state is not one of this environment (sizes, finite numbers).
  void restore(const EnvironmentState& state);

  /// Terms of the last step's reward and positions, by Gymnasium's names ("x_position",
  /// "reward_forward", …); empty before the first step.
  virtual std::vector<std::pair<std::string, double>> info() const { return {}; }
  /// The scene as it is now, red, green, blue; drawn on the CPU without a display.
  virtual Image8 picture(PictureSize size) const = 0;

 protected:
  explicit Environment(EnvironmentSpec spec);
  /// Draws a start from `random` and writes the observation.
  virtual void begin(Pcg64& random, std::vector<double>& observation) = 0;
  struct Outcome {
    double reward = 0.0;
    bool terminated = false;
  };
  /// Advances and writes the observation. Throws NumericalFailure when the simulation diverged.
  virtual Outcome advance(const double* action, std::vector<double>& observation) = 0;
  /// The environment's own numbers, of a fixed count.
  virtual std::vector<double> numbers() const = 0;
  virtual void set_numbers(const std::vector<double>& numbers) = 0;

 private:
  EnvironmentSpec spec_;
  std::vector<double> observation_;
  Pcg64 random_{0};
  std::int64_t steps_ = 0;
  bool over_ = true;
};

/// Every name that make_environment takes, in the order of `ergon envs`.
const std::vector<std::string>& environment_names();

struct EnvironmentOptions {
  std::string name;                    ///< one of environment_names()
  std::int64_t max_episode_steps = 0;  ///< > 0: instead of the environment's own limit
};

/// Throws InvalidInput for an unknown name, with the nearest ones and all others, and for a
/// negative limit.
std::unique_ptr<Environment> make_environment(const EnvironmentOptions& options);

/// Version of the MuJoCo library behind the environments, "2.2.2".
std::string mujoco_version();

/// The text of one of our model files ("walker2d.xml"), built into the library. Throws InvalidInput
/// for an unknown name.
const std::string& model_text(const std::string& file);

}  // namespace ergon
