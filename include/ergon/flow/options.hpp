#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/enum_names.hpp"

/// Options of normalizing flows: plain values, free of tensors, filled alike from the command line,
/// TOML and JSON.
namespace ergon {

enum class Activation { kTanh, kRelu, kSilu };

/// The networks inside coupling and autoregressive layers.
struct NetworkOptions {
  std::int64_t hidden = 64;        ///< width of a hidden layer (Glow: channels), >= 1
  std::int64_t hidden_layers = 2;  ///< >= 1
  Activation activation = Activation::kTanh;
};

enum class FlowArchitecture {
  kRealNvp,
  kNice,
  kSplineCoupling,
  kMaf,
  kIaf,
  kSplineMaf,
  kSplineIaf,
  kPlanar,
  kRadial,
  kGlow
};
enum class CouplingMask { kAlternating, kHalves, kCheckerboard };
enum class FlowMixing { kNone, kReverse, kShuffle, kLinear };
enum class FlowSupport { kReal, kBox, kPixels };

/// Everything that defines the shape of a flow. Presets: normalizing_flow_preset.
struct NormalizingFlowOptions {
  FlowArchitecture architecture = FlowArchitecture::kRealNvp;
  std::int64_t layers = 8;  ///< layers; glow: steps of every level, >= 1
  NetworkOptions network;
  double log_scale_bound = 2.0;  ///< affine layers: |s| < this, > 0
  std::int64_t bins = 8;         ///< splines: bins, >= 2
  double tail = 5.0;             ///< splines: the identity outside [-tail, tail], > 0
  CouplingMask mask = CouplingMask::kAlternating;  ///< coupling: which coordinates move
  FlowMixing mixing = FlowMixing::kNone;           ///< what stands between two layers
  FlowSupport support = FlowSupport::kReal;        ///< where the flow's density is positive
  double lower = 0.0;                              ///< box: lower end of every coordinate
  double upper = 1.0;                              ///< box: upper end, > lower
  std::int64_t context_dim = 0;                    ///< C, the size of a context, >= 0
  std::int64_t channels = 1;  ///< images and lattices: points are (channels, rows, columns)
  std::int64_t rows = 0;      ///< images and lattices: rows; 0: D = rows x columns is a square
  std::int64_t levels = 2;    ///< glow: levels, each of half the side, >= 1

  /// Throws InvalidInput naming field, value and the rule it breaks, also for a dimension D that
  /// the architecture cannot have. D = 0: not known yet.
  void validate(std::int64_t dim = 0) const;
};

/// Calls visit(name, reference, help) for every field.
template <class Self, class Visitor>
void visit_normalizing_flow_fields(Self& self, Visitor&& visit) {
  visit("flow", self.architecture, "architecture of the flow");
  visit("flow-layers", self.layers, "layers; glow: steps of every level");
  visit("flow-hidden", self.network.hidden, "width of the networks' hidden layers; glow: channels");
  visit("flow-hidden-layers", self.network.hidden_layers, "hidden layers of every network");
  visit("flow-activation", self.network.activation, "activation of the networks");
  visit("flow-log-scale-bound", self.log_scale_bound, "affine layers: |log-scale| stays below");
  visit("flow-bins", self.bins, "splines: bins");
  visit("flow-tail", self.tail, "splines: the identity outside [-tail, tail]");
  visit("flow-mask", self.mask, "coupling: which coordinates move");
  visit("flow-mixing", self.mixing, "what stands between two layers");
  visit("flow-support", self.support, "where the flow's density is positive");
  visit("flow-lower", self.lower, "box: lower end of every coordinate");
  visit("flow-upper", self.upper, "box: upper end of every coordinate");
  visit("flow-channels", self.channels, "images and lattices: channels of a point");
  visit("flow-rows", self.rows, "images and lattices: rows (0: a square)");
  visit("flow-levels", self.levels, "glow: levels, each of half the side");
}

/// What suits an architecture:
/// realnvp, nice: 8 couplings, alternating masks. spline-coupling: 4 couplings of 8 bins. maf, iaf:
/// 5 layers with reversed order in between. spline-maf, spline-iaf: 3 likewise. planar, radial: 16.
/// glow: 2 levels of 4 steps, relu networks, log-scales below 1, linear mixing, support pixels.
NormalizingFlowOptions normalizing_flow_preset(FlowArchitecture architecture);

/// Which names of visit_normalizing_flow_fields an architecture reads; the others must be left at
/// their preset.
bool takes_flow_option(FlowArchitecture architecture, std::string_view name);

/// How often rows and columns can both be halved: the levels that a Glow can have.
std::int64_t possible_levels(std::int64_t rows, std::int64_t columns);

/// One line of a list of flows.
struct FlowDescription {
  FlowArchitecture architecture;
  std::string_view summary;
  std::string_view reference;
};
const std::vector<FlowDescription>& flow_catalogue();

// clang-format off
template <> struct EnumNames<Activation> { static const std::vector<EnumName<Activation>>& all(); };
template <> struct EnumNames<FlowArchitecture> { static const std::vector<EnumName<FlowArchitecture>>& all(); };
template <> struct EnumNames<CouplingMask> { static const std::vector<EnumName<CouplingMask>>& all(); };
template <> struct EnumNames<FlowMixing> { static const std::vector<EnumName<FlowMixing>>& all(); };
template <> struct EnumNames<FlowSupport> { static const std::vector<EnumName<FlowSupport>>& all(); };
// clang-format on

}  // namespace ergon
