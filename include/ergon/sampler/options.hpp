#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ergon/core/enum_names.hpp"
#include "ergon/sampler/chain_options.hpp"

/// Options of the samplers: plain values, free of tensors, filled alike from the command
/// line, TOML and JSON.
namespace ergon {

// ---- the initial distribution q⁰
// -------------------------------------------------------------------------------------------

enum class InitialFamily { kGaussian, kMixture };
enum class InitialFitting { kFixed, kLearned };

/// q⁰: a Gaussian with diagonal covariance, or an equal-weight mixture of such Gaussians.
/// Under `flow` it is what the standard normal distribution becomes before a fit: the flow acts in
/// z = (x - mean) / stddev.
struct InitialOptions {
  InitialFamily family = InitialFamily::kGaussian;
  InitialFitting fitting =
      InitialFitting::kFixed;        ///< whether --fit moves mean and standard deviation
  std::vector<double> mean = {0.0};  ///< mean, one number per coordinate, or one for all
  double stddev = 1.0;  ///< standard deviation of every coordinate (of every component), > 0
  std::int64_t components = 8;  ///< mixture: number of components, >= 1
  double spread = 2.0;  ///< mixture: standard deviation of the component means about `mean`, >= 0
};

// ---- bandwidth σ in κ(x,y) = exp(-‖x-y‖² / 2σ²)
// -----------------------------------------------------------------------------

enum class BandwidthRule {
  kFixed,
  kPerStep,
  kMedian,
  kMean,
  kFourth,
  kMmd,
  kLearned,
  kLearnedPerStep,
  kNetwork
};

struct BandwidthOptions {
  BandwidthRule rule = BandwidthRule::kMedian;
  double value = 1.0;          ///< σ for `fixed`; the starting value for the learned rules, > 0
  std::vector<double> values;  ///< `per-step`: σ_1 … σ_L; the last one repeats
  double minimum = 1e-2;       ///< σ is clamped from below, > 0
  double maximum = 1e6;        ///< and from above, > minimum
  std::int64_t hidden = 32;    ///< `network`: width of its two hidden layers
};

// ---- step size ε in x ← x + ε φ(x)
// ------------------------------------------------------------------------------------------

enum class StepSizeRule {
  kFixed,
  kPerStep,
  kBoundFraction,
  kLearned,
  kLearnedPerStep,
  kLearnedBoundFraction,
  kNetwork,
  kAdapted
};
enum class StepSizeSchedule { kConstant, kPower, kExponential, kCosine, kSwitchOff };

struct StepSizeOptions {
  StepSizeRule rule = StepSizeRule::kFixed;
  double value = 0.1;  ///< ε for `fixed`; the starting value for the learned rules; the share of
                       ///< the bound for `bound-fraction` and `learned-bound-fraction`, > 0
  std::vector<double> values;  ///< `per-step`: ε_1 … ε_L; the last one repeats
  StepSizeSchedule schedule = StepSizeSchedule::kConstant;  ///< factor on top of the rule
  double decay = 0.5;        ///< power: (1+l)^-decay; exponential: decay^(l/L)
  double switch_off = 0.9;   ///< switch-off: the share of the steps after which ε falls to 1e-6 of
                             ///< itself (smoothed floor)
  std::int64_t hidden = 32;  ///< `network`: width of its two hidden layers
};

// ---- trace-of-Hessian term
// --------------------------------------------------------------------------------------------------

enum class HessianTrace { kOff, kHutchinson, kExact };
enum class ProbeLaw { kRademacher, kGaussian };

struct HessianOptions {
  HessianTrace trace = HessianTrace::kHutchinson;
  std::int64_t probes = 1;  ///< n in (1/n) Σ vᵀ H v, >= 1
  ProbeLaw law = ProbeLaw::kRademacher;
};

// ---- step bound
// -------------------------------------------------------------------------------------------------------------

enum class StepBound { kNone, kFrobenius, kEigenvalue, kSpectral, kCertified };
enum class Clamp { kHard, kLeaky };
enum class NormMethod { kAuto, kExact, kHutchinson, kPublished };

struct BoundOptions {
  StepBound bound = StepBound::kFrobenius;
  Clamp clamp = Clamp::kHard;  ///< hard: min(ε, bound); leaky: bound - 1e-5 (ε - bound) above it,
                               ///< which keeps a gradient
  double safety = 0.3;  ///< α in ε < α / ‖A‖, 0 < α <= 1. Below 1 a step is invertible; the
                        ///< first-order density is off by up to α²/2 a step, which a fit exploits
                        ///< when α is near 1 (docs/decisions/0003-step-bound.md)
  NormMethod norm =
      NormMethod::kAuto;    ///< how ‖A‖ is obtained; auto: exact for D <= 16, Hutchinson above
  std::int64_t probes = 4;  ///< Hutchinson and the power iteration: probes, rounds, >= 1
};

// ---- density at the particles
// -----------------------------------------------------------------------------------------------

enum class DensityMethod { kFirstOrder, kBlock, kJoint };
enum class JointMethod { kAuto, kExact, kSeries };
enum class TraceNormalization { kParticles, kParticlesMinusOne };

struct DensityOptions {
  DensityMethod method = DensityMethod::kFirstOrder;
  JointMethod joint = JointMethod::kAuto;  ///< auto: exact while M·D <= 512, series above
  std::int64_t series_terms = 12;  ///< terms of log det(I+εJ) = Σ_k (-1)^{k+1} ε^k tr(J^k)/k, >= 1
  std::int64_t series_probes = 8;  ///< probes for tr(J^k), >= 1
  TraceNormalization normalization =
      TraceNormalization::kParticles;  ///< P-SVGD divides its trace by M-1
};

// ---- divergence control
// -----------------------------------------------------------------------------------------------------

enum class DivergenceControl { kNone, kTruncation, kMetropolisHastings };
enum class MetropolisMoves { kBothDirections, kForwardOnly };

struct ControlOptions {
  DivergenceControl control = DivergenceControl::kNone;
  double truncation =
      3.0;  ///< truncation: drop a particle outside q⁰'s mean ± this many standard deviations, > 0
  MetropolisMoves moves =
      MetropolisMoves::kBothDirections;  ///< r = ±1 as published, or r = +1 only
  double probability = 1.0;  ///< ε-greedy: probability that a step applies the accept/reject, 0 … 1
};

// ---- number of steps
// --------------------------------------------------------------------------------------------------------

enum class Stopping { kFixed, kSteinIdentity };

struct StepsOptions {
  Stopping stopping = Stopping::kFixed;
  std::int64_t steps = 100;  ///< L, the number of steps, or their most, >= 0
  std::int64_t evaluations =
      0;  ///< stop after the step with which the run has asked for this many gradients (and
          ///< Hessian-vector products) over all particles; 0: no such limit. Not for ais and smc,
          ///< whose last step is that at the target
  double threshold =
      0.05;  ///< stein-identity: stop once |mean_i φ_iᵀs_i + tr A_i| stays below this, > 0
  std::int64_t patience = 3;  ///< for this many steps in a row, >= 1
};

// ---- coordinates in which the particles move
// ------------------------------------------------------------------------------------------

enum class Precondition { kNone, kDiagonal, kFull, kLaplace };

// ---- exact Metropolis-Hastings
// -------------------------------------------------------------------------------------------

enum class Halves { kRandom, kAlternating };
enum class Refresh { kNone, kLangevin };

// ---- the samplers
// -----------------------------------------------------------------------------------------------------------

enum class SamplerKind {
  kSvgd,
  kPSvgd,
  kMetSvgd,
  kSteinFlow,
  kSteinMh,
  kLaplace,
  kFlow,
  kUla,
  kMala,
  kHmc,
  kNuts,
  kParallelTempering,
  kAis,
  kSmc
};
enum class Precision { kDouble, kSingle };

/// Whether particles move by Stein velocities: those samplers take a bandwidth and what goes with
/// it.
constexpr bool is_stein(SamplerKind kind) {
  return kind == SamplerKind::kSvgd || kind == SamplerKind::kPSvgd ||
         kind == SamplerKind::kMetSvgd || kind == SamplerKind::kSteinFlow ||
         kind == SamplerKind::kSteinMh;
}
/// Whether the particles of all sets are independent draws of a density q that is known: they are
/// weighted by p̄/q.
constexpr bool draws_independently(SamplerKind kind) {
  return kind == SamplerKind::kLaplace || kind == SamplerKind::kFlow;
}
/// Whether a sampler carries log q of its particles along.
constexpr bool tracks_density(SamplerKind kind) {
  return (is_stein(kind) && kind != SamplerKind::kSvgd && kind != SamplerKind::kSteinMh) ||
         draws_independently(kind);
}
/// Whether there is something for a fit to move.
constexpr bool can_be_fitted(SamplerKind kind) {
  return (is_stein(kind) && tracks_density(kind)) || kind == SamplerKind::kFlow;
}
/// Whether every step is a map of all of R^D that can be recorded.
constexpr bool makes_maps(SamplerKind kind) {
  return is_stein(kind) && kind != SamplerKind::kSteinMh;
}
/// Whether every particle is a Markov chain whose draws are kept.
constexpr bool makes_chains(SamplerKind kind) {
  return kind == SamplerKind::kSteinMh || kind == SamplerKind::kUla || kind == SamplerKind::kMala ||
         kind == SamplerKind::kHmc || kind == SamplerKind::kNuts ||
         kind == SamplerKind::kParallelTempering;
}
/// Whether particles carry importance weights along a path of densities from q⁰ to the target.
constexpr bool anneals(SamplerKind kind) {
  return kind == SamplerKind::kAis || kind == SamplerKind::kSmc;
}

/// Everything that defines a sampler. Presets: sampler_preset.
struct SamplerOptions {
  SamplerKind kind = SamplerKind::kSteinFlow;
  std::int64_t particles = 100;  ///< M, particles in a set, >= 2
  std::int64_t sets =
      8;  ///< independent sets run side by side; standard errors come from their spread, >= 1
  Precision precision = Precision::kDouble;
  InitialOptions initial;
  BandwidthOptions bandwidth;
  StepSizeOptions step_size;
  StepsOptions steps;
  ChainOptions chain;          ///< ula, mala, hmc, nuts, and the moves of what anneals or tempers
  TemperingOptions tempering;  ///< ais, smc, parallel-tempering
  HessianOptions hessian;      ///< not for svgd, which tracks no density
  BoundOptions bound;
  DensityOptions density;  ///< not for svgd
  ControlOptions control;
  Precondition precondition =
      Precondition::kNone;  ///< the steps are taken in z, x = m + L z, and q⁰ is that of z: the
                            ///< standard one of its family where m and L are learned
                            ///< (stein-flow), N(0, initial-stddev² I) under laplace
  Halves halves = Halves::kRandom;   ///< stein-mh: how the particles are split anew for each step
  Refresh refresh = Refresh::kNone;  ///< stein-mh: a random move of every particle after each step,
                                     ///< accepted or rejected; without it few states are reachable
  double refresh_step_size = 0.5;    ///< h in x + h ∇log p̄ + √(2h) ξ, > 0

  /// Throws InvalidInput naming field, value and the rule it breaks, also for combinations that
  /// cannot work.
  void validate() const;
};

/// What a sampler takes of visit_sampler_fields; anything else must be left at its preset.
bool takes_option(SamplerKind kind, std::string_view name);

/// The published configuration of a sampler:
/// stein-flow: bandwidth and share of the certified bound learned per step, learned q⁰, one set.
/// stein-mh: median bandwidth of the other half, 0.9 of the certified bound, a Langevin refresh.
/// laplace: 2000 draws at the mode. flow: 8000 draws, one step. ula: 16 chains, fixed step. mala,
/// hmc, nuts: 16 chains with adapted step size and diagonal masses, half of 2000 steps warm-up.
/// parallel-tempering: 4 sets of 8 chains, 8 replicas. ais, smc: 8 sets of 250 particles, 5
/// leapfrog steps a move; 200 powers of temperature, or as many as the conditional effective sample
/// size asks for. svgd: median bandwidth, fixed step, no density. p-svgd: median bandwidth, fixed
/// step, 3σ truncation, learned Gaussian q⁰, no trace-of-Hessian term, trace over M-1. met-svgd:
/// learned bandwidth and step size per step, learned q⁰, Hutchinson trace, Frobenius bound.
SamplerOptions sampler_preset(SamplerKind kind);

/// One line of `ergon samplers`.
struct SamplerDescription {
  SamplerKind kind;
  std::string_view summary;
  std::string_view reference;
};
const std::vector<SamplerDescription>& sampler_catalogue();

// clang-format off
template <> struct EnumNames<InitialFamily> { static const std::vector<EnumName<InitialFamily>>& all(); };
template <> struct EnumNames<InitialFitting> { static const std::vector<EnumName<InitialFitting>>& all(); };
template <> struct EnumNames<BandwidthRule> { static const std::vector<EnumName<BandwidthRule>>& all(); };
template <> struct EnumNames<StepSizeRule> { static const std::vector<EnumName<StepSizeRule>>& all(); };
template <> struct EnumNames<StepSizeSchedule> { static const std::vector<EnumName<StepSizeSchedule>>& all(); };
template <> struct EnumNames<HessianTrace> { static const std::vector<EnumName<HessianTrace>>& all(); };
template <> struct EnumNames<ProbeLaw> { static const std::vector<EnumName<ProbeLaw>>& all(); };
template <> struct EnumNames<StepBound> { static const std::vector<EnumName<StepBound>>& all(); };
template <> struct EnumNames<Clamp> { static const std::vector<EnumName<Clamp>>& all(); };
template <> struct EnumNames<NormMethod> { static const std::vector<EnumName<NormMethod>>& all(); };
template <> struct EnumNames<DensityMethod> { static const std::vector<EnumName<DensityMethod>>& all(); };
template <> struct EnumNames<JointMethod> { static const std::vector<EnumName<JointMethod>>& all(); };
template <> struct EnumNames<TraceNormalization> { static const std::vector<EnumName<TraceNormalization>>& all(); };
template <> struct EnumNames<DivergenceControl> { static const std::vector<EnumName<DivergenceControl>>& all(); };
template <> struct EnumNames<MetropolisMoves> { static const std::vector<EnumName<MetropolisMoves>>& all(); };
template <> struct EnumNames<Stopping> { static const std::vector<EnumName<Stopping>>& all(); };
template <> struct EnumNames<SamplerKind> { static const std::vector<EnumName<SamplerKind>>& all(); };
template <> struct EnumNames<Precondition> { static const std::vector<EnumName<Precondition>>& all(); };
template <> struct EnumNames<Refresh> { static const std::vector<EnumName<Refresh>>& all(); };
template <> struct EnumNames<Halves> { static const std::vector<EnumName<Halves>>& all(); };
template <> struct EnumNames<Precision> { static const std::vector<EnumName<Precision>>& all(); };
// clang-format on

}  // namespace ergon
