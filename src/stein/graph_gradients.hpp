#pragma once

#include <torch/csrc/autograd/autograd.h>

#include "ergon/core/tensor.hpp"

/// Backward passes that go through tensor operations, so that their result can be differentiated
/// again.
namespace ergon::stein {

/// The same numbers as a node of their own (undefined stays so): the gradient by it does not run on
/// through another input that was computed from the same tensor, a score from its points.
Tensor own_node(const Tensor& input);

/// Gradients of ⟨outputs, upstream⟩ by each of `inputs`, recording a graph where one is recorded
/// now; undefined for inputs that need none or are not reached. Undefined tensors in outputs and
/// upstream count nothing.
torch::autograd::variable_list graph_gradients(const torch::autograd::variable_list& outputs,
                                               const torch::autograd::variable_list& upstream,
                                               const torch::autograd::variable_list& inputs);

}  // namespace ergon::stein
