#include "ergon/rl/mlp.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "passes.hpp"

namespace ergon {
namespace {

using passes::Finish;
using passes::Product;

/// Networks of fewer outputs take dot products in their last layer, without packing.
constexpr std::int64_t kNarrow = 4;

/// A row of an internal matrix: whole cache lines, and one more, so that a column does not fall
/// into few sets of the cache.
template <class Real>
std::int64_t padded(std::int64_t width) {
  constexpr std::int64_t kLine = internal::CacheLine<Real>::kCount;
  return (width + kLine - 1) / kLine * kLine + kLine;
}

Finish slope_of(MlpActivation activation) {
  if (activation == MlpActivation::kRelu) return Finish::kSlopeRelu;
  return activation == MlpActivation::kTanh ? Finish::kSlopeTanh : Finish::kSlopeElu;
}

/// Rows of a matrix from one on.
template <class Real>
struct Rows {
  const Real* data;
  std::int64_t stride;
};

}  // namespace

template <class Real>
void initialise_parameters(const MlpShape& shape, Pcg64& random, Real* parameters) {
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    for (std::int64_t i = 0; i < (in + 1) * out; ++i)
      *parameters++ = static_cast<Real>(random.uniform(-bound, bound));
  }
}

template <class Real>
struct Mlp<Real>::Members {
  using Numbers = internal::AlignedNumbers<Real>;

  MlpShape shape;
  std::int64_t max_rows, members;
  std::vector<Real> parameters, gradients;
  std::vector<Numbers> activated;  // by layer but the last: (members, max_rows, padded width)
  std::vector<Real> outputs;       // (members, max_rows, output)
  Numbers delta[2];                // (max_rows, padded widest layer)
  Numbers packed;                  // the right factor of a product
  Rows<Real> input{nullptr, 0};
  std::int64_t rows = 0;
  const passes::Functions<Real>& functions = passes::functions<Real>();

  const Real* weight(std::int64_t member, std::int64_t layer) const {
    return parameters.data() + member * shape.parameter_count() + shape.weight_offset(layer);
  }
  const Real* bias(std::int64_t member, std::int64_t layer) const {
    return parameters.data() + member * shape.parameter_count() + shape.bias_offset(layer);
  }
  Rows<Real> hidden(std::int64_t member, std::int64_t layer) const {
    const std::int64_t stride = padded<Real>(shape.layer_output(layer));
    return {internal::numbers_of(activated[static_cast<std::size_t>(layer)]) +
                member * max_rows * stride,
            stride};
  }
  Rows<Real> layer_input(std::int64_t member, std::int64_t layer) const {
    return layer == 0 ? input : hidden(member, layer - 1);
  }
  std::int64_t largest_packed() const;
  void multiply(Product<Real> product, const passes::RightFactor<Real>& right);
  void forward(std::int64_t member, std::int64_t layer);
  void to_parameters(std::int64_t member, std::int64_t layer, Rows<Real> delta);
  Rows<Real> to_layer_below(std::int64_t member, std::int64_t layer, Rows<Real> delta);
};

template <class Real>
Mlp<Real>::Mlp(MlpShape shape, std::int64_t max_rows, std::int64_t members)
    : members_(new Members{std::move(shape), max_rows, members, {}, {}, {}, {}, {}, {}}) {
  Members& m = *members_;
  m.shape.validate();
  require(max_rows >= 1, "a network needs room for at least 1 row, got {}", max_rows);
  require(members >= 1, "at least 1 network is needed, got {}", members);
  const auto count = static_cast<std::size_t>(members * m.shape.parameter_count());
  m.parameters.resize(count);
  m.gradients.resize(count);
  m.outputs.resize(static_cast<std::size_t>(members * max_rows * m.shape.output));
  std::int64_t widest = 0;
  for (const std::int64_t width : m.shape.hidden) {
    m.activated.push_back(
        internal::aligned_numbers<Real>(members * max_rows * padded<Real>(width)));
    widest = std::max(widest, width);
  }
  for (auto& room : m.delta)
    room = internal::aligned_numbers<Real>(max_rows * padded<Real>(widest));
  m.packed = internal::aligned_numbers<Real>(m.largest_packed());
}

template <class Real>
std::int64_t Mlp<Real>::Members::largest_packed() const {
  std::int64_t most = 0;
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    most = std::max({most, functions.packed_numbers(in, out), functions.packed_numbers(out, in),
                     functions.packed_numbers(max_rows, in)});
  }
  return most;
}

template <class Real>
Mlp<Real>::~Mlp() = default;
template <class Real>
Mlp<Real>::Mlp(Mlp&&) noexcept = default;
template <class Real>
Mlp<Real>& Mlp<Real>::operator=(Mlp&&) noexcept = default;

template <class Real>
const MlpShape& Mlp<Real>::shape() const {
  return members_->shape;
}
template <class Real>
std::int64_t Mlp<Real>::members() const {
  return members_->members;
}
template <class Real>
std::int64_t Mlp<Real>::max_rows() const {
  return members_->max_rows;
}
template <class Real>
std::vector<Real>& Mlp<Real>::parameters() {
  return members_->parameters;
}
template <class Real>
const std::vector<Real>& Mlp<Real>::parameters() const {
  return members_->parameters;
}
template <class Real>
std::vector<Real>& Mlp<Real>::gradients() {
  return members_->gradients;
}
template <class Real>
const std::vector<Real>& Mlp<Real>::gradients() const {
  return members_->gradients;
}
template <class Real>
const Real* Mlp<Real>::output(std::int64_t member) const {
  return members_->outputs.data() + member * members_->rows * members_->shape.output;
}

template <class Real>
void Mlp<Real>::Members::multiply(Product<Real> product, const passes::RightFactor<Real>& right) {
  Real* room = internal::numbers_of(packed);
  functions.pack(right, room);
  product.right = room;
  functions.multiply(product);
}

template <class Real>
void Mlp<Real>::Members::forward(std::int64_t member, std::int64_t layer) {
  const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
  const bool last = layer + 1 == shape.layers();
  const Rows<Real> from = layer_input(member, layer);
  Product<Real> product{rows, out, in, from.data, from.stride, false, nullptr, nullptr, out};
  product.finish = Finish::kBias;
  product.other = bias(member, layer);
  if (last) {
    product.out = outputs.data() + member * rows * out;
    if (out < kNarrow) return functions.multiply_narrow(product, weight(member, layer));
  } else {
    product.out_stride = hidden(member, layer).stride;
    product.out = const_cast<Real*>(hidden(member, layer).data);
    if (shape.activation == MlpActivation::kRelu) product.finish = Finish::kBiasRelu;
  }
  multiply(product, {weight(member, layer), in, true, in, out});
  if (last || shape.activation == MlpActivation::kRelu) return;
  const auto sweep = shape.activation == MlpActivation::kTanh ? functions.tanh : functions.elu;
  sweep(product.out, rows * product.out_stride);
}

template <class Real>
void Mlp<Real>::forward(const Real* input, std::int64_t stride, std::int64_t rows) {
  Members& m = *members_;
  require(rows >= 1 && rows <= m.max_rows, "a pass takes 1 to {} rows, got {}", m.max_rows, rows);
  m.input = {input, stride}, m.rows = rows;
  for (std::int64_t member = 0; member < m.members; ++member)
    for (std::int64_t layer = 0; layer < m.shape.layers(); ++layer) m.forward(member, layer);
}

// delta: the gradient in the layer's output before its activation.
template <class Real>
void Mlp<Real>::Members::to_parameters(std::int64_t member,
                                       std::int64_t layer,
                                       Rows<Real> delta_rows) {
  const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
  const Rows<Real> from = layer_input(member, layer);
  Real* of_weight =
      gradients.data() + member * shape.parameter_count() + shape.weight_offset(layer);
  multiply({out, in, rows, delta_rows.data, delta_rows.stride, true, nullptr, of_weight, in},
           {from.data, from.stride, false, rows, in});
  functions.sum_rows(delta_rows.data, delta_rows.stride, rows, out, of_weight + in * out);
}

template <class Real>
Rows<Real> Mlp<Real>::Members::to_layer_below(std::int64_t member,
                                              std::int64_t layer,
                                              Rows<Real> delta_rows) {
  const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
  const Rows<Real> below = hidden(member, layer - 1);
  Real* to = internal::numbers_of(delta[layer % 2]);
  Product<Real> product{rows,  in,      out, delta_rows.data, delta_rows.stride,
                        false, nullptr, to,  below.stride};
  product.finish = slope_of(shape.activation);
  product.other = below.data, product.other_stride = below.stride;
  multiply(product, {weight(member, layer), in, false, out, in});
  return {to, below.stride};
}

template <class Real>
void Mlp<Real>::backward(const Real* output_gradients) {
  Members& m = *members_;
  for (std::int64_t member = 0; member < m.members; ++member) {
    Rows<Real> delta{output_gradients + member * m.rows * m.shape.output, m.shape.output};
    for (std::int64_t layer = m.shape.layers() - 1; layer >= 0; --layer) {
      m.to_parameters(member, layer, delta);
      if (layer > 0) delta = m.to_layer_below(member, layer, delta);
    }
  }
}

template <class Real>
void Mlp<Real>::backward_input(const Real* output_gradients,
                               std::int64_t first,
                               std::int64_t last,
                               Real* input_gradient) {
  Members& m = *members_;
  require(0 <= first && first < last && last <= m.shape.input,
          "input columns {} to {} are not of a network of {} inputs", first, last, m.shape.input);
  const std::int64_t width = last - first, out = m.shape.layer_output(0);
  for (std::int64_t member = 0; member < m.members; ++member) {
    Rows<Real> delta{output_gradients + member * m.rows * m.shape.output, m.shape.output};
    for (std::int64_t layer = m.shape.layers() - 1; layer > 0; --layer)
      delta = m.to_layer_below(member, layer, delta);
    Product<Real> product{m.rows,  width,          out,  delta.data, delta.stride, false,
                          nullptr, input_gradient, width};
    product.finish = member == 0 ? Finish::kSet : Finish::kAdd;
    m.multiply(product, {m.weight(member, 0) + first, m.shape.input, false, out, width});
  }
}

template class Mlp<float>;
template class Mlp<double>;
template void initialise_parameters(const MlpShape&, Pcg64&, float*);
template void initialise_parameters(const MlpShape&, Pcg64&, double*);

}  // namespace ergon
