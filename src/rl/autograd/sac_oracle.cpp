#include "ergon/rl/autograd/sac_oracle.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kLogTwoPi = 1.8378770664093454836;
constexpr double kLogFour = 1.3862943611198906188;

/// `numbers` in order of memory, (rows x columns), copied.
template <class Real>
Tensor matrix(const std::vector<Real>& numbers,
              std::int64_t rows,
              std::int64_t columns,
              c10::ScalarType type) {
  ERGON_CHECK(static_cast<std::int64_t>(numbers.size()) >= rows * columns, "{} < {} x {}",
              numbers.size(), rows, columns);
  const auto read = c10::CppTypeToScalarType<Real>::value;
  return at::from_blob(const_cast<Real*>(numbers.data()), {rows, columns}, read)
      .to(type, /*non_blocking=*/false, /*copy=*/true);
}

Tensor activate(MlpActivation activation, const Tensor& x) {
  switch (activation) {
    case MlpActivation::kRelu:
      return at::relu(x);
    case MlpActivation::kTanh:
      return at::tanh(x);
    case MlpActivation::kElu:
      return at::elu(x);
  }
  ERGON_CHECK(false, "activation {}", static_cast<int>(activation));
}

}  // namespace

void AutogradSac::Learned::start(const Tensor& from) {
  values = from.detach().clone().requires_grad_(true);
  first_moment = at::zeros_like(from);
  second_moment = at::zeros_like(from);
  steps = 0;
}

void AutogradSac::Learned::descend(const Tensor& loss, double learning_rate) {
  constexpr double kFirstDecay = 0.9, kSecondDecay = 0.999, kEpsilon = 1e-8;
  const Tensor gradient = torch::autograd::grad({loss}, {values})[0];
  const at::NoGradGuard no_graph;
  const auto t = static_cast<double>(++steps);
  first_moment = kFirstDecay * first_moment + (1 - kFirstDecay) * gradient;
  second_moment = kSecondDecay * second_moment + (1 - kSecondDecay) * gradient * gradient;
  const Tensor first = first_moment / (1 - std::pow(kFirstDecay, t));
  const Tensor second = second_moment / (1 - std::pow(kSecondDecay, t));
  values = (values - learning_rate * first / (second.sqrt() + kEpsilon)).requires_grad_(true);
}

AutogradSac::AutogradSac(std::int64_t observation_dim,
                         std::int64_t action_dim,
                         const SacOptions& options,
                         c10::ScalarType type)
    : options_(options),
      actions_(action_dim),
      actor_shape_{observation_dim, options.actor_hidden, 2 * action_dim, options.activation},
      critic_shape_{observation_dim + action_dim, options.critic_hidden, 1, options.activation},
      type_(type) {
  options.validate();
  actor_shape_.validate();
  critic_shape_.validate();
  actor_.start(at::zeros({actor_shape_.parameter_count()}, type));
  critics_.start(at::zeros({2 * critic_shape_.parameter_count()}, type));
  targets_ = at::zeros({2 * critic_shape_.parameter_count()}, type);
  // In float64 as in Sac: one number, whose rounding would be felt by all others.
  log_temperature_.start(at::full({}, std::log(options.initial_temperature), at::kDouble));
}

void AutogradSac::set_parameters(const Tensor& actor,
                                 const Tensor& critics,
                                 const Tensor& targets) {
  require(actor.dim() == 1 && actor.numel() == actor_.values.numel(),
          "the actor has {} parameters, got {}", actor_.values.numel(), actor.numel());
  require(critics.dim() == 1 && critics.numel() == targets_.numel() && targets.dim() == 1 &&
              targets.numel() == targets_.numel(),
          "two critics have {} parameters, got {} and {} of their targets", targets_.numel(),
          critics.numel(), targets.numel());
  actor_.start(actor.to(type_));
  critics_.start(critics.to(type_));
  targets_ = targets.detach().to(type_, /*non_blocking=*/false, /*copy=*/true);
}

double AutogradSac::temperature() const {
  return options_.temperature == TemperatureRule::kFixed
             ? options_.initial_temperature
             : std::exp(log_temperature_.values.item<double>());
}

UpdateInfo AutogradSac::update_info() const {
  return {{"critic_loss", critic_loss_},
          {"actor_loss", actor_loss_},
          {"temperature", temperature()},
          {"entropy", entropy_},
          {"value", value_}};
}

Tensor AutogradSac::network(const MlpShape& shape, const Tensor& parameters, Tensor x) const {
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    const Tensor weight =
        parameters.narrow(0, shape.weight_offset(layer), in * out).view({out, in});
    const Tensor bias = parameters.narrow(0, shape.bias_offset(layer), out);
    x = at::matmul(x, weight.t()) + bias;
    if (layer + 1 < shape.layers()) x = activate(shape.activation, x);
  }
  return x;
}

Tensor AutogradSac::critic(std::int64_t index,
                           const Tensor& parameters,
                           const Tensor& input) const {
  const std::int64_t count = critic_shape_.parameter_count();
  return network(critic_shape_, parameters.narrow(0, index * count, count), input).squeeze(-1);
}

Tensor AutogradSac::smaller_value(const Tensor& parameters, const Tensor& input) const {
  return at::minimum(critic(0, parameters, input), critic(1, parameters, input));
}

AutogradSac::Draw AutogradSac::draw(const Tensor& observation, const Tensor& noise) const {
  const Tensor output = network(actor_shape_, actor_.values, observation);
  const Tensor mean = output.narrow(-1, 0, actions_);
  const Tensor raw = output.narrow(-1, actions_, actions_);
  const double low = options_.log_stddev_low, high = options_.log_stddev_high;
  const Tensor log_stddev = options_.log_stddev_map == LogStddevMap::kClip
                                ? raw.clamp(low, high)
                                : low + 0.5 * (high - low) * (raw.tanh() + 1);
  const Tensor u = mean + log_stddev.exp() * noise;
  // 1 - tanh(u)^2 = 4 s(2u) s(-2u), s the logistic function.
  const Tensor log_slope = kLogFour + at::log_sigmoid(2 * u) + at::log_sigmoid(-2 * u);
  const Tensor log_prob = -0.5 * noise * noise - log_stddev - 0.5 * kLogTwoPi - log_slope;
  return {u.tanh(), log_prob.sum(-1)};
}

void AutogradSac::update_critics(const Transitions& batch, const Tensor& noise) {
  Tensor target;
  {
    const at::NoGradGuard no_graph;
    const Draw next = draw(batch.next_observation, noise);
    const Tensor value =
        smaller_value(targets_, at::cat({batch.next_observation, next.action}, -1));
    target = batch.reward +
             options_.discount * batch.continues * (value - temperature() * next.log_prob);
  }
  const Tensor input = at::cat({batch.observation, batch.action}, -1);
  const Tensor first = critic(0, critics_.values, input),
               second = critic(1, critics_.values, input);
  const Tensor loss = (first - target).square().mean() + (second - target).square().mean();
  critic_loss_ = loss.item<double>();
  value_ = at::minimum(first, second).mean().item<double>();
  critics_.descend(loss, options_.critic_learning_rate);
}

void AutogradSac::update_actor(const Transitions& batch, const Tensor& noise) {
  const double alpha = temperature();
  const Draw drawn = draw(batch.observation, noise);
  const Tensor value =
      smaller_value(critics_.values.detach(), at::cat({batch.observation, drawn.action}, -1));
  const Tensor loss = (alpha * drawn.log_prob - value).mean();
  actor_loss_ = loss.item<double>();
  const double mean_log_prob = drawn.log_prob.mean().item<double>();
  entropy_ = -mean_log_prob;
  actor_.descend(loss, options_.actor_learning_rate);

  if (options_.temperature == TemperatureRule::kFixed) return;
  const double target_entropy = options_.target_entropy.value_or(-static_cast<double>(actions_));
  const Tensor& log_alpha = log_temperature_.values;
  const Tensor factor =
      options_.temperature_loss == TemperatureLoss::kTemperature ? log_alpha.exp() : log_alpha;
  log_temperature_.descend(-factor * (mean_log_prob + target_entropy),
                           options_.temperature_learning_rate);
}

template <class Real>
void AutogradSac::update_on(const Batch<Real>& batch, const typename Sac<Real>::Noise& noise) {
  const std::int64_t rows = batch.rows, observations = batch.observation_dim;
  const Tensor input = matrix(batch.input, rows, batch.stride(), type_);
  const Tensor next_input = matrix(batch.next_input, rows, batch.stride(), type_);
  const Transitions transitions{
      input.narrow(1, 0, observations), input.narrow(1, observations, actions_),
      next_input.narrow(1, 0, observations), matrix(batch.reward, rows, 1, type_).squeeze(1),
      matrix(batch.continues, rows, 1, type_).squeeze(1)};
  update_critics(transitions, matrix(noise.next, rows, actions_, type_));
  for (const std::vector<Real>& normals : noise.actor) {
    update_actor(transitions, matrix(normals, rows, actions_, type_));
  }
  const at::NoGradGuard no_graph;
  targets_ = targets_ + options_.target_rate * (critics_.values - targets_);
}

template void AutogradSac::update_on(const Batch<float>&, const Sac<float>::Noise&);
template void AutogradSac::update_on(const Batch<double>&, const Sac<double>::Noise&);

}  // namespace ergon
