#include "flat_adam.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

constexpr double kFirstDecay = 0.9;
constexpr double kSecondDecay = 0.999;
constexpr double kEpsilon = 1e-8;

}  // namespace

FlatAdam::FlatAdam(std::vector<Tensor> parameters) : parameters_(std::move(parameters)) {
  std::int64_t size = 0;
  for (const Tensor& parameter : parameters_) size += parameter.numel();
  const auto options = parameters_.front().options().requires_grad(false);
  first_ = at::zeros({size}, options);
  second_ = at::zeros({size}, options);
  update_ = at::zeros({size}, options);
  std::int64_t at = 0;
  for (const Tensor& parameter : parameters_) {
    update_pieces_.push_back(update_.narrow(0, at, parameter.numel()).view(parameter.sizes()));
    at += parameter.numel();
  }
}

void FlatAdam::step(const Tensor& gradient, double learning_rate) {
  const at::NoGradGuard no_graph;
  ++steps_;
  const auto steps = static_cast<double>(steps_);
  const double first_bias = 1 - std::pow(kFirstDecay, steps);
  const double second_bias = 1 - std::pow(kSecondDecay, steps);
  first_.lerp_(gradient, 1 - kFirstDecay);
  second_.mul_(kSecondDecay).addcmul_(gradient, gradient, 1 - kSecondDecay);
  at::sqrt_out(update_, second_).div_(std::sqrt(second_bias)).add_(kEpsilon);
  at::div_out(update_, first_, update_).mul_(-learning_rate / first_bias);
  at::_foreach_add_(parameters_, update_pieces_);
}

void FlatAdam::save(NamedTensors& saved) const {
  saved.emplace_back("adam.first_moment", first_.clone());
  saved.emplace_back("adam.second_moment", second_.clone());
  saved.emplace_back("adam.steps", at::tensor(steps_, at::kLong));
}

void FlatAdam::restore(const NamedTensors& saved, const std::string& context) {
  const Tensor& first = find_tensor(saved, "adam.first_moment", context);
  const Tensor& second = find_tensor(saved, "adam.second_moment", context);
  require(first.sizes() == first_.sizes() && second.sizes() == second_.sizes() &&
              first.scalar_type() == first_.scalar_type() &&
              second.scalar_type() == second_.scalar_type(),
          "{}: the optimiser's moments do not fit this flow; resume with the options it was "
          "started with",
          context);
  steps_ = find_tensor(saved, "adam.steps", context).item<std::int64_t>();
  first_.copy_(first);
  second_.copy_(second);
}

}  // namespace ergon::internal
