#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ergon/core/pcg64.hpp"
#include "ergon/rl/mlp_options.hpp"

namespace ergon {

namespace internal {
/// Numbers from a multiple of 64 bytes on, for vectors of any width.
template <class Real>
struct alignas(64) CacheLine {
  static constexpr std::int64_t kCount = 64 / sizeof(Real);
  Real numbers[kCount] = {};
};
template <class Real>
using AlignedNumbers = std::vector<CacheLine<Real>>;
template <class Real>
AlignedNumbers<Real> aligned_numbers(std::int64_t count) {
  constexpr std::int64_t kCount = CacheLine<Real>::kCount;
  return AlignedNumbers<Real>(static_cast<std::size_t>((count + kCount - 1) / kCount));
}
template <class Real>
Real* numbers_of(AlignedNumbers<Real>& lines) {
  return lines.data()->numbers;
}
template <class Real>
const Real* numbers_of(const AlignedNumbers<Real>& lines) {
  return lines.data()->numbers;
}
}  // namespace internal

/// U(-1/sqrt(in), 1/sqrt(in)) for weights and biases of every layer, torch.nn.Linear's default.
template <class Real>
void initialise_parameters(const MlpShape& shape, Pcg64& random, Real* parameters);

/// Forward and backward passes of a fully connected network by hand, over row-major matrices: a
/// product a layer, with bias, activation and its derivative while the sums are in registers, on
/// the widest vectors of the machine; no allocation after construction. `members` networks of one
/// shape on the same input (twin critics) share a pass. The same bits whenever it is repeated on
/// one machine. Real: float or double.
template <class Real>
class Mlp {
 public:
  /// Room for passes of up to `max_rows` rows. Parameters are zero. Throws InvalidInput: shape,
  /// rows or members below 1.
  Mlp(MlpShape shape, std::int64_t max_rows, std::int64_t members = 1);
  ~Mlp();
  Mlp(Mlp&&) noexcept;
  Mlp& operator=(Mlp&&) noexcept;

  const MlpShape& shape() const;
  std::int64_t members() const;
  std::int64_t max_rows() const;
  /// All members' parameters, member after member, each as MlpShape lays them out.
  std::vector<Real>& parameters();
  const std::vector<Real>& parameters() const;
  /// Of the same layout; written by backward.
  std::vector<Real>& gradients();
  const std::vector<Real>& gradients() const;

  /// Outputs of every member at `rows` inputs: input is (rows x shape.input) with `stride` numbers
  /// from one row to the next. Keeps what backward needs; the input must stay as it is until then.
  /// Output of member m: (rows x shape.output) at output(m).
  void forward(const Real* input, std::int64_t stride, std::int64_t rows);
  const Real* output(std::int64_t member) const;

  /// Back through the last forward. `output_gradients`: members x (rows x shape.output).
  /// Overwrites gradients().
  void backward(const Real* output_gradients);
  /// The gradient of the same in the input alone, summed over the members; parameters' gradients
  /// are neither computed nor touched. input_gradient: (rows x (last - first)), columns
  /// first, …, last - 1 of the input (the actions of [observation, action]).
  void backward_input(const Real* output_gradients,
                      std::int64_t first,
                      std::int64_t last,
                      Real* input_gradient);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// One network at one input, for acting: microseconds, no allocation, safe on any thread that owns
/// the object. Keeps a transposed copy of the parameters; inputs of a layer that are zero cost
/// nothing.
template <class Real>
class MlpSingle {
 public:
  /// `parameters`: shape.parameter_count() numbers, copied.
  MlpSingle(MlpShape shape, const Real* parameters);
  /// Takes over new numbers of the same shape.
  void assign(const Real* parameters);
  /// output: (shape.output).
  void evaluate(const Real* input, Real* output);
  const MlpShape& shape() const { return shape_; }

 private:
  MlpShape shape_;
  std::vector<std::int64_t> offsets_;          // of the layers in transposed_
  internal::AlignedNumbers<Real> transposed_;  // weight (in, padded out), bias (padded out)
  internal::AlignedNumbers<Real> activated_[2];
  std::vector<std::int32_t> chosen_;  // inputs of a layer that are not zero
};

}  // namespace ergon
