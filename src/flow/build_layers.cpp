#include "build_layers.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/flow/autoregressive.hpp"
#include "ergon/flow/box.hpp"
#include "ergon/flow/composition.hpp"
#include "ergon/flow/coupling.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "ergon/flow/glow.hpp"
#include "ergon/flow/linear_map.hpp"
#include "ergon/flow/permutation.hpp"
#include "ergon/flow/planar.hpp"
#include "ergon/flow/radial.hpp"
#include "parameters.hpp"

namespace ergon::internal {
namespace {

using Layers = std::vector<std::unique_ptr<FlowLayer>>;

/// Pixels 0 … 256 in logits of α + (1 - 2α) x/256 (Dinh, Sohl-Dickstein, Bengio 2017, section 4.1):
/// the logistic map onto an interval that is wider by α/(1 - 2α) of itself at either end.
constexpr double kPixelMargin = 0.05;
constexpr double kPixelLevels = 256.0;

class Builder {
 public:
  Builder(const NormalizingFlowOptions& options, std::int64_t dim, at::ScalarType type, Seed seed)
      : options_(options), dim_(dim), type_(type), seed_(seed) {}

  std::unique_ptr<FlowLayer> build() const {
    Layers layers;
    if (options_.architecture == FlowArchitecture::kGlow) {
      layers.push_back(glow());
    } else {
      for (std::int64_t i = 0; i < options_.layers; ++i) {
        if (i > 0 && mixes()) layers.push_back(mixing(i));
        layers.push_back(layer(i));
      }
    }
    layers.push_back(location_and_scale());
    if (options_.support != FlowSupport::kReal) layers.push_back(onto_support());
    auto composition = std::make_unique<Composition>(std::move(layers));
    convert_parameters(composition->parameters(), type_);
    return composition;
  }

 private:
  Generator generator(const char* purpose, std::int64_t i) const {
    return seed_.child(purpose, static_cast<std::uint64_t>(i)).generator();
  }

  bool mixes() const {
    return dim_ > 1 && options_.mixing != FlowMixing::kNone &&
           options_.architecture != FlowArchitecture::kPlanar &&
           options_.architecture != FlowArchitecture::kRadial;
  }

  std::unique_ptr<FlowLayer> mixing(std::int64_t i) const {
    if (options_.mixing == FlowMixing::kReverse) {
      return std::make_unique<Permutation>(Permutation::reversal(dim_));
    }
    if (options_.mixing == FlowMixing::kShuffle) {
      return std::make_unique<Permutation>(Permutation::shuffle(dim_, generator("mixing", i)));
    }
    return std::make_unique<LinearMap>(dim_, options_.context_dim, options_.network,
                                       generator("mixing", i));
  }

  std::unique_ptr<Transformer> transformer() const {
    switch (options_.architecture) {
      case FlowArchitecture::kNice:
        return additive_transformer();
      case FlowArchitecture::kSplineCoupling:
      case FlowArchitecture::kSplineMaf:
      case FlowArchitecture::kSplineIaf:
        return spline_transformer(options_.bins, options_.tail);
      default:
        return affine_transformer(options_.log_scale_bound);
    }
  }

  std::unique_ptr<FlowLayer> layer(std::int64_t i) const {
    switch (options_.architecture) {
      case FlowArchitecture::kMaf:
      case FlowArchitecture::kSplineMaf:
        return std::make_unique<Inverse>(autoregressive(i));
      case FlowArchitecture::kIaf:
      case FlowArchitecture::kSplineIaf:
        return autoregressive(i);
      case FlowArchitecture::kPlanar:
        return std::make_unique<Planar>(dim_, options_.context_dim, options_.network,
                                        generator("layer", i));
      case FlowArchitecture::kRadial:
        return std::make_unique<Radial>(dim_, options_.context_dim, options_.network,
                                        generator("layer", i));
      default:
        return coupling(i);
    }
  }

  std::unique_ptr<FlowLayer> autoregressive(std::int64_t i) const {
    auto transform = transformer();
    auto network = std::make_unique<MaskedNetwork>(dim_, transform->parameters_per_coordinate(),
                                                   options_.context_dim, options_.network,
                                                   generator("layer", i));
    return std::make_unique<Autoregressive>(std::move(transform), std::move(network));
  }

  std::unique_ptr<FlowLayer> coupling(std::int64_t i) const {
    const std::vector<bool> mask = mask_of(i);
    const std::int64_t moving = std::count(mask.begin(), mask.end(), true);
    auto transform = transformer();
    auto network = fully_connected(
        {dim_ - moving, options_.context_dim, moving * transform->parameters_per_coordinate()},
        options_.network, generator("layer", i));
    return std::make_unique<Coupling>(mask, std::move(transform), std::move(network));
  }

  /// Which coordinates layer i moves. Where the order is reversed between layers the mask is too:
  /// otherwise the two would undo each other, and some coordinates would never move.
  std::vector<bool> mask_of(std::int64_t i) const {
    const bool reversed = options_.mixing == FlowMixing::kReverse && i % 2 == 1;
    std::vector<bool> mask;
    for (std::int64_t place = 0; place < dim_; ++place) {
      mask.push_back((part_of(reversed ? dim_ - 1 - place : place) + i) % 2 == 1);
    }
    return mask;
  }

  /// 0 or 1: the part of the coordinates to which one belongs.
  std::int64_t part_of(std::int64_t coordinate) const {
    switch (options_.mask) {
      case CouplingMask::kAlternating:
        return coordinate % 2;
      case CouplingMask::kHalves:
        return coordinate < dim_ / 2 ? 0 : 1;
      case CouplingMask::kCheckerboard:
        break;
    }
    const std::int64_t site = coordinate % (rows() * columns());
    return (site / columns() + site % columns()) % 2;
  }

  std::int64_t rows() const {
    if (options_.rows > 0) return options_.rows;
    return std::llround(std::sqrt(static_cast<double>(dim_ / options_.channels)));
  }
  std::int64_t columns() const { return dim_ / options_.channels / rows(); }

  std::unique_ptr<FlowLayer> glow() const {
    GlowShape shape;
    shape.channels = options_.channels;
    shape.rows = rows();
    shape.columns = columns();
    shape.levels = options_.levels;
    shape.steps = options_.layers;
    shape.log_scale_bound = options_.log_scale_bound;
    shape.context_dim = options_.context_dim;
    shape.network = options_.network;
    return glow_layers(shape, type_, generator("glow", 0));
  }

  std::unique_ptr<FlowLayer> location_and_scale() const {
    if (options_.context_dim == 0) return std::make_unique<ElementwiseAffine>(dim_);
    return std::make_unique<ElementwiseAffine>(dim_, options_.context_dim, options_.network,
                                               generator("scale", 0));
  }

  std::unique_ptr<FlowLayer> onto_support() const {
    if (options_.support == FlowSupport::kBox) {
      return std::make_unique<Box>(dim_, options_.lower, options_.upper);
    }
    const double widened = kPixelLevels / (1 - 2 * kPixelMargin);
    return std::make_unique<Box>(dim_, -kPixelMargin * widened, (1 - kPixelMargin) * widened);
  }

  const NormalizingFlowOptions& options_;
  std::int64_t dim_;
  at::ScalarType type_;
  Seed seed_;
};

}  // namespace

std::unique_ptr<FlowLayer> build_layers(const NormalizingFlowOptions& options,
                                        std::int64_t dim,
                                        at::ScalarType type,
                                        Seed seed) {
  require(dim >= 1, "a flow needs points of at least 1 coordinate, got {}", dim);
  require(type == at::kFloat || type == at::kDouble,
          "a flow's parameters are float32 or float64, not {}", at::toString(type));
  options.validate(dim);
  return Builder(options, dim, type, seed).build();
}

}  // namespace ergon::internal
