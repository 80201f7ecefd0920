#pragma once

#include <string>
#include <vector>

#include "ergon/core/tensor_io.hpp"

namespace ergon::internal {

/// Adam (Kingma, Ba 2015, algorithm 1; β = 0.9, 0.999, ε = 1e-8) on parameters that are many small
/// tensors: moments and update are one flat vector, so an iteration is a dozen operations however
/// many tensors there are.
class FlatAdam {
 public:
  /// Handles of leaves of one type on one device.
  explicit FlatAdam(std::vector<Tensor> parameters);
  /// One step down a flat gradient (P), the parameters' side by side in their order.
  void step(const Tensor& gradient, double learning_rate);
  std::int64_t size() const { return first_.size(0); }

  /// Appends the moments and the number of steps; they come back to the same bits.
  void save(NamedTensors& saved) const;
  /// Throws InvalidInput naming `context`.
  void restore(const NamedTensors& saved, const std::string& context);

 private:
  std::vector<Tensor> parameters_;
  Tensor first_, second_;              // (P) moments
  Tensor update_;                      // (P)
  std::vector<Tensor> update_pieces_;  // views of update_ in the parameters' shapes
  std::int64_t steps_ = 0;
};

}  // namespace ergon::internal
