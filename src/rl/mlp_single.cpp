#include <algorithm>
#include <utility>

#include "ergon/rl/mlp.hpp"
#include "passes.hpp"

namespace ergon {
namespace {

template <class Real>
std::int64_t whole_lines(std::int64_t width) {
  constexpr std::int64_t kLine = internal::CacheLine<Real>::kCount;
  return (width + kLine - 1) / kLine * kLine;
}

/// Writes the indices of the numbers that are not zero; returns how many.
template <class Real>
std::int64_t choose_nonzero(const Real* numbers, std::int64_t count, std::int32_t* chosen) {
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    chosen[found] = static_cast<std::int32_t>(i);
    found += numbers[i] != 0;
  }
  return found;
}

}  // namespace

template <class Real>
MlpSingle<Real>::MlpSingle(MlpShape shape, const Real* parameters) : shape_(std::move(shape)) {
  shape_.validate();
  std::int64_t size = 0, widest = 0;
  for (std::int64_t layer = 0; layer < shape_.layers(); ++layer) {
    const std::int64_t in = shape_.layer_input(layer), out = shape_.layer_output(layer);
    offsets_.push_back(size);
    size += (in + 1) * whole_lines<Real>(out);
    widest = std::max({widest, in, whole_lines<Real>(out)});
  }
  transposed_ = internal::aligned_numbers<Real>(size);
  for (auto& room : activated_) room = internal::aligned_numbers<Real>(widest);
  chosen_.resize(static_cast<std::size_t>(widest));
  assign(parameters);
}

template <class Real>
void MlpSingle<Real>::assign(const Real* parameters) {
  for (std::int64_t layer = 0; layer < shape_.layers(); ++layer) {
    const std::int64_t in = shape_.layer_input(layer), out = shape_.layer_output(layer);
    const std::int64_t stride = whole_lines<Real>(out);
    const Real* weight = parameters + shape_.weight_offset(layer);
    Real* to = internal::numbers_of(transposed_) + offsets_[static_cast<std::size_t>(layer)];
    for (std::int64_t o = 0; o < out; ++o)
      for (std::int64_t i = 0; i < in; ++i) to[i * stride + o] = weight[o * in + i];
    std::copy_n(weight + in * out, out, to + in * stride);
  }
}

template <class Real>
void MlpSingle<Real>::evaluate(const Real* input, Real* output) {
  const passes::Functions<Real>& functions = passes::functions<Real>();
  for (std::int64_t layer = 0; layer < shape_.layers(); ++layer) {
    const std::int64_t in = shape_.layer_input(layer), out = shape_.layer_output(layer);
    const std::int64_t stride = whole_lines<Real>(out);
    const Real* weight =
        internal::numbers_of(transposed_) + offsets_[static_cast<std::size_t>(layer)];
    const std::int64_t count = choose_nonzero(input, in, chosen_.data());
    Real* to = internal::numbers_of(activated_[layer % 2]);
    functions.single_layer({weight, stride, input, chosen_.data(), count, weight + in * stride},
                           to);
    input = to;
    if (layer + 1 == shape_.layers()) {
      std::copy_n(to, out, output);
    } else if (shape_.activation == MlpActivation::kRelu) {
      for (std::int64_t o = 0; o < out; ++o) to[o] = to[o] < 0 ? Real(0) : to[o];
    } else {
      (shape_.activation == MlpActivation::kTanh ? functions.tanh : functions.elu)(to, out);
    }
  }
}

template class MlpSingle<float>;
template class MlpSingle<double>;

}  // namespace ergon
