#pragma once

#include <memory>
#include <vector>

#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/transformer.hpp"

namespace ergon {

/// y_m = f(x_m; θ(x_c, context)), y_c = x_c: the coordinates of a mask move under parameters that
/// the others determine (Dinh, Sohl-Dickstein, Bengio 2017, "Density estimation using Real NVP").
class Coupling final : public FlowLayer {
 public:
  /// mask: D truths, true where a coordinate moves. The conditioner maps the others, in their
  /// order, to K numbers per moving coordinate, (moving, K) row-major. Throws InvalidInput: a mask
  /// that moves none or all, sizes that do not fit.
  Coupling(std::vector<bool> mask,
           std::unique_ptr<Transformer> transformer,
           std::unique_ptr<Conditioner> conditioner);

  using FlowLayer::forward;
  using FlowLayer::inverse;
  std::int64_t dim() const override;
  std::int64_t context_dim() const override;
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  NamedTensors parameters() const override;

 private:
  struct Implementation;
  std::shared_ptr<const Implementation> implementation_;
};

}  // namespace ergon
