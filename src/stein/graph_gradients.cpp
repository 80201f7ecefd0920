#include "graph_gradients.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace ergon::stein {

using torch::autograd::variable_list;

Tensor own_node(const Tensor& input) { return input.defined() ? input.view_as(input) : input; }

variable_list graph_gradients(const variable_list& outputs,
                              const variable_list& upstream,
                              const variable_list& inputs) {
  variable_list reached, gradients, wanted;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (!upstream[k].defined() || !outputs[k].requires_grad()) continue;
    reached.push_back(outputs[k]);
    gradients.push_back(upstream[k]);
  }
  for (const auto& input : inputs) {
    if (input.defined() && input.requires_grad()) wanted.push_back(input);
  }
  variable_list result(inputs.size());
  if (reached.empty() || wanted.empty()) return result;
  const bool again = at::GradMode::is_enabled();
  const auto found = torch::autograd::grad(reached, wanted, gradients, true, again, true);
  std::size_t next = 0;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (inputs[k].defined() && inputs[k].requires_grad()) result[k] = found[next++];
  }
  return result;
}

}  // namespace ergon::stein
