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
  if (kind == Kind::kFlow) {
    return is_any(name, {"particles", "sets", "precision", "initial-mean", "initial-stddev"});
  }
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
  if (!is_stein(kind) && !draws_independently(kind)) {
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

}  // namespace ergon
