#pragma once

#include <cstdint>
#include <vector>

/// What the sweeps and products of src/rl/lanes share with their callers.
namespace ergon::passes {

/// What becomes of a sum before it is written: `other` is a bias (columns) or activations y of the
/// output's shape, by which f'(x) is told.
enum class Finish { kSet, kAdd, kBias, kBiasRelu, kSlopeRelu, kSlopeTanh, kSlopeElu };

/// out(i, j) = finish(sum_k left(i, k) right(k, j)).
template <class Real>
struct Product {
  std::int64_t rows, columns, inner;
  const Real* left;  ///< left(i, k) = left[i stride + k], or transposed left[k stride + i]
  std::int64_t left_stride;
  bool left_transposed;
  const Real* right;  ///< packed
  Real* out;
  std::int64_t out_stride;
  Finish finish = Finish::kSet;
  const Real* other = nullptr;
  std::int64_t other_stride = 0;
};

/// A right factor to be packed: right(k, j) = data[k stride + j], or transposed data[j stride + k].
template <class Real>
struct RightFactor {
  const Real* data;
  std::int64_t stride;
  bool transposed;
  std::int64_t inner, columns;
};

/// Scalars of one step of Adam: m <- beta1 m + rest1 g, v <- beta2 v + rest2 g^2,
/// p <- p - size m / (sqrt(v) + epsilon).
template <class Real>
struct AdamStep {
  Real beta1, rest1, beta2, rest2;  ///< rest = 1 - beta
  Real size;                        ///< learning rate sqrt(1 - beta2^t) / (1 - beta1^t)
  Real epsilon;                     ///< of the options, times sqrt(1 - beta2^t)
};
template <class Real>
struct AdamNumbers {
  Real *first, *second, *parameters;
};

/// A layer of MlpSingle: weight (inputs, stride), transposed, rows padded to whole cache lines;
/// then bias (stride).
template <class Real>
struct SingleLayer {
  const Real* weight;
  std::int64_t stride;
  const Real* input;
  const std::int32_t* chosen;  ///< inputs that are not zero
  std::int64_t count;          ///< of them
  const Real* bias;
};

/// A block of draws of a squashed Gaussian, number by number.
template <class Real>
struct SquashedBlock {
  static constexpr std::int64_t kCount = 256;
  alignas(64) Real mean[kCount], log_stddev[kCount], noise[kCount];
  alignas(64) Real action[kCount];       ///< tanh(u)
  alignas(64) Real log_density[kCount];  ///< summand of log pi(a)
  alignas(64) Real spread[kCount];       ///< sigma noise
  alignas(64) Real slope[kCount];        ///< 1 - tanh(u)^2
};

/// The passes for one instruction set.
template <class Real>
struct Functions {
  /// Numbers that a packed right factor takes.
  std::int64_t (*packed_numbers)(std::int64_t inner, std::int64_t columns);
  void (*pack)(const RightFactor<Real>&, Real* packed);
  void (*multiply)(const Product<Real>&);
  /// out(i, j) = bias(j) + sum_k left(i, k) weight(j, k), for few columns; nothing is packed.
  void (*multiply_narrow)(const Product<Real>&, const Real* weight);
  /// out(j) = sum of the rows of (rows, columns) with a stride.
  void (*sum_rows)(
      const Real* in, std::int64_t stride, std::int64_t rows, std::int64_t columns, Real* out);
  void (*tanh)(Real* numbers, std::int64_t count);
  void (*elu)(Real* numbers, std::int64_t count);
  void (*adam)(const AdamStep<Real>&,
               std::int64_t count,
               const Real* gradients,
               const AdamNumbers<Real>&);
  void (*move_towards)(const Real* source, Real share, std::int64_t count, Real* target);
  void (*single_layer)(const SingleLayer<Real>&, Real* out);
  /// From mean, log_stddev and noise the rest; the arrays are taken whole vectors at a time.
  void (*squash)(SquashedBlock<Real>& block, std::int64_t count);
};

/// For vectors of 64, 32 or 16 bytes; null where this machine has none.
template <class Real>
const Functions<Real>* functions_of(int vector_bytes);

/// The widest of this machine.
template <class Real>
const Functions<Real>& functions();

}  // namespace ergon::passes
