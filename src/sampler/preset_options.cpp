#include "ergon/sampler/options.hpp"

// The published configurations, and the words for every choice.
namespace ergon {
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

SamplerOptions flow_preset() {
  SamplerOptions options = plain_preset(SamplerKind::kFlow);
  options.particles = 8000;
  options.steps.steps = 1;
  return options;
}

}  // namespace

SamplerOptions sampler_preset(SamplerKind kind) {
  SamplerOptions options;
  options.kind = kind;
  switch (kind) {
    case SamplerKind::kLaplace:
      return laplace_preset();
    case SamplerKind::kFlow:
      return flow_preset();
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
      {SamplerKind::kFlow,
       "normalizing flow fitted by reverse KL with path gradients; its independent draws carry "
       "importance weights",
       "Rezende and Mohamed, ICML 2015; Vaitl et al., ICLR 2024"},
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
    {SamplerKind::kFlow, "flow", "normalizing flow, with importance weights"},
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
