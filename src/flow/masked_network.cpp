#include "ergon/flow/masked_network.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "activation.hpp"
#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "parameters.hpp"
#include "triangular_sweep.hpp"

namespace ergon {
namespace {

using internal::SweepStage;
using internal::TriangularSweep;
using Counts = std::vector<std::int64_t>;

constexpr const char* kName = "a masked network";

/// Degrees of hidden units, ascending: spread evenly over all of them where units suffice, else
/// from the lowest to the highest.
Counts unit_degrees(std::int64_t dim, bool conditional, std::int64_t units) {
  const std::int64_t lowest = conditional || dim == 1 ? 0 : 1;
  const std::int64_t highest = dim - 1, count = highest - lowest + 1;
  Counts degrees;
  for (std::int64_t u = 0; u < units; ++u) {
    const std::int64_t above = units >= count ? u * count / units
                               : units > 1    ? u * (count - 1) / (units - 1)
                                              : count - 1;
    degrees.push_back(lowest + above);
  }
  return degrees;
}

/// [s] units of a degree below s, whose values the coordinates before s determine: dim + 1 numbers.
Counts units_below(const Counts& degrees, std::int64_t dim) {
  Counts below;
  for (std::int64_t s = 0; s <= dim; ++s) {
    below.push_back(std::lower_bound(degrees.begin(), degrees.end(), s) - degrees.begin());
  }
  return below;
}

/// {0, step, 2 step, …} from `first`.
Counts multiples(std::int64_t first, std::int64_t step, std::int64_t dim) {
  Counts all;
  for (std::int64_t s = 0; s <= dim; ++s) all.push_back(first + s * step);
  return all;
}

/// The way back: units that see coordinate D - s + 1 or a later one lie behind edge s.
Counts units_from_end(const Counts& below) {
  Counts edges{below.back()};
  edges.insert(edges.end(), below.rbegin(), below.rend() - 1);
  return edges;
}

Tensor as_rows(const Tensor& x) { return x.dim() == 2 ? x : x.reshape({-1, x.size(-1)}); }

/// (rows, d) with leading dimensions.
Tensor with_leading(const Tensor& rows, at::IntArrayRef leading) {
  auto sizes = leading.vec();
  sizes.push_back(rows.size(-1));
  return rows.view(sizes);
}

at::IntArrayRef leading_sizes(const Tensor& x) { return x.sizes().slice(0, x.dim() - 1); }

/// Ones where a weight may be, in the types that networks have.
struct Mask {
  Tensor wide;    ///< float64
  Tensor narrow;  ///< float32

  explicit Mask(const Tensor& allowed)
      : wide(allowed.to(at::kDouble)), narrow(allowed.to(at::kFloat)) {}

  Tensor like(const Tensor& weight) const {
    const Tensor& mask = weight.scalar_type() == at::kDouble ? wide : narrow;
    return mask.to(weight.options().requires_grad(false));
  }
};

/// A linear layer's parameters, (in, out) and (out), with the mask of the first.
struct MaskedLinear {
  Tensor weight;
  Tensor bias;
  Mask mask;

  Tensor masked() const { return weight * mask.like(weight); }
};

/// Every unit's weights and bias uniform with variance 1 / (its inputs).
MaskedLinear uniform_linear(const Tensor& allowed, const Generator& generator) {
  const at::NoGradGuard no_grad;
  const Mask mask(allowed);
  const Tensor scale = mask.wide.sum(0).clamp_min_(1).rsqrt_();
  const Tensor weight = internal::uniform_parameter(allowed.sizes(), 1.0, generator);
  const Tensor bias = internal::uniform_parameter({allowed.size(1)}, 1.0, generator);
  return {internal::as_parameter(weight.detach() * scale * mask.wide),
          internal::as_parameter(bias.detach() * scale), mask};
}

Tensor column_of(const Counts& numbers) {
  return at::tensor(numbers, at::TensorOptions().dtype(at::kLong)).unsqueeze(1);
}

/// The network's outputs, or their derivative along a tangent.
class ForwardSweep final : public MaskedNetwork::Forwards {
 public:
  ForwardSweep(TriangularSweep sweep, Counts leading)
      : sweep_(std::move(sweep)), leading_(std::move(leading)) {}

  Tensor outputs(std::int64_t i) override {
    ERGON_CHECK(i == sweep_.step(), "outputs({}) asked for, {} is next", i, sweep_.step());
    const at::NoGradGuard no_grad;
    return with_leading(sweep_.next().t(), leading_);
  }

  void set(std::int64_t i, const Tensor& value) override {
    ERGON_CHECK(i + 1 == sweep_.step(), "set({}) called, {} is next", i, sweep_.step() - 1);
    const at::NoGradGuard no_grad;
    sweep_.input_rows(i).copy_(value.reshape({1, -1}));
  }

 private:
  TriangularSweep sweep_;
  Counts leading_;
};

class BackwardSweep final : public MaskedNetwork::Backwards {
 public:
  BackwardSweep(TriangularSweep sweep, std::int64_t dim, Counts leading)
      : sweep_(std::move(sweep)), dim_(dim), leading_(std::move(leading)) {}

  void set(std::int64_t j, const Tensor& cotangent) override {
    ERGON_CHECK(dim_ - j == sweep_.step(), "set({}) called, {} is next", j, dim_ - sweep_.step());
    const at::NoGradGuard no_grad;
    sweep_.input_rows(dim_ - 1 - j).copy_(as_rows(cotangent).t());
  }

  Tensor input(std::int64_t i) override {
    const std::int64_t next = dim_ - 1 - sweep_.step();
    ERGON_CHECK(i == next, "input({}) asked for, {} is next", i, next);
    const at::NoGradGuard no_grad;
    return sweep_.next().view(leading_);
  }

 private:
  TriangularSweep sweep_;
  std::int64_t dim_;
  Counts leading_;
};

/// How the network's numbers stand in a row.
struct Layout {
  std::int64_t dim = 0;
  std::int64_t outputs = 0;  ///< K
  std::int64_t context = 0;  ///< C
  Activation activation = Activation::kTanh;
  Counts units;  ///< units_below
};

class LinearisedNetwork final : public MaskedNetwork::Linearised {
 public:
  /// weights: (in, out), the first without the context's rows. They are not copied.
  LinearisedNetwork(Layout layout, std::vector<Tensor> weights, const Conditioned& at)
      : layout_(std::move(layout)), weights_(std::move(weights)) {
    const at::NoGradGuard no_grad;
    for (const Tensor& kept : at.activations) {
      kept_.push_back(as_rows(kept.detach()).t().contiguous());
    }
    for (const Tensor& weight : weights_) versions_.push_back(weight._version());
    leading_ = leading_sizes(at.output).vec();
    count_ = c10::multiply_integers(leading_);
  }

  std::unique_ptr<MaskedNetwork::Backwards> backwards() const override {
    const at::NoGradGuard no_grad;
    require_unchanged();
    const auto& [dim, outputs, context, activation, units] = layout_;
    std::vector<SweepStage> stages;
    for (std::size_t l = kept_.size(); l > 0; --l) {
      stages.push_back({weights_[l], {}, kept_[l - 1], units_from_end(units)});
    }
    stages.push_back({weights_[0], {}, {}, multiples(dim, -1, dim)});
    const std::int64_t numbers = dim * outputs;
    const Tensor input = at::empty({numbers, count_}, weights_[0].options());
    return std::make_unique<BackwardSweep>(
        TriangularSweep(input, multiples(numbers, -outputs, dim), std::move(stages), activation),
        dim, leading_);
  }

  std::unique_ptr<MaskedNetwork::Forwards> tangents() const override {
    const at::NoGradGuard no_grad;
    require_unchanged();
    const auto& [dim, outputs, context, activation, units] = layout_;
    std::vector<SweepStage> stages;
    for (std::size_t l = 0; l < kept_.size(); ++l) {
      stages.push_back({weights_[l].t(), {}, kept_[l], units});
    }
    stages.push_back({weights_.back().t(), {}, {}, multiples(0, outputs, dim)});
    const Tensor input = at::empty({dim, count_}, weights_[0].options());
    return std::make_unique<ForwardSweep>(
        TriangularSweep(input, multiples(0, 1, dim), std::move(stages), activation), leading_);
  }

 private:
  void require_unchanged() const {
    for (std::size_t l = 0; l < weights_.size(); ++l) {
      require(static_cast<std::int64_t>(weights_[l]._version()) == versions_[l],
              "a masked network's weights were changed in place after it was evaluated, before the "
              "derivatives were taken; take them first");
    }
  }

  Layout layout_;
  std::vector<Tensor> weights_;
  std::vector<Tensor> kept_;  // (units, N)
  Counts versions_;
  Counts leading_;
  std::int64_t count_ = 0;
};

}  // namespace

struct MaskedNetwork::Implementation {
  Layout layout;
  std::vector<MaskedLinear> linear;  // hidden layers, then the last

  Implementation(Layout given, const NetworkOptions& options, const Generator& generator)
      : layout(std::move(given)) {
    const Counts degrees = unit_degrees(layout.dim, layout.context > 0, options.hidden);
    layout.units = units_below(degrees, layout.dim);
    const Tensor units = column_of(degrees);
    Counts input(static_cast<std::size_t>(layout.dim + layout.context), 0), output;
    for (std::int64_t i = 0; i < layout.dim; ++i) {
      input[static_cast<std::size_t>(i)] = i + 1;
      output.insert(output.end(), static_cast<std::size_t>(layout.outputs), i);
    }
    linear.push_back(uniform_linear(column_of(input) <= units.t(), generator));
    for (std::int64_t l = 1; l < options.hidden_layers; ++l) {
      linear.push_back(uniform_linear(units <= units.t(), generator));
    }
    const Tensor allowed = units <= column_of(output).t();
    linear.push_back({internal::zero_parameter(allowed.sizes()),
                      internal::zero_parameter({allowed.size(1)}), Mask(allowed)});
  }

  /// Without a graph, of the first layer the coordinates' rows alone.
  std::vector<Tensor> masked_weights() const {
    std::vector<Tensor> all;
    for (const MaskedLinear& layer : linear) all.push_back(layer.masked().detach());
    all[0] = all[0].narrow(0, 0, layout.dim);
    return all;
  }
  /// What sweeps read, since they never meet a masked entry.
  std::vector<Tensor> weights() const {
    std::vector<Tensor> all;
    for (const MaskedLinear& layer : linear) all.push_back(layer.weight.detach());
    all[0] = all[0].narrow(0, 0, layout.dim);
    return all;
  }
};

MaskedNetwork::MaskedNetwork(std::int64_t dim,
                             std::int64_t outputs_per_coordinate,
                             std::int64_t context_dim,
                             const NetworkOptions& options,
                             Generator generator) {
  require(
      dim >= 1 && outputs_per_coordinate >= 1 && context_dim >= 0,
      "a masked network of {} coordinates with {} numbers each and a context of {}: coordinates "
      "and numbers must be at least 1, the context not negative",
      dim, outputs_per_coordinate, context_dim);
  require(options.hidden >= 1 && options.hidden_layers >= 1,
          "a masked network of {} hidden layers of width {}: both must be at least 1",
          options.hidden_layers, options.hidden);
  implementation_ = std::make_unique<Implementation>(
      Layout{dim, outputs_per_coordinate, context_dim, options.activation, {}}, options, generator);
}

MaskedNetwork::~MaskedNetwork() = default;

std::int64_t MaskedNetwork::input_dim() const { return implementation_->layout.dim; }

std::int64_t MaskedNetwork::context_dim() const { return implementation_->layout.context; }

std::int64_t MaskedNetwork::output_dim() const {
  return implementation_->layout.dim * implementation_->layout.outputs;
}

Conditioned MaskedNetwork::evaluate(const Tensor& input, const Tensor& context) const {
  const auto& [layout, linear] = *implementation_;
  internal::require_layer_input(kName, input, layout.dim, context, layout.context);
  Conditioned result;
  Tensor h = as_rows(layout.context == 0 ? input : at::cat({input, context}, -1));
  for (std::size_t l = 0; l + 1 < linear.size(); ++l) {
    const Tensor pre = at::addmm(linear[l].bias, h, linear[l].masked());
    h = internal::activate(layout.activation, pre);
    result.activations.push_back(internal::kept_for_derivative(layout.activation, pre, h));
  }
  const Tensor output = at::addmm(linear.back().bias, h, linear.back().masked());
  result.output = input.dim() == 2 ? output : with_leading(output, leading_sizes(input));
  return result;
}

Tensor MaskedNetwork::pull_back(const Conditioned& at, const Tensor& cotangent) const {
  const at::NoGradGuard no_grad;
  const auto weights = implementation_->masked_weights();
  Tensor c = at::mm(as_rows(cotangent), weights.back().t());
  for (std::size_t l = weights.size() - 1; l > 0; --l) {
    internal::pull_back_activation_(implementation_->layout.activation, at.activations[l - 1], c);
    c = at::mm(c, weights[l - 1].t());
  }
  return with_leading(c, leading_sizes(cotangent));
}

NamedTensors MaskedNetwork::parameters() const {
  NamedTensors all;
  for (std::size_t l = 0; l < implementation_->linear.size(); ++l) {
    all.emplace_back(fmt::format("weight_{}", l), implementation_->linear[l].weight);
    all.emplace_back(fmt::format("bias_{}", l), implementation_->linear[l].bias);
  }
  return all;
}

std::unique_ptr<MaskedNetwork::Forwards> MaskedNetwork::forwards(const Tensor& like,
                                                                 const Tensor& context) const {
  const at::NoGradGuard no_grad;
  const auto& [layout, linear] = *implementation_;
  const auto& [dim, outputs, context_dim, activation, units] = layout;
  internal::require_layer_input(kName, like, dim, context, context_dim);
  const Counts leading = leading_sizes(like).vec();
  const std::int64_t count = c10::multiply_integers(leading);
  const auto weights = implementation_->weights();
  std::vector<SweepStage> stages;
  for (std::size_t l = 0; l < linear.size(); ++l) {
    stages.push_back({weights[l].t(), linear[l].bias.detach().unsqueeze(1), {}, units});
  }
  stages.back().edges = multiples(0, outputs, dim);
  if (context_dim > 0) {  // all units see it, so it counts as bias
    const Tensor seen = linear[0].weight.narrow(0, dim, context_dim).t();
    stages[0].start = at::addmm(stages[0].start, seen, as_rows(context).t());
  }
  const Tensor input = at::empty({dim, count}, like.options().requires_grad(false));
  return std::make_unique<ForwardSweep>(
      TriangularSweep(input, multiples(0, 1, dim), std::move(stages), activation), leading);
}

std::shared_ptr<const MaskedNetwork::Linearised> MaskedNetwork::linearised(
    const Conditioned& at) const {
  return std::make_shared<LinearisedNetwork>(implementation_->layout, implementation_->weights(),
                                             at);
}

std::unique_ptr<MaskedNetwork::Backwards> MaskedNetwork::backwards(const Conditioned& at) const {
  return linearised(at)->backwards();
}

}  // namespace ergon
