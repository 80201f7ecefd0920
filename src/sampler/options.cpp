#include "ergon/sampler/options.hpp"

#include <cmath>
#include <string>

namespace ergon {
namespace {

template <class Number>
void require_positive(const char* field, Number value) {
  require(value > 0 && std::isfinite(static_cast<double>(value)), "--{} must be positive, got {}",
          field, value);
}

constexpr std::int64_t kMost = 10'000'000;  // of anything that is counted; memory ends far below

void require_count(const char* field, std::int64_t value, std::int64_t least) {
  require(value >= least && value <= kMost, "--{} must be at least {} and at most {}, got {}",
          field, least, kMost, value);
}

void require_all_positive(const char* field, const std::vector<double>& values) {
  for (const double value : values) require_positive(field, value);
}

bool is_learned(BandwidthRule rule) {
  return rule == BandwidthRule::kLearned || rule == BandwidthRule::kLearnedPerStep ||
         rule == BandwidthRule::kNetwork;
}

bool is_learned(StepSizeRule rule) {
  return rule == StepSizeRule::kLearned || rule == StepSizeRule::kLearnedPerStep ||
         rule == StepSizeRule::kLearnedBoundFraction || rule == StepSizeRule::kNetwork;
}

bool is_share_of_bound(StepSizeRule rule) {
  return rule == StepSizeRule::kBoundFraction || rule == StepSizeRule::kLearnedBoundFraction;
}

void validate(const InitialOptions& initial) {
  require(!initial.mean.empty(), "--initial-mean needs one number, or one per coordinate");
  for (const double value : initial.mean) {
    require(std::isfinite(value), "--initial-mean must be finite, got {}", value);
  }
  require_positive("initial-stddev", initial.stddev);
  require_count("initial-components", initial.components, 1);
  require(initial.spread >= 0 && std::isfinite(initial.spread),
          "--initial-spread must not be negative, got {}", initial.spread);
}

void validate(const BandwidthOptions& bandwidth) {
  require_positive("bandwidth-value", bandwidth.value);
  require_positive("bandwidth-min", bandwidth.minimum);
  require(bandwidth.maximum > bandwidth.minimum,
          "--bandwidth-max must exceed --bandwidth-min ({}), got {}", bandwidth.minimum,
          bandwidth.maximum);
  require_count("bandwidth-hidden", bandwidth.hidden, 1);
  require_all_positive("bandwidth-values", bandwidth.values);
  const bool listed = bandwidth.rule == BandwidthRule::kPerStep;
  require(!is_learned(bandwidth.rule) ||
              (bandwidth.value >= bandwidth.minimum && bandwidth.value <= bandwidth.maximum),
          "--bandwidth-value is where a learned rule starts and must lie between --bandwidth-min "
          "({}) and --bandwidth-max ({}), got {}",
          bandwidth.minimum, bandwidth.maximum, bandwidth.value);
  require(listed != bandwidth.values.empty(),
          "--bandwidth per-step and --bandwidth-values go together: give both or neither");
}

void validate(const StepSizeOptions& step_size) {
  require_positive("step-size-value", step_size.value);
  require_positive("step-size-decay", step_size.decay);
  require_count("step-size-hidden", step_size.hidden, 1);
  require_all_positive("step-size-values", step_size.values);
  require(step_size.switch_off > 0 && step_size.switch_off <= 1,
          "--step-size-switch-off must lie in (0, 1], got {}", step_size.switch_off);
  const bool listed = step_size.rule == StepSizeRule::kPerStep;
  require(listed != step_size.values.empty(),
          "--step-size per-step and --step-size-values go together: give both or neither");
  require(step_size.schedule != StepSizeSchedule::kExponential || step_size.decay <= 1,
          "--step-size-decay must not exceed 1 for the exponential schedule, got {}",
          step_size.decay);
}

void validate(const BoundOptions& bound) {
  require(bound.safety > 0 && bound.safety <= 1, "--bound-safety must lie in (0, 1], got {}",
          bound.safety);
  require_count("bound-probes", bound.probes, 1);
  require(bound.norm != NormMethod::kPublished || bound.bound != StepBound::kSpectral,
          "--bound-norm published estimates the Frobenius norm: choose --bound frobenius or "
          "eigenvalue");
}

void validate(const DensityOptions& density, const ControlOptions& control) {
  require_count("density-terms", density.series_terms, 1);
  require_count("density-probes", density.series_probes, 1);
  require(density.method != DensityMethod::kJoint || control.control == DivergenceControl::kNone,
          "--density joint describes all particles moving together: it cannot be combined with "
          "--control {}",
          to_name(control.control));
  require_positive("control-truncation", control.truncation);
  require(control.probability >= 0 && control.probability <= 1,
          "--control-probability must lie in [0, 1], got {}", control.probability);
}

// svgd and stein-mh track no density: everything that needs one, or would change one, is refused.
void validate_without_density(const SamplerOptions& options) {
  const std::string advice = fmt::format(
      "{} tracks no density and learns nothing; use --sampler stein-flow or met-svgd, or leave",
      to_name(options.kind));
  require(!is_learned(options.bandwidth.rule), "{} --bandwidth {} out", advice,
          to_name(options.bandwidth.rule));
  require(!is_learned(options.step_size.rule), "{} --step-size {} out", advice,
          to_name(options.step_size.rule));
  require(options.initial.fitting == InitialFitting::kFixed, "{} --initial-fitting learned out",
          advice);
  const StepBound own =
      options.kind == SamplerKind::kSteinMh ? StepBound::kCertified : StepBound::kNone;
  require(options.bound.bound == own, "{} --bound {} out", advice, to_name(options.bound.bound));
  require(options.control.control == DivergenceControl::kNone, "{} --control {} out", advice,
          to_name(options.control.control));
  require(options.hessian.trace == HessianTrace::kOff, "{} --hessian {} out", advice,
          to_name(options.hessian.trace));
  require(options.density.method == DensityMethod::kFirstOrder, "{} --density {} out", advice,
          to_name(options.density.method));
  require(options.density.normalization == TraceNormalization::kParticles,
          "{} --density-normalization {} out", advice, to_name(options.density.normalization));
  require(options.steps.stopping == Stopping::kFixed, "{} --stopping {} out", advice,
          to_name(options.steps.stopping));
}

void validate_stein_flow(const SamplerOptions& options) {
  require(options.bound.bound == StepBound::kCertified,
          "stein-flow needs steps that are invertible on all of R^D: leave --bound {} out",
          to_name(options.bound.bound));
  require(options.control.control == DivergenceControl::kNone,
          "stein-flow's steps are maps that leave no particle out: leave --control {} out",
          to_name(options.control.control));
}

}  // namespace

void SamplerOptions::validate() const {
  if (!tracks_density(kind)) validate_without_density(*this);
  if (kind == SamplerKind::kSteinFlow) validate_stein_flow(*this);
  require(precondition == Precondition::kNone || kind == SamplerKind::kSteinFlow,
          "--precondition {} belongs to --sampler stein-flow", to_name(precondition));
  require(halves == Halves::kRandom || kind == SamplerKind::kSteinMh,
          "--halves {} belongs to --sampler stein-mh", to_name(halves));
  require(refresh == Refresh::kNone || kind == SamplerKind::kSteinMh,
          "--refresh {} belongs to --sampler stein-mh", to_name(refresh));
  require_positive("refresh-step-size", refresh_step_size);
  require_count("particles", particles, kind == SamplerKind::kSteinMh ? 4 : 2);
  require_count("sets", sets, 1);
  ergon::validate(initial);
  ergon::validate(bandwidth);
  ergon::validate(step_size);
  require_count("steps", steps.steps, 0);
  require_positive("stein-threshold", steps.threshold);
  require_count("stein-patience", steps.patience, 1);
  require_count("hessian-probes", hessian.probes, 1);
  ergon::validate(bound);
  ergon::validate(density, control);
  require(
      !is_share_of_bound(step_size.rule) || bound.bound != StepBound::kNone,
      "--step-size {} needs a bound: choose --bound certified, frobenius, eigenvalue or spectral",
      to_name(step_size.rule));
  require(step_size.rule != StepSizeRule::kBoundFraction || step_size.value <= 1,
          "--step-size-value is the share of the bound for bound-fraction and must not exceed 1, "
          "got {}",
          step_size.value);
  require(step_size.rule != StepSizeRule::kLearnedBoundFraction || step_size.value < 1,
          "--step-size-value is where the share of the bound starts for learned-bound-fraction and "
          "must be below 1, got {}",
          step_size.value);
  require(bound.bound != StepBound::kCertified || bound.safety < 1,
          "--bound-safety must be below 1 for --bound certified, got {}", bound.safety);
  require(density.method == DensityMethod::kFirstOrder || hessian.trace != HessianTrace::kOff,
          "--density {} needs the Hessian: choose --hessian exact or hutchinson",
          to_name(density.method));
  require(density.method == DensityMethod::kFirstOrder ||
              density.normalization == TraceNormalization::kParticles,
          "--density-normalization {} belongs to the first-order density, not to --density {}",
          to_name(density.normalization), to_name(density.method));
  require(steps.stopping == Stopping::kFixed || hessian.trace != HessianTrace::kOff,
          "--stopping stein-identity needs the trace of the Hessian: without it Stein's identity "
          "does not hold at the target; choose "
          "--hessian hutchinson or exact");
  const bool median =
      bandwidth.rule == BandwidthRule::kMedian || bandwidth.rule == BandwidthRule::kMmd;
  require(
      kind != SamplerKind::kSteinMh || !median || particles >= 6,
      "--bandwidth {} under stein-mh is that of half the particles and needs at least 6 of them, "
      "got --particles {}",
      to_name(bandwidth.rule), particles);
  require(particles > 2 ||
              (bandwidth.rule != BandwidthRule::kMedian && bandwidth.rule != BandwidthRule::kMmd),
          "--bandwidth {} needs at least 3 particles: the median over 2 particles' pairs is zero",
          to_name(bandwidth.rule));
  require(bound.norm != NormMethod::kPublished || hessian.trace == HessianTrace::kHutchinson,
          "--bound-norm published reuses the probe of --hessian hutchinson, got --hessian {}",
          to_name(hessian.trace));
}

SamplerOptions sampler_preset(SamplerKind kind) {
  SamplerOptions options;
  options.kind = kind;
  switch (kind) {
    case SamplerKind::kSvgd:
      options.bound.bound = StepBound::kNone;
      options.hessian.trace = HessianTrace::kOff;
      break;
    case SamplerKind::kPSvgd:
      options.initial.fitting = InitialFitting::kLearned;
      options.hessian.trace = HessianTrace::kOff;
      options.bound.bound = StepBound::kNone;
      options.density.normalization = TraceNormalization::kParticlesMinusOne;
      options.control.control = DivergenceControl::kTruncation;
      break;
    case SamplerKind::kMetSvgd:
      options.initial.fitting = InitialFitting::kLearned;
      options.bandwidth.rule = BandwidthRule::kLearnedPerStep;
      options.step_size.rule = StepSizeRule::kLearnedPerStep;
      break;
    case SamplerKind::kSteinFlow:
      options.initial.fitting = InitialFitting::kLearned;
      options.bandwidth.rule = BandwidthRule::kLearnedPerStep;
      options.bandwidth.value = 2.0;
      options.step_size.rule = StepSizeRule::kLearnedBoundFraction;
      options.step_size.value = 0.5;
      options.steps.steps = 20;
      options.bound.bound = StepBound::kCertified;
      options.bound.safety = 0.9;
      options.sets = 1;
      break;
    case SamplerKind::kSteinMh:
      options.hessian.trace = HessianTrace::kOff;
      options.step_size.rule = StepSizeRule::kBoundFraction;
      options.step_size.value = 1.0;
      options.bound.bound = StepBound::kCertified;
      options.bound.safety = 0.9;
      options.particles = 20;
      options.refresh = Refresh::kLangevin;
      options.steps.steps = 1000;
      break;
  }
  return options;
}

const std::vector<SamplerDescription>& sampler_catalogue() {
  static const std::vector<SamplerDescription> catalogue = {
      {SamplerKind::kSteinFlow,
       "SVGD as a normalizing flow: fresh draws through recorded steps under a certified bound, "
       "exact density; learned bandwidths, step sizes and q0",
       "ours: docs/maths/stein_flow.md"},
      {SamplerKind::kSvgd, "Stein variational gradient descent; particles without a density",
       "Liu and Wang, NeurIPS 2016"},
      {SamplerKind::kPSvgd,
       "parametrised SVGD (S2AC): first-order density, median bandwidth, fixed step, 3-sigma "
       "truncation, learned q0",
       "Messaoud et al., ICLR 2024"},
      {SamplerKind::kMetSvgd,
       "MET-SVGD: learned bandwidths, step sizes and q0, trace-of-Hessian term, step bound; "
       "Metropolis-Hastings on request",
       "Messaoud et al., ICML 2026"},
      {SamplerKind::kSteinMh,
       "exact Metropolis-Hastings with Stein moves on complementary halves: Markov chains that "
       "leave the target invariant",
       "ours: docs/maths/stein_mh.md"},
  };
  return catalogue;
}

#define ERGON_NAMES(Enum)                                     \
  const std::vector<EnumName<Enum>>& EnumNames<Enum>::all() { \
    static const std::vector<EnumName<Enum>> names

#define ERGON_NAMES_END \
  ;                     \
  return names;         \
  }

// clang-format off
ERGON_NAMES(InitialFamily) = {
    {InitialFamily::kGaussian, "gaussian", "Gaussian with diagonal covariance"},
    {InitialFamily::kMixture, "mixture", "equal-weight mixture of such Gaussians"}} ERGON_NAMES_END
ERGON_NAMES(InitialFitting) = {
    {InitialFitting::kFixed, "fixed", "stays where it starts"},
    {InitialFitting::kLearned, "learned", "moved by --fit"}} ERGON_NAMES_END
ERGON_NAMES(BandwidthRule) = {
    {BandwidthRule::kFixed, "fixed", "--bandwidth-value at every step"},
    {BandwidthRule::kPerStep, "per-step", "--bandwidth-values, one per step"},
    {BandwidthRule::kMedian, "median", "sigma^2 = median(r^2) / (2 log(M+1))"},
    {BandwidthRule::kMean, "mean", "sigma^2 = mean(r^2) / (2 log(M+1))"},
    {BandwidthRule::kFourth, "fourth", "sigma^2 = mean(r^2) / (4 log(M+1)), S2AC's"},
    {BandwidthRule::kMmd, "mmd", "sigma = 0.1 median(r)"},
    {BandwidthRule::kLearned, "learned", "one number, moved by --fit"},
    {BandwidthRule::kLearnedPerStep, "learned-per-step", "one number a step, moved by --fit"},
    {BandwidthRule::kNetwork, "network", "a network of the particles' mean, moved by --fit"}} ERGON_NAMES_END
ERGON_NAMES(StepSizeRule) = {
    {StepSizeRule::kFixed, "fixed", "--step-size-value at every step"},
    {StepSizeRule::kPerStep, "per-step", "--step-size-values, one per step"},
    {StepSizeRule::kBoundFraction, "bound-fraction", "--step-size-value times the step bound"},
    {StepSizeRule::kLearned, "learned", "one number, moved by --fit"},
    {StepSizeRule::kLearnedPerStep, "learned-per-step", "one number a step, moved by --fit"},
    {StepSizeRule::kLearnedBoundFraction, "learned-bound-fraction", "a share of the step bound a step, moved by --fit"},
    {StepSizeRule::kNetwork, "network", "a network of the particles' mean, moved by --fit"}} ERGON_NAMES_END
ERGON_NAMES(StepSizeSchedule) = {
    {StepSizeSchedule::kConstant, "constant", "no decay"},
    {StepSizeSchedule::kPower, "power", "(1+l)^-decay"},
    {StepSizeSchedule::kExponential, "exponential", "decay^(l/L)"},
    {StepSizeSchedule::kCosine, "cosine", "(1 + cos(pi l/L)) / 2"},
    {StepSizeSchedule::kSwitchOff, "switch-off", "1 until --step-size-switch-off of the steps, then 1e-6 (smoothed floor)"}} ERGON_NAMES_END
ERGON_NAMES(HessianTrace) = {
    {HessianTrace::kOff, "off", "left out, as P-SVGD does"},
    {HessianTrace::kHutchinson, "hutchinson", "estimated with --hessian-probes random probes"},
    {HessianTrace::kExact, "exact", "D Hessian-vector products"}} ERGON_NAMES_END
ERGON_NAMES(ProbeLaw) = {
    {ProbeLaw::kRademacher, "rademacher", "independent signs"},
    {ProbeLaw::kGaussian, "gaussian", "independent standard normals"}} ERGON_NAMES_END
ERGON_NAMES(StepBound) = {
    {StepBound::kNone, "none", "no bound"},
    {StepBound::kFrobenius, "frobenius", "epsilon < alpha / max_i |A_i|_F, the published condition"},
    {StepBound::kEigenvalue, "eigenvalue", "Wolkowicz-Styan bound, as the public reference implementation"},
    {StepBound::kSpectral, "spectral", "epsilon < alpha / max_i sigma_max(A_i)"},
    {StepBound::kCertified, "certified", "epsilon < alpha / Lip: the step is a diffeomorphism of all of R^D"}} ERGON_NAMES_END
ERGON_NAMES(Clamp) = {
    {Clamp::kHard, "hard", "min(epsilon, bound)"},
    {Clamp::kLeaky, "leaky", "bound - 1e-5 (epsilon - bound) above the bound: keeps a gradient"}} ERGON_NAMES_END
ERGON_NAMES(NormMethod) = {
    {NormMethod::kAuto, "auto", "exact for D <= 16, hutchinson above"},
    {NormMethod::kExact, "exact", "explicit D x D Jacobians"},
    {NormMethod::kHutchinson, "hutchinson", "probes (Frobenius, eigenvalue) or power iteration (spectral)"},
    {NormMethod::kPublished, "published", "exact drift part plus one probe for the Hessian"}} ERGON_NAMES_END
ERGON_NAMES(DensityMethod) = {
    {DensityMethod::kFirstOrder, "first-order", "log q - epsilon tr A, as published"},
    {DensityMethod::kBlock, "block", "log q - log |det(I + epsilon A_i)|"},
    {DensityMethod::kJoint, "joint", "log q(X) of all particles together; the ELBO is a lower bound on log Z where sigma and epsilon do not depend on the particles"}} ERGON_NAMES_END
ERGON_NAMES(JointMethod) = {
    {JointMethod::kAuto, "auto", "exact while M D <= 512, series above"},
    {JointMethod::kExact, "exact", "LU of the MD x MD Jacobian"},
    {JointMethod::kSeries, "series", "power series with probes"}} ERGON_NAMES_END
ERGON_NAMES(TraceNormalization) = {
    {TraceNormalization::kParticles, "particles", "1/M"},
    {TraceNormalization::kParticlesMinusOne, "particles-minus-one", "1/(M-1), as P-SVGD does"}} ERGON_NAMES_END
ERGON_NAMES(DivergenceControl) = {
    {DivergenceControl::kNone, "none", "none"},
    {DivergenceControl::kTruncation, "truncation", "drop particles that leave q0's --control-truncation sigmas"},
    {DivergenceControl::kMetropolisHastings, "metropolis-hastings", "accept or reject every particle's move"}} ERGON_NAMES_END
ERGON_NAMES(MetropolisMoves) = {
    {MetropolisMoves::kBothDirections, "both-directions", "x + r epsilon phi with r = +1 or -1, as published"},
    {MetropolisMoves::kForwardOnly, "forward-only", "r = +1 only, as the public reference implementation"}} ERGON_NAMES_END
ERGON_NAMES(Stopping) = {
    {Stopping::kFixed, "fixed", "after --steps steps"},
    {Stopping::kSteinIdentity, "stein-identity", "once Stein's identity holds to --stein-threshold"}} ERGON_NAMES_END
ERGON_NAMES(SamplerKind) = {
    {SamplerKind::kSvgd, "svgd", "Stein variational gradient descent"},
    {SamplerKind::kPSvgd, "p-svgd", "parametrised SVGD, as in S2AC"},
    {SamplerKind::kMetSvgd, "met-svgd", "MET-SVGD"},
    {SamplerKind::kSteinFlow, "stein-flow", "MET-SVGD as a normalizing flow with an exact density"},
    {SamplerKind::kSteinMh, "stein-mh", "exact Metropolis-Hastings with Stein moves"}} ERGON_NAMES_END
ERGON_NAMES(Precondition) = {
    {Precondition::kNone, "none", "the target's own coordinates"},
    {Precondition::kDiagonal, "diagonal", "z with x = m + L z, L diagonal; m and L moved by --fit"},
    {Precondition::kFull, "full", "the same with a lower triangular L"}} ERGON_NAMES_END
ERGON_NAMES(Refresh) = {
    {Refresh::kNone, "none", "Stein moves alone"},
    {Refresh::kLangevin, "langevin", "a Metropolis-adjusted Langevin move"}} ERGON_NAMES_END
ERGON_NAMES(Halves) = {
    {Halves::kRandom, "random", "at random"},
    {Halves::kAlternating, "alternating", "once for all"}} ERGON_NAMES_END
ERGON_NAMES(Precision) = {
    {Precision::kDouble, "double", "64-bit"},
    {Precision::kSingle, "single", "32-bit"}} ERGON_NAMES_END
// clang-format on

}  // namespace ergon
