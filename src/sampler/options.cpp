#include "ergon/sampler/options.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "ergon/sampler/option_fields.hpp"

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

void validate(const ChainOptions& chain) {
  require(chain.warmup >= 0 && chain.warmup < 1, "--warmup must lie in [0, 1), got {}",
          chain.warmup);
  require(chain.target_acceptance > 0 && chain.target_acceptance < 1,
          "--target-acceptance must lie in (0, 1), got {}", chain.target_acceptance);
  require_count("leapfrog-steps", chain.leapfrog_steps, 1);
  require_count("chain-draws", chain.draws, 4);
  require(chain.tree_depth >= 1 && chain.tree_depth <= 20,
          "--tree-depth must be between 1 and 20, got {}", chain.tree_depth);
}

void validate(const TemperingOptions& tempering) {
  require_positive("ladder-power", tempering.power);
  require(tempering.conditional_ess > 0 && tempering.conditional_ess < 1,
          "--ladder-ess must lie in (0, 1), got {}", tempering.conditional_ess);
  require(tempering.resample_below > 0 && tempering.resample_below <= 1,
          "--resample-below must lie in (0, 1], got {}", tempering.resample_below);
  require_count("moves", tempering.moves, 1);
  require(tempering.replicas >= 2 && tempering.replicas <= 1000,
          "--replicas must be between 2 and 1000, got {}", tempering.replicas);
}

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](auto beginning) { return name.rfind(beginning, 0) == 0; });
}

bool is_any(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class Enum>
bool is_any(Enum value, std::initializer_list<Enum> values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

/// Refuses every option that differs from the preset of the kind and is not one of its own.
void require_own_options(const SamplerOptions& options) {
  const SamplerOptions preset = sampler_preset(options.kind);
  visit_sampler_fields(options, [&](const char* name, const auto& value, const char*) {
    if (takes_option(options.kind, name)) return;
    // The same field of the preset, which lies at the same place.
    const auto offset =
        reinterpret_cast<const char*>(&value) - reinterpret_cast<const char*>(&options);
    using Value = std::decay_t<decltype(value)>;
    const auto& usual =
        *reinterpret_cast<const Value*>(reinterpret_cast<const char*>(&preset) + offset);
    require(value == usual,
            "--{} does nothing under --sampler {}; leave it out ('ergon samplers {}' lists what it "
            "takes)",
            name, to_name(options.kind), to_name(options.kind));
  });
}

void validate_dynamics(const SamplerOptions& options) {
  const StepSizeRule rule = options.step_size.rule;
  const bool may_adapt = options.kind != SamplerKind::kUla;
  require(rule == StepSizeRule::kFixed || (may_adapt && rule == StepSizeRule::kAdapted),
          "--step-size {} is none for --sampler {}; choose {}", to_name(rule),
          to_name(options.kind), may_adapt ? "fixed or adapted" : "fixed");
  require(is_any(options.precondition, {Precondition::kNone, Precondition::kLaplace}),
          "--precondition {} is learned by --fit, which --sampler {} does not take; choose none or "
          "laplace",
          to_name(options.precondition), to_name(options.kind));
  require(options.chain.mass != MassMatrix::kDense || anneals(options.kind),
          "--mass dense is learned by ais and smc alone; for --sampler {} take --precondition "
          "laplace",
          to_name(options.kind));
}

/// Options that the choice of another one leaves without effect.
void refuse_idle(const SamplerOptions& options) {
  const SamplerOptions preset = sampler_preset(options.kind);
  const auto refuse = [](bool changed, bool read, const char* name, const char* needed) {
    require(!changed || read, "--{} does nothing without {}; leave it out", name, needed);
  };
  const bool adapted = options.step_size.rule == StepSizeRule::kAdapted;
  refuse(options.chain.target_acceptance != preset.chain.target_acceptance, adapted,
         "target-acceptance", "--step-size adapted");
  if (!anneals(options.kind)) return;
  const TemperingOptions& own = options.tempering;
  refuse(own.conditional_ess != preset.tempering.conditional_ess,
         own.ladder == TemperatureLadder::kAdaptive, "ladder-ess", "--ladder adaptive");
  refuse(own.power != preset.tempering.power, own.ladder == TemperatureLadder::kPower,
         "ladder-power", "--ladder power");
}

void validate_annealing(const SamplerOptions& options) {
  require(options.steps.steps >= 1, "--steps must be at least 1 for --sampler {}, got 0",
          to_name(options.kind));
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

bool takes_option(SamplerKind kind, std::string_view name) {
  using Kind = SamplerKind;
  if (starts_with_any(name, {"particles", "sets", "precision", "initial", "precondition"})) {
    return name != "initial-fitting" || is_stein(kind);
  }
  if (is_any(name, {"warmup", "chain-draws"})) return makes_chains(kind);
  if (name == "evaluations") return kind != Kind::kLaplace && !anneals(kind);
  const bool hamiltonian =
      is_any(kind, {Kind::kHmc, Kind::kParallelTempering, Kind::kAis, Kind::kSmc});
  const bool adapts = hamiltonian || kind == Kind::kMala || kind == Kind::kNuts;
  if (name == "target-acceptance") return adapts;
  if (name == "mass") return adapts || kind == Kind::kUla;
  if (is_any(name, {"leapfrog-steps", "path-length"})) return hamiltonian;
  if (name == "tree-depth") return kind == Kind::kNuts;
  if (name == "ladder-power") return anneals(kind) || kind == Kind::kParallelTempering;
  if (is_any(name, {"ladder", "ladder-ess"})) return anneals(kind);
  if (name == "resample-below") return kind == Kind::kSmc;
  if (name == "moves") return anneals(kind) || kind == Kind::kParallelTempering;
  if (name == "replicas") return kind == Kind::kParallelTempering;
  if (is_stein(kind)) return true;  // further rules are those of validate()
  if (kind == Kind::kLaplace) return false;
  if (is_any(name, {"steps", "step-size", "step-size-value"})) return true;
  return kind == Kind::kUla &&
         is_any(name, {"step-size-schedule", "step-size-decay", "step-size-switch-off"});
}

void SamplerOptions::validate() const {
  require_own_options(*this);
  if (is_stein(kind) && !tracks_density(kind)) validate_without_density(*this);
  if (!is_stein(kind) && kind != SamplerKind::kLaplace) {
    validate_dynamics(*this);
    refuse_idle(*this);
  }
  if (anneals(kind)) validate_annealing(*this);
  require(!is_stein(kind) || step_size.rule != StepSizeRule::kAdapted,
          "--step-size adapted aims at an acceptance, which --sampler {} has not; leave it out",
          to_name(kind));
  require(kind != SamplerKind::kLaplace || precondition == Precondition::kLaplace,
          "--precondition {} is none for --sampler laplace; leave it out", to_name(precondition));
  require(precondition != Precondition::kLaplace || initial.family == InitialFamily::kGaussian,
          "--precondition laplace starts from one Gaussian: leave --initial {} out",
          to_name(initial.family));
  if (kind == SamplerKind::kSteinFlow) validate_stein_flow(*this);
  require(is_any(precondition, {Precondition::kNone, Precondition::kLaplace}) ||
              kind == SamplerKind::kSteinFlow,
          "--precondition {} belongs to --sampler stein-flow", to_name(precondition));
  require(halves == Halves::kRandom || kind == SamplerKind::kSteinMh,
          "--halves {} belongs to --sampler stein-mh", to_name(halves));
  require(refresh == Refresh::kNone || kind == SamplerKind::kSteinMh,
          "--refresh {} belongs to --sampler stein-mh", to_name(refresh));
  ergon::validate(chain);
  ergon::validate(tempering);
  require_positive("refresh-step-size", refresh_step_size);
  require_count("particles", particles, kind == SamplerKind::kSteinMh ? 4 : 2);
  require_count("sets", sets, 1);
  ergon::validate(initial);
  ergon::validate(bandwidth);
  ergon::validate(step_size);
  require_count("steps", steps.steps, 0);
  require(steps.evaluations >= 0, "--evaluations must not be negative, got {}", steps.evaluations);
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
  require(particles > 2 || !is_stein(kind) ||
              (bandwidth.rule != BandwidthRule::kMedian && bandwidth.rule != BandwidthRule::kMmd),
          "--bandwidth {} needs at least 3 particles: the median over 2 particles' pairs is zero",
          to_name(bandwidth.rule));
  require(bound.norm != NormMethod::kPublished || hessian.trace == HessianTrace::kHutchinson,
          "--bound-norm published reuses the probe of --hessian hutchinson, got --hessian {}",
          to_name(hessian.trace));
}

namespace {

// What the samplers that are not of the Stein kind start from.
SamplerOptions plain_preset(SamplerKind kind) {
  SamplerOptions options;
  options.kind = kind;
  options.hessian.trace = HessianTrace::kOff;
  options.bound.bound = StepBound::kNone;
  options.step_size.rule = StepSizeRule::kAdapted;
  options.sets = 1;
  return options;
}

SamplerOptions chain_preset(SamplerKind kind) {
  SamplerOptions options = plain_preset(kind);
  options.particles = 16;
  options.steps.steps = 2000;
  if (kind == SamplerKind::kUla) {
    options.step_size.rule = StepSizeRule::kFixed;
    options.step_size.value = 0.01;
    options.chain.mass = MassMatrix::kIdentity;
  }
  if (kind == SamplerKind::kMala) options.chain.target_acceptance = 0.574;
  if (kind == SamplerKind::kNuts) options.chain.target_acceptance = 0.65;
  if (kind == SamplerKind::kParallelTempering) {
    options.sets = 4;
    options.particles = 8;
    options.chain.leapfrog_steps = 5;
  }
  return options;
}

SamplerOptions annealing_preset(SamplerKind kind) {
  SamplerOptions options = plain_preset(kind);
  options.sets = 8;
  options.particles = 250;
  options.chain.leapfrog_steps = 5;
  options.chain.path_length = PathLength::kFixed;
  options.steps.steps = kind == SamplerKind::kAis ? 200 : 10'000;
  if (kind == SamplerKind::kAis) options.tempering.ladder = TemperatureLadder::kPower;
  return options;
}

SamplerOptions laplace_preset() {
  SamplerOptions options = plain_preset(SamplerKind::kLaplace);
  options.particles = 2000;
  options.steps.steps = 0;
  options.precondition = Precondition::kLaplace;
  return options;
}

}  // namespace

SamplerOptions sampler_preset(SamplerKind kind) {
  SamplerOptions options;
  options.kind = kind;
  switch (kind) {
    case SamplerKind::kLaplace:
      return laplace_preset();
    case SamplerKind::kUla:
    case SamplerKind::kMala:
    case SamplerKind::kHmc:
    case SamplerKind::kNuts:
    case SamplerKind::kParallelTempering:
      return chain_preset(kind);
    case SamplerKind::kAis:
    case SamplerKind::kSmc:
      return annealing_preset(kind);
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
      {SamplerKind::kLaplace,
       "Gaussian at the mode with the curvature there; its draws carry importance weights",
       "Tierney and Kadane, JASA 1986"},
      {SamplerKind::kUla, "unadjusted Langevin: biased by its step size, never rejects",
       "Roberts and Tweedie, Bernoulli 1996"},
      {SamplerKind::kMala, "Metropolis-adjusted Langevin", "Roberts and Tweedie, Bernoulli 1996"},
      {SamplerKind::kHmc, "Hamiltonian Monte Carlo with adapted step size and masses",
       "Duane et al. 1987; Neal 2011"},
      {SamplerKind::kNuts, "the no-U-turn sampler: trajectories that end where they turn back",
       "Hoffman and Gelman, JMLR 2014; Betancourt 2017"},
      {SamplerKind::kParallelTempering,
       "replicas at several temperatures that swap, non-reversibly; log Z by stepping stones",
       "Syed et al., JRSS B 2022"},
      {SamplerKind::kAis,
       "annealed importance sampling: log Z from weighted, independent particles",
       "Neal, Statistics and Computing 2001"},
      {SamplerKind::kSmc,
       "sequential Monte Carlo along an adaptive path of temperatures, with resampling",
       "Del Moral, Doucet and Jasra, JRSS B 2006"},
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
    {StepSizeRule::kNetwork, "network", "a network of the particles' mean, moved by --fit"},
    {StepSizeRule::kAdapted, "adapted", "from --step-size-value to --target-acceptance while warming up (chains, annealing)"}} ERGON_NAMES_END
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
    {SamplerKind::kSteinMh, "stein-mh", "exact Metropolis-Hastings with Stein moves"},
    {SamplerKind::kLaplace, "laplace", "Gaussian at the mode, with importance weights"},
    {SamplerKind::kUla, "ula", "unadjusted Langevin"},
    {SamplerKind::kMala, "mala", "Metropolis-adjusted Langevin"},
    {SamplerKind::kHmc, "hmc", "Hamiltonian Monte Carlo"},
    {SamplerKind::kNuts, "nuts", "no-U-turn sampler"},
    {SamplerKind::kParallelTempering, "parallel-tempering", "replicas at several temperatures"},
    {SamplerKind::kAis, "ais", "annealed importance sampling"},
    {SamplerKind::kSmc, "smc", "sequential Monte Carlo"}} ERGON_NAMES_END
ERGON_NAMES(Precondition) = {
    {Precondition::kNone, "none", "the target's own coordinates"},
    {Precondition::kDiagonal, "diagonal", "z with x = m + L z, L diagonal; m and L moved by --fit"},
    {Precondition::kFull, "full", "the same with a lower triangular L"},
    {Precondition::kLaplace, "laplace", "the same with m the mode and L Lt the inverse curvature there"}} ERGON_NAMES_END
ERGON_NAMES(MassMatrix) = {
    {MassMatrix::kIdentity, "identity", "the coordinates as they are"},
    {MassMatrix::kDiagonal, "diagonal", "inverse variances of the particles, learned on the way"},
    {MassMatrix::kDense, "dense", "inverse covariance of the particles, likewise (ais, smc)"}} ERGON_NAMES_END
ERGON_NAMES(PathLength) = {
    {PathLength::kFixed, "fixed", "--leapfrog-steps"},
    {PathLength::kUniform, "uniform", "uniform between 1 and --leapfrog-steps, anew for every step"}} ERGON_NAMES_END
ERGON_NAMES(TemperatureLadder) = {
    {TemperatureLadder::kAdaptive, "adaptive", "as far as --ladder-ess allows"},
    {TemperatureLadder::kLinear, "linear", "beta = l/L"},
    {TemperatureLadder::kPower, "power", "beta = (l/L)^ladder-power"}} ERGON_NAMES_END
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
