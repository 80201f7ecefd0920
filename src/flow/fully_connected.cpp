#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "activation.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/flow/conditioner.hpp"
#include "layer_input.hpp"
#include "parameters.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "a fully connected network";

/// h -> h W + b: weights are stored (in, out), so that neither pass transposes a view of them.
struct Linear {
  Tensor weight;  ///< (in, out)
  Tensor bias;    ///< (out)
};

/// (..., d) as (rows, d). -1 for the rows, so that a trace holds for any number of them.
Tensor as_rows(const Tensor& x) { return x.dim() == 2 ? x : x.reshape({-1, x.size(-1)}); }

/// (rows, d) with the leading dimensions of `like`.
Tensor with_leading_of(const Tensor& like, const Tensor& rows) {
  if (like.dim() == 2) return rows;
  auto sizes = like.sizes().vec();
  sizes.back() = rows.size(-1);
  return rows.view(sizes);
}

class FullyConnected final : public Conditioner {
 public:
  FullyConnected(const ConditionerShape& shape, const NetworkOptions& options, Generator generator)
      : shape_(shape), activation_(options.activation) {
    std::int64_t fan_in = shape.input_dim + shape.context_dim;
    for (std::int64_t l = 0; l < options.hidden_layers; ++l) {
      const auto inputs = static_cast<double>(fan_in);
      Tensor weight = internal::uniform_parameter({fan_in, options.hidden}, inputs, generator);
      hidden_.push_back(
          {std::move(weight), internal::uniform_parameter({options.hidden}, inputs, generator)});
      fan_in = options.hidden;
    }
    last_ = {internal::zero_parameter({fan_in, shape.output_dim}),
             internal::zero_parameter({shape.output_dim})};
  }

  std::int64_t input_dim() const override { return shape_.input_dim; }
  std::int64_t context_dim() const override { return shape_.context_dim; }
  std::int64_t output_dim() const override { return shape_.output_dim; }

  Conditioned evaluate(const Tensor& input, const Tensor& context) const override {
    internal::require_layer_input(kName, input, shape_.input_dim, context, shape_.context_dim);
    Conditioned result;
    Tensor h = as_rows(shape_.context_dim == 0 ? input : at::cat({input, context}, -1));
    for (const Linear& linear : hidden_) {
      const Tensor pre = at::addmm(linear.bias, h, linear.weight);
      h = internal::activate(activation_, pre);
      result.activations.push_back(internal::kept_for_derivative(activation_, pre, h));
    }
    result.output = with_leading_of(input, at::addmm(last_.bias, h, last_.weight));
    return result;
  }

  /// c Wᵀ, then for every hidden layer downwards (c ∘ σ') Wᵀ; of the first layer's rows those of
  /// the input alone.
  Tensor pull_back(const Conditioned& at, const Tensor& cotangent) const override {
    const at::NoGradGuard no_grad;
    Tensor c = at::mm(as_rows(cotangent), last_.weight.t());
    for (std::size_t l = hidden_.size(); l-- > 0;) {
      internal::pull_back_activation_(activation_, at.activations[l], c);
      const Tensor& weight = hidden_[l].weight;
      c = at::mm(c, (l > 0 ? weight : weight.narrow(0, 0, shape_.input_dim)).t());
    }
    return with_leading_of(cotangent, c);
  }

  NamedTensors parameters() const override {
    NamedTensors all;
    for (std::size_t l = 0; l <= hidden_.size(); ++l) {
      const Linear& linear = l < hidden_.size() ? hidden_[l] : last_;
      all.emplace_back(fmt::format("weight_{}", l), linear.weight);
      all.emplace_back(fmt::format("bias_{}", l), linear.bias);
    }
    return all;
  }

 private:
  ConditionerShape shape_;
  Activation activation_;
  std::vector<Linear> hidden_;
  Linear last_;
};

}  // namespace

std::unique_ptr<Conditioner> fully_connected(const ConditionerShape& shape,
                                             const NetworkOptions& options,
                                             Generator generator) {
  require(shape.input_dim >= 1 && shape.context_dim >= 0 && shape.output_dim >= 1,
          "a network from {} inputs and {} context numbers to {} outputs: inputs and outputs must "
          "be at least 1, the context not negative",
          shape.input_dim, shape.context_dim, shape.output_dim);
  require(options.hidden >= 1 && options.hidden_layers >= 1,
          "a network of {} hidden layers of width {}: both must be at least 1",
          options.hidden_layers, options.hidden);
  return std::make_unique<FullyConnected>(shape, options, std::move(generator));
}

}  // namespace ergon
