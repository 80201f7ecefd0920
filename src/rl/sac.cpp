#include "ergon/rl/sac.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "sac_members.hpp"

namespace ergon {
namespace {

std::size_t size_of(std::int64_t count) { return static_cast<std::size_t>(count); }

/// Throws NumericalFailure unless a loss is finite.
void require_finite(const char* loss, double value, std::int64_t updates) {
  if (std::isfinite(value)) return;
  throw NumericalFailure(fmt::format(
      "the {} of update {} is {}: training has diverged, or rewards or observations are too large; "
      "lower the learning rates or scale the environment",
      loss, updates + 1, value));
}

template <class Real>
void draw_normals(std::int64_t count, Pcg64& random, std::vector<Real>& numbers) {
  numbers.resize(size_of(count));
  for (Real& number : numbers) number = static_cast<Real>(random.normal());
}

MlpShape actor_shape_of(std::int64_t observations,
                        std::int64_t actions,
                        const SacOptions& options) {
  options.validate();
  require(observations >= 1 && actions >= 1,
          "an agent needs at least one observation and one action, got {} and {}", observations,
          actions);
  return {observations, options.actor_hidden, 2 * actions, options.activation};
}

MlpShape critic_shape_of(std::int64_t observations,
                         std::int64_t actions,
                         const SacOptions& options) {
  return {observations + actions, options.critic_hidden, 1, options.activation};
}

}  // namespace

template <class Real>
Sac<Real>::Members::Members(MlpShape actor_shape,
                            MlpShape critic_shape,
                            const SacOptions& sac_options)
    : options(sac_options),
      observations(actor_shape.input),
      actions(actor_shape.output / 2),
      target_entropy(options.target_entropy.value_or(-static_cast<double>(actions))),
      density{actions, options.log_stddev_map, options.log_stddev_low, options.log_stddev_high},
      actor(actor_shape, options.batch),
      critics(critic_shape, options.batch, 2),
      targets(critic_shape, options.batch, 2),
      actor_adam(actor_shape.parameter_count(), {options.actor_learning_rate}),
      critic_adam(2 * critic_shape.parameter_count(), {options.critic_learning_rate}),
      temperature_adam(1, {options.temperature_learning_rate}),
      log_temperature(std::log(options.initial_temperature)),
      temperature(options.initial_temperature) {
  // The logarithm is what is learned and saved: a resumed agent finds the same last bit.
  if (options.temperature == TemperatureRule::kLearned) temperature = std::exp(log_temperature);
  const std::int64_t rows = options.batch;
  proposal.resize(size_of(rows * (observations + actions)));
  log_probs.resize(size_of(rows));
  target_value.resize(size_of(rows));
  output_gradients.resize(size_of(2 * rows));
  log_prob_weights.resize(size_of(rows));
  action_gradients.resize(size_of(rows * actions));
  network_gradients.resize(size_of(rows * 2 * actions));
  policy = std::make_unique<CurrentPolicy>(*this);
}

template <class Real>
Sac<Real>::Members::CurrentPolicy::CurrentPolicy(Members& owner)
    : owner_(owner), copy_(owner.actor.shape(), owner.density, owner.actor.parameters().data()) {}

template <class Real>
void Sac<Real>::Members::CurrentPolicy::act(const double* observation,
                                            ActionMode mode,
                                            Pcg64& random,
                                            double* action) {
  if (!owner_.policy_is_current) copy_.assign(owner_.actor.parameters().data());
  owner_.policy_is_current = true;
  copy_.act(observation, mode, random, action);
}

template <class Real>
void Sac<Real>::Members::compute_targets(Batch<Real>& on, const std::vector<Real>& normals) {
  const std::int64_t stride = on.stride();
  actor.forward(on.next_input.data(), stride, on.rows);
  density.sample(actor.output(0), normals.data(), on.rows, on.next_input.data() + observations,
                 stride, log_probs.data());
  targets.forward(on.next_input.data(), stride, on.rows);
  const Real* first = targets.output(0);
  const Real* second = targets.output(1);
  const auto alpha = static_cast<Real>(temperature);
  const auto discount = static_cast<Real>(options.discount);
  for (std::size_t r = 0; r < size_of(on.rows); ++r) {
    const Real soft_value = std::min(first[r], second[r]) - alpha * log_probs[r];
    target_value[r] = on.reward[r] + discount * on.continues[r] * soft_value;
  }
}

template <class Real>
void Sac<Real>::Members::update_critics(const Batch<Real>& on) {
  critics.forward(on.input.data(), on.stride(), on.rows);
  const std::size_t rows = size_of(on.rows);
  const Real* first = critics.output(0);
  const Real* second = critics.output(1);
  const Real slope = Real(2) / static_cast<Real>(rows);
  double squares = 0.0, values = 0.0;
  for (std::size_t r = 0; r < rows; ++r) {
    const Real first_error = first[r] - target_value[r];
    const Real second_error = second[r] - target_value[r];
    output_gradients[r] = slope * first_error;
    output_gradients[rows + r] = slope * second_error;
    squares += first_error * first_error + second_error * second_error;
    values += std::min(first[r], second[r]);
  }
  info.critic_loss = squares / static_cast<double>(rows);
  info.value = values / static_cast<double>(rows);
  require_finite("critics' loss", info.critic_loss, updates);
  critics.backward(output_gradients.data());
  critic_adam.step(critics.gradients().data(), critics.parameters().data());
}

template <class Real>
double Sac<Real>::Members::select_smaller(std::int64_t count) {
  const std::size_t rows = size_of(count);
  const Real* first = critics.output(0);
  const Real* second = critics.output(1);
  const Real slope = Real(-1) / static_cast<Real>(rows);
  double sum = 0.0;
  for (std::size_t r = 0; r < rows; ++r) {
    const bool first_is_smaller = first[r] <= second[r];
    output_gradients[r] = first_is_smaller ? slope : Real(0);
    output_gradients[rows + r] = first_is_smaller ? Real(0) : slope;
    sum += first_is_smaller ? first[r] : second[r];
  }
  return sum;
}

template <class Real>
void Sac<Real>::Members::update_actor(const Batch<Real>& on, const std::vector<Real>& normals) {
  const std::int64_t stride = on.stride(), rows = on.rows;
  std::copy_n(on.input.begin(), rows * stride, proposal.begin());
  actor.forward(on.input.data(), stride, rows);
  density.sample(actor.output(0), normals.data(), rows, proposal.data() + observations, stride,
                 log_probs.data());
  critics.forward(proposal.data(), stride, rows);
  const double count = static_cast<double>(rows);
  const double mean_value = select_smaller(rows) / count;
  double mean_log_prob = 0.0;
  for (std::size_t r = 0; r < size_of(rows); ++r) mean_log_prob += log_probs[r];
  mean_log_prob /= count;
  info.entropy = -mean_log_prob;
  info.actor_loss = temperature * mean_log_prob - mean_value;
  require_finite("actor's loss", info.actor_loss, updates);

  critics.backward_input(output_gradients.data(), observations, observations + actions,
                         action_gradients.data());
  std::fill_n(log_prob_weights.begin(), rows, static_cast<Real>(temperature / count));
  density.pull_back(actor.output(0), normals.data(), rows, log_prob_weights.data(),
                    action_gradients.data(), network_gradients.data());
  actor.backward(network_gradients.data());
  actor_adam.step(actor.gradients().data(), actor.parameters().data());
  policy_is_current = false;
  if (options.temperature == TemperatureRule::kLearned) update_temperature(mean_log_prob);
}

template <class Real>
void Sac<Real>::Members::update_temperature(double mean_log_prob) {
  const double factor =
      options.temperature_loss == TemperatureLoss::kTemperature ? temperature : 1.0;
  const double gradient = -factor * (mean_log_prob + target_entropy);
  temperature_adam.step(&gradient, &log_temperature);
  temperature = std::exp(log_temperature);
  require_finite("temperature", temperature, updates);
}

template <class Real>
Sac<Real>::Sac(std::int64_t observation_dim,
               std::int64_t action_dim,
               const SacOptions& options,
               std::uint64_t seed)
    : members_(std::make_unique<Members>(actor_shape_of(observation_dim, action_dim, options),
                                         critic_shape_of(observation_dim, action_dim, options),
                                         options)) {
  Members& m = *members_;
  Pcg64 random = Pcg64::stream(seed, "parameters");
  initialise_parameters(m.actor.shape(), random, m.actor.parameters().data());
  Real* critics = m.critics.parameters().data();
  for (std::int64_t k = 0; k < 2; ++k) {
    initialise_parameters(m.critics.shape(), random,
                          critics + k * m.critics.shape().parameter_count());
  }
  m.targets.parameters() = m.critics.parameters();
}

template <class Real>
Sac<Real>::~Sac() = default;

template <class Real>
void Sac<Real>::update(const Replay& replay, Pcg64& random) {
  Members& m = *members_;
  const SacOptions& options = m.options;
  replay.sample(options.batch, random, m.batch);
  const std::int64_t normals = options.batch * m.actions;
  draw_normals(normals, random, m.noise.next);
  const bool actor_is_due = (m.updates + 1) % options.policy_delay == 0;
  m.noise.actor.resize(actor_is_due ? size_of(options.policy_delay) : 0);
  for (std::vector<Real>& noise : m.noise.actor) draw_normals(normals, random, noise);
  update_on(m.batch, m.noise);
}

template <class Real>
void Sac<Real>::update_on(Batch<Real>& batch, const Noise& noise) {
  Members& m = *members_;
  require(batch.observation_dim == m.observations && batch.action_dim == m.actions,
          "the batch has {} observations and {} actions, the agent {} and {}",
          batch.observation_dim, batch.action_dim, m.observations, m.actions);
  require(batch.rows >= 1 && batch.rows <= m.options.batch,
          "the batch has {} rows; the agent was made for 1 to {}", batch.rows, m.options.batch);
  m.compute_targets(batch, noise.next);
  m.update_critics(batch);
  for (const std::vector<Real>& normals : noise.actor) m.update_actor(batch, normals);
  move_towards(m.critics.parameters().data(), m.options.target_rate,
               static_cast<std::int64_t>(m.critics.parameters().size()),
               m.targets.parameters().data());
  ++m.updates;
}

template <class Real>
UpdateInfo Sac<Real>::update_info() const {
  const Members& m = *members_;
  return {{"critic_loss", m.info.critic_loss},
          {"actor_loss", m.info.actor_loss},
          {"temperature", m.temperature},
          {"entropy", m.info.entropy},
          {"value", m.info.value}};
}

// clang-format off
template <class Real> std::int64_t Sac<Real>::observation_dim() const { return members_->observations; }
template <class Real> std::int64_t Sac<Real>::action_dim() const { return members_->actions; }
template <class Real> Policy& Sac<Real>::policy() { return *members_->policy; }
template <class Real> const std::vector<Real>& Sac<Real>::actor_parameters() const { return std::as_const(members_->actor).parameters(); }
template <class Real> const std::vector<Real>& Sac<Real>::critic_parameters() const { return std::as_const(members_->critics).parameters(); }
template <class Real> const std::vector<Real>& Sac<Real>::target_parameters() const { return std::as_const(members_->targets).parameters(); }
template <class Real> double Sac<Real>::temperature() const { return members_->temperature; }
template <class Real> const SacOptions& Sac<Real>::options() const { return members_->options; }
template <class Real> std::int64_t Sac<Real>::updates() const { return members_->updates; }
template <class Real> MlpShape Sac<Real>::actor_shape() const { return members_->actor.shape(); }
template <class Real> MlpShape Sac<Real>::critic_shape() const { return members_->critics.shape(); }
// clang-format on

template <class Real>
std::vector<double> Sac<Real>::policy_parameters() const {
  const std::vector<Real>& parameters = actor_parameters();
  return {parameters.begin(), parameters.end()};
}

template <class Real>
std::unique_ptr<Policy> Sac<Real>::policy_from(const std::vector<double>& parameters) const {
  const Members& m = *members_;
  require(parameters.size() == actor_parameters().size(),
          "a policy of {} numbers does not fit the agent, whose actor has {}", parameters.size(),
          actor_parameters().size());
  const std::vector<Real> numbers(parameters.begin(), parameters.end());
  return std::make_unique<internal::GaussianPolicy<Real>>(m.actor.shape(), m.density,
                                                          numbers.data());
}

template class Sac<float>;
template class Sac<double>;

}  // namespace ergon
