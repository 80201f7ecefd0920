#include "ergon/flow/options.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using Architecture = FlowArchitecture;

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kMostUnits = 100'000;
constexpr std::int64_t kMostBins = 500;  // a bin is at least 1e-3 of the whole range wide
constexpr double kMostLogScale = 10.0;   // of one layer; float32 ends at exp(88)

bool is_one_of(Architecture architecture, std::initializer_list<Architecture> those) {
  return std::find(those.begin(), those.end(), architecture) != those.end();
}

bool is_coupling(Architecture architecture) {
  return is_one_of(architecture,
                   {Architecture::kRealNvp, Architecture::kNice, Architecture::kSplineCoupling});
}

bool is_autoregressive(Architecture architecture) {
  return is_one_of(architecture, {Architecture::kMaf, Architecture::kIaf, Architecture::kSplineMaf,
                                  Architecture::kSplineIaf});
}

bool has_splines(Architecture architecture) {
  return is_one_of(architecture, {Architecture::kSplineCoupling, Architecture::kSplineMaf,
                                  Architecture::kSplineIaf});
}

bool has_affine_layers(Architecture architecture) {
  return is_one_of(architecture, {Architecture::kRealNvp, Architecture::kMaf, Architecture::kIaf,
                                  Architecture::kGlow});
}

void require_count(const char* field, std::int64_t value, std::int64_t least, std::int64_t most) {
  require(value >= least && value <= most, "--{} must be between {} and {}, got {}", field, least,
          most, value);
}

void require_positive(const char* field, double value) {
  require(value > 0 && std::isfinite(value), "--{} must be positive, got {}", field, value);
}

void validate_fields(const NormalizingFlowOptions& options) {
  require_count("flow-layers", options.layers, 1, kMostLayers);
  require_count("flow-hidden", options.network.hidden, 1, kMostUnits);
  require_count("flow-hidden-layers", options.network.hidden_layers, 1, kMostLayers);
  require_positive("flow-log-scale-bound", options.log_scale_bound);
  require(options.log_scale_bound <= kMostLogScale,
          "--flow-log-scale-bound must not exceed {}, got {}", kMostLogScale,
          options.log_scale_bound);
  require_count("flow-bins", options.bins, 2, kMostBins);
  require_positive("flow-tail", options.tail);
  require(std::isfinite(options.lower), "--flow-lower must be finite, got {}", options.lower);
  require(std::isfinite(options.upper) && options.upper > options.lower,
          "--flow-upper must be finite and exceed --flow-lower ({}), got {}", options.lower,
          options.upper);
  require(options.context_dim >= 0 && options.context_dim <= kMostUnits,
          "the size of a flow's context must be between 0 and {}, got {}", kMostUnits,
          options.context_dim);
  require_count("flow-channels", options.channels, 1, kMostUnits);
  require_count("flow-rows", options.rows, 0, kMostUnits);
  require_count("flow-levels", options.levels, 1, kMostLayers);
}

struct Lattice {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// Throws InvalidInput unless dim = channels x rows x columns.
Lattice lattice_of(const NormalizingFlowOptions& options, std::int64_t dim) {
  require(dim % options.channels == 0,
          "points of {} coordinates cannot be divided into --flow-channels {}", dim,
          options.channels);
  const std::int64_t sites = dim / options.channels;
  std::int64_t rows = options.rows;
  if (rows == 0) {
    rows = std::llround(std::sqrt(static_cast<double>(sites)));
    require(rows * rows == sites,
            "{} coordinates in {} channels are no square: say how many rows there are with "
            "--flow-rows",
            dim, options.channels);
  }
  require(sites % rows == 0, "{} coordinates in {} channels cannot be divided into --flow-rows {}",
          dim, options.channels, rows);
  return {rows, sites / rows};
}

void validate_levels(const NormalizingFlowOptions& options, std::int64_t dim) {
  const Lattice lattice = lattice_of(options, dim);
  const std::int64_t possible = possible_levels(lattice.rows, lattice.columns);
  require(possible > 0,
          "glow halves the sides of an image at every level, which {} x {} does not allow; choose "
          "another --flow",
          lattice.rows, lattice.columns);
  require(options.levels <= possible,
          "--flow-levels must be at most {} for images of {} x {}, since every level halves the "
          "sides, got {}",
          possible, lattice.rows, lattice.columns, options.levels);
}

void validate_dim(const NormalizingFlowOptions& options, std::int64_t dim) {
  require(dim >= 1, "a flow needs points of at least 1 coordinate, got {}", dim);
  if (options.architecture == Architecture::kGlow) validate_levels(options, dim);
  if (!is_coupling(options.architecture)) return;
  require(dim >= 2,
          "--flow {} moves some coordinates by the others and needs at least 2; in one dimension "
          "choose spline-maf, maf, planar or radial",
          to_name(options.architecture));
  if (options.mask != CouplingMask::kCheckerboard) return;
  const Lattice lattice = lattice_of(options, dim);
  require(lattice.rows * lattice.columns >= 2,
          "--flow-mask checkerboard needs a lattice of at least 2 sites, got {} x {}", lattice.rows,
          lattice.columns);
}

NormalizingFlowOptions with_layers(Architecture architecture, std::int64_t layers) {
  NormalizingFlowOptions options;
  options.architecture = architecture;
  options.layers = layers;
  if (is_autoregressive(architecture)) options.mixing = FlowMixing::kReverse;
  return options;
}

}  // namespace

void NormalizingFlowOptions::validate(std::int64_t dim) const {
  validate_fields(*this);
  require(dim >= 0, "a flow needs points of at least 1 coordinate, got {}", dim);
  if (dim != 0) validate_dim(*this, dim);
}

NormalizingFlowOptions normalizing_flow_preset(FlowArchitecture architecture) {
  switch (architecture) {
    case Architecture::kRealNvp:
    case Architecture::kNice:
      return with_layers(architecture, 8);
    case Architecture::kSplineCoupling:
      return with_layers(architecture, 4);
    case Architecture::kMaf:
    case Architecture::kIaf:
      return with_layers(architecture, 5);
    case Architecture::kSplineMaf:
    case Architecture::kSplineIaf:
      return with_layers(architecture, 3);
    case Architecture::kPlanar:
    case Architecture::kRadial:
      return with_layers(architecture, 16);
    case Architecture::kGlow: {
      NormalizingFlowOptions options = with_layers(architecture, 4);
      options.network.activation = Activation::kRelu;
      options.log_scale_bound = 1.0;  // with 2, batches of 28 x 28 images have outliers of 1e6 nats
      options.mixing = FlowMixing::kLinear;
      options.support = FlowSupport::kPixels;
      return options;
    }
  }
  ERGON_CHECK(false, "architecture {} is unknown", static_cast<int>(architecture));
}

bool takes_flow_option(FlowArchitecture architecture, std::string_view name) {
  const auto among = [name](auto... names) { return ((name == names) || ...); };
  const bool image = architecture == Architecture::kGlow;
  const bool network = image || is_coupling(architecture) || is_autoregressive(architecture);
  if (among("flow", "flow-layers", "flow-support", "flow-lower", "flow-upper")) return true;
  if (among("flow-hidden", "flow-hidden-layers", "flow-activation")) return network;
  if (among("flow-log-scale-bound")) return has_affine_layers(architecture);
  if (among("flow-bins", "flow-tail")) return has_splines(architecture);
  if (among("flow-mask")) return is_coupling(architecture);
  if (among("flow-mixing")) return is_coupling(architecture) || is_autoregressive(architecture);
  if (among("flow-channels", "flow-rows")) return image || is_coupling(architecture);
  return image && among("flow-levels");
}

std::int64_t possible_levels(std::int64_t rows, std::int64_t columns) {
  std::int64_t levels = 0;
  while (rows >= 2 && columns >= 2 && rows % 2 == 0 && columns % 2 == 0) {
    rows /= 2;
    columns /= 2;
    ++levels;
  }
  return levels;
}

const std::vector<FlowDescription>& flow_catalogue() {
  static const std::vector<FlowDescription> catalogue = {
      {Architecture::kRealNvp, "affine couplings: fast to draw from and to evaluate",
       "Dinh, Sohl-Dickstein, Bengio 2017"},
      {Architecture::kNice, "additive couplings: preserve volume", "Dinh, Krueger, Bengio 2014"},
      {Architecture::kSplineCoupling, "couplings by rational-quadratic splines: multimodal targets",
       "Durkan, Bekasov, Murray, Papamakarios 2019"},
      {Architecture::kMaf, "masked autoregressive: fast to evaluate, for data",
       "Papamakarios, Pavlakou, Murray 2017"},
      {Architecture::kIaf, "inverse autoregressive: fast to draw from, for targets",
       "Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling 2016"},
      {Architecture::kSplineMaf, "maf with rational-quadratic splines",
       "Durkan, Bekasov, Murray, Papamakarios 2019"},
      {Architecture::kSplineIaf, "iaf with rational-quadratic splines",
       "Durkan, Bekasov, Murray, Papamakarios 2019"},
      {Architecture::kPlanar, "bends space along planes: few parameters", "Rezende, Mohamed 2015"},
      {Architecture::kRadial, "bends space around points: few parameters", "Rezende, Mohamed 2015"},
      {Architecture::kGlow, "convolutional couplings in levels: images", "Kingma, Dhariwal 2018"}};
  return catalogue;
}

const std::vector<EnumName<Activation>>& EnumNames<Activation>::all() {
  static const std::vector<EnumName<Activation>> names = {
      {Activation::kTanh, "tanh", "hyperbolic tangent"},
      {Activation::kRelu, "relu", "max(x, 0); its second derivative is zero"},
      {Activation::kSilu, "silu", "x times the logistic function of x"}};
  return names;
}

const std::vector<EnumName<FlowArchitecture>>& EnumNames<FlowArchitecture>::all() {
  static const std::vector<EnumName<FlowArchitecture>> names = {
      {Architecture::kRealNvp, "realnvp", "affine couplings"},
      {Architecture::kNice, "nice", "additive couplings"},
      {Architecture::kSplineCoupling, "spline-coupling", "couplings by rational-quadratic splines"},
      {Architecture::kMaf, "maf", "masked autoregressive: densities in one pass, draws in D"},
      {Architecture::kIaf, "iaf", "inverse autoregressive: draws in one pass, densities in D"},
      {Architecture::kSplineMaf, "spline-maf", "maf with rational-quadratic splines"},
      {Architecture::kSplineIaf, "spline-iaf", "iaf with rational-quadratic splines"},
      {Architecture::kPlanar, "planar", "x + u tanh(w x + b)"},
      {Architecture::kRadial, "radial", "x + b (x - z) / (a + |x - z|)"},
      {Architecture::kGlow, "glow", "levels of actnorm, 1x1 convolution, convolutional coupling"}};
  return names;
}

const std::vector<EnumName<CouplingMask>>& EnumNames<CouplingMask>::all() {
  static const std::vector<EnumName<CouplingMask>> names = {
      {CouplingMask::kAlternating, "alternating", "even and odd coordinates in turn"},
      {CouplingMask::kHalves, "halves", "the first and the second half in turn"},
      {CouplingMask::kCheckerboard, "checkerboard",
       "the black and the white sites of a lattice in turn"}};
  return names;
}

const std::vector<EnumName<FlowMixing>>& EnumNames<FlowMixing>::all() {
  static const std::vector<EnumName<FlowMixing>> names = {
      {FlowMixing::kNone, "none", "nothing"},
      {FlowMixing::kReverse, "reverse", "the order of the coordinates is reversed"},
      {FlowMixing::kShuffle, "shuffle", "a random order of the coordinates"},
      {FlowMixing::kLinear, "linear", "a learned linear map, at first a random order"}};
  return names;
}

const std::vector<EnumName<FlowSupport>>& EnumNames<FlowSupport>::all() {
  static const std::vector<EnumName<FlowSupport>> names = {
      {FlowSupport::kReal, "real", "all of space"},
      {FlowSupport::kBox, "box", "between --flow-lower and --flow-upper in every coordinate"},
      {FlowSupport::kPixels, "pixels", "images of integers 0 ... 255 with uniform noise added"}};
  return names;
}

}  // namespace ergon
