#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ergon/flow/conditioner.hpp"

namespace ergon {

/// A network from D coordinates to K numbers for each, of which those of coordinate i depend on the
/// coordinates before i alone (Germain, Gregor, Murray, Larochelle 2015, "MADE"). Hidden units are
/// sorted by their degree, the number of coordinates they see, so that what a coordinate adds is a
/// slice. Degrees are spread evenly over 1 … D-1, and over 0 … D-1 where there is a context, which
/// all units see: those of degree 0 see nothing else. Weights of a unit are uniform with variance
/// 1/(its inputs) before training, the last layer's zero.
class MaskedNetwork final : public Conditioner {
 public:
  /// output: (..., n, D · K), coordinate by coordinate. Throws InvalidInput: sizes below 1, a
  /// context_dim below 0.
  MaskedNetwork(std::int64_t dim,
                std::int64_t outputs_per_coordinate,
                std::int64_t context_dim,
                const NetworkOptions& options,
                Generator generator);
  ~MaskedNetwork() override;

  std::int64_t input_dim() const override;
  std::int64_t context_dim() const override;
  std::int64_t output_dim() const override;
  Conditioned evaluate(const Tensor& input, const Tensor& context) const override;
  Tensor pull_back(const Conditioned& at, const Tensor& cotangent) const override;
  NamedTensors parameters() const override;

  /// The network's outputs one coordinate after the other, without a graph, at the cost of one
  /// pass in all. `outputs` and `set` alternate; other orders throw BrokenPromise.
  class Forwards {
   public:
    virtual ~Forwards() = default;
    /// The numbers of coordinate i, (..., n, K), once `set` was called for 0 … i-1.
    virtual Tensor outputs(std::int64_t i) = 0;
    /// Says what coordinate i is, (..., n).
    virtual void set(std::int64_t i, const Tensor& value) = 0;
  };
  /// `like` (..., n, D) gives shape, type and device.
  std::unique_ptr<Forwards> forwards(const Tensor& like, const Tensor& context) const;

  /// The vector-Jacobian product one coordinate after the other, from the last to the first,
  /// without a graph, at the cost of one pass in all. `input` and `set` alternate.
  class Backwards {
   public:
    virtual ~Backwards() = default;
    /// Says what the cotangent of coordinate j's numbers is, (..., n, K).
    virtual void set(std::int64_t j, const Tensor& cotangent) = 0;
    /// The product's component at input i, (..., n), once `set` was called for D-1 … i+1.
    virtual Tensor input(std::int64_t i) = 0;
  };
  std::unique_ptr<Backwards> backwards(const Conditioned& at) const;

  /// The derivative ∂output/∂input at an evaluation, without a graph. The network may go; weights
  /// that changed in place since are InvalidInput.
  class Linearised {
   public:
    virtual ~Linearised() = default;
    /// Its transpose, applied as Backwards says.
    virtual std::unique_ptr<Backwards> backwards() const = 0;
    /// Itself, applied as Forwards says: `set` takes a tangent's coordinates, `outputs` gives those
    /// of its image.
    virtual std::unique_ptr<Forwards> tangents() const = 0;
  };
  std::shared_ptr<const Linearised> linearised(const Conditioned& at) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ergon
