#include "ergon/flow/convolutional.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "activation.hpp"
#include "ergon/core/errors.hpp"
#include "images.hpp"
#include "parameters.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kWindow = 3;

/// A convolution that keeps rows and columns.
struct Convolution {
  Tensor weight, bias;

  std::int64_t padding() const { return weight.size(-1) / 2; }
  Tensor operator()(const Tensor& images) const {
    return at::conv2d(images, weight, bias, /*stride=*/1, padding());
  }
  /// The product of a cotangent with the derivative in the images; weights are left out.
  Tensor pull_back(const Tensor& images, const Tensor& cotangent) const {
    return std::get<0>(
        at::convolution_backward(cotangent, images, weight, at::OptionalIntArrayRef(),
                                 /*stride=*/{1, 1}, {padding(), padding()}, /*dilation=*/{1, 1},
                                 /*transposed=*/false, /*output_padding=*/{0, 0},
                                 /*groups=*/1, std::array<bool, 3>{true, false, false}));
  }
};

Convolution random_convolution(std::array<std::int64_t, 3> in_out_window,
                               double fan_in,
                               const Generator& generator) {
  const auto [in, out, window] = in_out_window;
  return {internal::uniform_parameter({out, in, window, window}, fan_in, generator),
          internal::zero_parameter({out})};
}

/// Between its ends the channels of a place lie side by side: oneDNN then needs two thirds of the
/// time.
class Convolutional final : public Conditioner {
 public:
  Convolutional(const ConvolutionalShape& shape,
                const NetworkOptions& options,
                const Generator& generator)
      : shape_(shape), activation_(options.activation) {
    const std::int64_t width = options.hidden;
    const double fan_in =
        static_cast<double>(kWindow * kWindow * shape.channels_in + shape.context_dim);
    layers_.push_back(random_convolution({shape.channels_in, width, kWindow}, fan_in, generator));
    if (shape.context_dim > 0) {
      context_weight_ = internal::uniform_parameter({width, shape.context_dim}, fan_in, generator);
    }
    for (std::int64_t i = 1; i < options.hidden_layers; ++i) {
      layers_.push_back(
          random_convolution({width, width, 1}, static_cast<double>(width), generator));
    }
    const std::int64_t out = shape.channels_out * shape.numbers_per_coordinate;
    layers_.push_back({internal::zero_parameter({out, width, kWindow, kWindow}),
                       internal::zero_parameter({out})});
  }

  std::int64_t input_dim() const override { return shape_.channels_in * places(); }
  std::int64_t context_dim() const override { return shape_.context_dim; }
  std::int64_t output_dim() const override {
    return shape_.channels_out * shape_.numbers_per_coordinate * places();
  }

  /// activations: the input as images, then those of the hidden layers, of which each is the next
  /// convolution's argument or tells it.
  Conditioned evaluate(const Tensor& input, const Tensor& context) const override {
    internal::require_layer_input("a convolutional network", input, input_dim(), context,
                                  shape_.context_dim);
    Tensor images = internal::as_images(input, shape_.channels_in, shape_.rows, shape_.columns)
                        .contiguous(at::MemoryFormat::ChannelsLast);
    Conditioned result{Tensor(), {images}};
    for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
      Tensor pre = layers_[i](images);
      if (i == 0 && shape_.context_dim > 0) pre = pre + of_context(context);
      images = internal::activate(activation_, pre);
      result.activations.push_back(internal::kept_for_derivative(activation_, pre, images));
    }
    result.output = internal::as_points(by_coordinate(layers_.back()(images)), input, output_dim());
    return result;
  }

  /// The convolutions read their argument's shape alone, which the activation has.
  Tensor pull_back(const Conditioned& at, const Tensor& cotangent) const override {
    const at::NoGradGuard no_grad;
    Tensor pulled = by_channel(cotangent);
    for (std::size_t i = layers_.size(); i-- > 0;) {
      pulled = layers_[i].pull_back(at.activations[i], pulled);
      if (i > 0) internal::pull_back_activation_(activation_, at.activations[i], pulled);
    }
    return internal::as_points(pulled, cotangent, input_dim());
  }

  NamedTensors parameters() const override {
    NamedTensors all;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      all.emplace_back(fmt::format("weight{}", i), layers_[i].weight);
      all.emplace_back(fmt::format("bias{}", i), layers_[i].bias);
    }
    if (shape_.context_dim > 0) all.emplace_back("context_weight", context_weight_);
    return all;
  }

 private:
  std::int64_t places() const { return shape_.rows * shape_.columns; }

  /// What the context adds to the first hidden layer, (N, width, 1, 1).
  Tensor of_context(const Tensor& context) const {
    const Tensor rows = context.reshape({-1, shape_.context_dim});
    return at::matmul(rows, context_weight_.t()).unsqueeze(-1).unsqueeze(-1);
  }

  /// Channels (coordinate's channel, K) -> K numbers of a coordinate side by side.
  Tensor by_coordinate(const Tensor& images) const {
    return images.permute({0, 2, 3, 1})
        .reshape({-1, places(), shape_.channels_out, shape_.numbers_per_coordinate})
        .transpose(1, 2);
  }
  Tensor by_channel(const Tensor& points) const {
    const std::int64_t numbers = shape_.numbers_per_coordinate;
    return points.reshape({-1, shape_.channels_out, places(), numbers})
        .transpose(1, 2)
        .reshape({-1, shape_.rows, shape_.columns, shape_.channels_out * numbers})
        .permute({0, 3, 1, 2});
  }

  ConvolutionalShape shape_;
  Activation activation_;
  std::vector<Convolution> layers_;
  Tensor context_weight_;
};

}  // namespace

std::unique_ptr<Conditioner> convolutional(const ConvolutionalShape& shape,
                                           const NetworkOptions& options,
                                           Generator generator) {
  require(shape.channels_in >= 1 && shape.channels_out >= 1 && shape.numbers_per_coordinate >= 1 &&
              shape.rows >= 1 && shape.columns >= 1 && shape.context_dim >= 0,
          "a convolutional network from {} to {} channels of {} x {} with {} numbers per "
          "coordinate and a context of {}: sizes must be positive",
          shape.channels_in, shape.channels_out, shape.rows, shape.columns,
          shape.numbers_per_coordinate, shape.context_dim);
  require(options.hidden >= 1 && options.hidden_layers >= 1,
          "a convolutional network needs hidden layers with channels, got {} of {}",
          options.hidden_layers, options.hidden);
  return std::make_unique<Convolutional>(shape, options, generator);
}

}  // namespace ergon
