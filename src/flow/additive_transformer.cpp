#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "ergon/flow/transformer.hpp"

namespace ergon {
namespace {

/// f(x) = x + θ. Its slope is 1 everywhere.
class AdditiveTransformer final : public Transformer {
 public:
  std::int64_t parameters_per_coordinate() const override { return 1; }

  Transformed forward(const Tensor& x, const Tensor& theta) const override {
    return {x + theta.squeeze(-1), at::zeros_like(x)};
  }

  Transformed inverse(const Tensor& y, const Tensor& theta) const override {
    return {y - theta.squeeze(-1), at::zeros_like(y)};
  }

  Tensor slope(const Tensor&, const Tensor&, Direction) const override { return {}; }

  Tensor pull_back(
      const Tensor&, const Tensor&, const Tensor& a, double, Direction direction) const override {
    const at::NoGradGuard no_grad;
    const Tensor cotangent = a.detach().unsqueeze(-1);
    return direction == Direction::kForward ? cotangent : cotangent.neg();
  }
};

}  // namespace

std::unique_ptr<Transformer> additive_transformer() {
  return std::make_unique<AdditiveTransformer>();
}

}  // namespace ergon
