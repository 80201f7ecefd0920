#include "ergon/rl/autograd/policy_script.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <sstream>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon {
namespace {

namespace jit = torch::jit;

void add_parameters(const PolicyDescription& policy, jit::Module& module) {
  const MlpShape& shape = policy.shape;
  const auto add = [&](const std::string& name, std::int64_t offset, at::IntArrayRef sizes) {
    const at::Tensor numbers =
        at::from_blob(const_cast<float*>(policy.parameters.data()) + offset, sizes, at::kFloat);
    module.register_parameter(name, numbers.clone(), /*is_buffer=*/false);
  };
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    add(fmt::format("weight_{}", layer), shape.weight_offset(layer), {out, in});
    add(fmt::format("bias_{}", layer), shape.bias_offset(layer), {out});
  }
}

at::Tensor as_tensor(const std::vector<double>& numbers) {
  return at::tensor(numbers, at::kDouble).to(at::kFloat);
}

void add_range(const PolicyDescription& policy, jit::Module& module) {
  const auto actions = static_cast<std::size_t>(policy.action_dim());
  const bool known = !policy.action_low.empty();
  const at::Tensor low = as_tensor(known ? policy.action_low : std::vector<double>(actions, -1));
  const at::Tensor high = as_tensor(known ? policy.action_high : std::vector<double>(actions, 1));
  module.register_parameter("action_low", low, /*is_buffer=*/true);
  module.register_parameter("action_high", high, /*is_buffer=*/true);
}

void add_origin(const PolicyDescription& policy, jit::Module& module) {
  const auto word = [&](const char* name, const std::string& text) {
    module.register_attribute(name, c10::StringType::get(), text);
  };
  const auto number = [&](const char* name, std::int64_t value) {
    module.register_attribute(name, c10::IntType::get(), value);
  };
  word("environment", policy.environment);
  word("algorithm", policy.algorithm);
  word("seed", std::to_string(policy.seed));
  word("model_hash", policy.model_hash);
  number("steps", policy.steps);
  number("observation_dim", policy.observation_dim());
  number("action_dim", policy.action_dim());
}

const char* function_of(MlpActivation activation) {
  switch (activation) {
    case MlpActivation::kRelu:
      return "torch.relu";
    case MlpActivation::kTanh:
      return "torch.tanh";
    case MlpActivation::kElu:
      return "torch.elu";
  }
  ERGON_CHECK(false, "activation {} has no function", static_cast<int>(activation));
}

/// From `raw` to log standard deviations, as LogStddevMap says. The form of the numbers has a
/// point, by which TorchScript tells a float.
std::string log_stddev_expression(const PolicyDescription& policy) {
  const double low = policy.log_stddev_low, high = policy.log_stddev_high;
  if (policy.log_stddev_map == LogStddevMap::kClip)
    return fmt::format("torch.clamp(raw, {:#.17g}, {:#.17g})", low, high);
  return fmt::format("{:#.17g} + {:#.17g} * (torch.tanh(raw) + 1.0)", low, (high - low) / 2);
}

/// The methods as a program, which knows no sizes: nothing of an example is baked in, as in a
/// trace.
std::string program_of(const PolicyDescription& policy) {
  const std::int64_t last = policy.shape.layers() - 1, actions = policy.action_dim();
  std::string text =
      "def distribution(self, observation: Tensor) -> Tuple[Tensor, Tensor]:\n"
      "    x = observation.to(self.weight_0.device, self.weight_0.dtype)\n";
  for (std::int64_t layer = 0; layer <= last; ++layer) {
    text += fmt::format("    x = torch.linear(x, self.weight_{0}, self.bias_{0})\n", layer);
    if (layer < last) text += fmt::format("    x = {}(x)\n", function_of(policy.shape.activation));
  }
  text += fmt::format(
      "    raw = torch.slice(x, -1, {0}, {1})\n"
      "    return torch.slice(x, -1, 0, {0}), {2}\n",
      actions, 2 * actions, log_stddev_expression(policy));
  text +=
      "def scaled(self, action: Tensor) -> Tensor:\n"
      "    return self.action_low + 0.5 * (action + 1.0) * (self.action_high - self.action_low)\n"
      "def forward(self, observation: Tensor) -> Tensor:\n"
      "    return self.scaled(torch.tanh(self.distribution(observation)[0]))\n"
      "def sample(self, observation: Tensor, noise: Tensor) -> Tensor:\n"
      "    mean, log_stddev = self.distribution(observation)\n"
      "    return self.scaled(torch.tanh(mean + torch.exp(log_stddev) * noise.to(mean.device, "
      "mean.dtype)))\n";
  return text;
}

}  // namespace

void export_policy_script(const PolicyDescription& policy, const std::string& path) {
  make_policy(policy);  // refuses sizes that do not fit
  jit::Module module("Policy");
  add_parameters(policy, module);
  add_range(policy, module);
  add_origin(policy, module);
  module.define(program_of(policy));
  std::ostringstream bytes;
  module.save(bytes);
  write_file(path, bytes.str());
}

}  // namespace ergon
