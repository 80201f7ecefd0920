#pragma once

#include <memory>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// A constant of a density (a mean, a data matrix): kept in float64 on the CPU, handed out in the
/// precision and on the device of the points it meets. Conversions are made once and remembered;
/// copies of a Constant share them. Thread-safe.
class Constant {
 public:
  explicit Constant(const Tensor& value);

  /// The float64 CPU original.
  const Tensor& exact() const;
  /// The constant in x's dtype and on x's device. No graph.
  Tensor like(const Tensor& x) const;

 private:
  struct Copies;
  std::shared_ptr<Copies> copies_;
};

}  // namespace ergon
