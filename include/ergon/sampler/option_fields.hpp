#pragma once

#include "ergon/sampler/options.hpp"

namespace ergon {

/// Calls visit(name, reference, help) for every field but `kind`: the one list behind the command
/// line, TOML and JSON.
template <class Self, class Visitor>
void visit_sampler_fields(Self& self, Visitor&& visit) {
  visit("particles", self.particles, "M, particles in a set");
  visit("sets", self.sets, "independent sets of particles; standard errors come from their spread");
  visit("precision", self.precision, "floating-point type of the particles");
  visit("initial", self.initial.family, "family of the initial distribution q0");
  visit("initial-fitting", self.initial.fitting,
        "whether --fit moves q0's mean and standard deviation");
  visit("initial-mean", self.initial.mean, "q0's mean, one number per coordinate, or one for all");
  visit("initial-stddev", self.initial.stddev, "q0's standard deviation of every coordinate");
  visit("initial-components", self.initial.components, "mixture q0: number of components");
  visit("initial-spread", self.initial.spread,
        "mixture q0: standard deviation of the component means");
  visit("bandwidth", self.bandwidth.rule, "rule for the kernel bandwidth sigma");
  visit("bandwidth-value", self.bandwidth.value, "sigma (fixed), or where a learned rule starts");
  visit("bandwidth-values", self.bandwidth.values,
        "per-step: sigma of each step; the last repeats");
  visit("bandwidth-min", self.bandwidth.minimum, "sigma is clamped from below");
  visit("bandwidth-max", self.bandwidth.maximum, "sigma is clamped from above");
  visit("bandwidth-hidden", self.bandwidth.hidden, "network: width of the two hidden layers");
  visit("step-size", self.step_size.rule, "rule for the step size epsilon");
  visit("step-size-value", self.step_size.value,
        "epsilon (fixed), where a learned rule starts, or the share of the bound (bound-fraction)");
  visit("step-size-values", self.step_size.values,
        "per-step: epsilon of each step; the last repeats");
  visit("step-size-schedule", self.step_size.schedule, "decay along the steps, on top of the rule");
  visit("step-size-decay", self.step_size.decay, "power: (1+l)^-decay; exponential: decay^(l/L)");
  visit("step-size-switch-off", self.step_size.switch_off,
        "switch-off: share of the steps after which epsilon falls to 1e-6 of itself");
  visit("step-size-hidden", self.step_size.hidden, "network: width of the two hidden layers");
  visit("stopping", self.steps.stopping, "when to stop stepping");
  visit("steps", self.steps.steps, "L, the number of steps, or the most of them");
  visit("evaluations", self.steps.evaluations,
        "stop after the step that reaches this many gradients over all particles (0: no limit)");
  visit("stein-threshold", self.steps.threshold, "stein-identity: stop below this residual");
  visit("stein-patience", self.steps.patience, "stein-identity: for this many steps in a row");
  visit("warmup", self.chain.warmup, "share of the steps that adapts and is then left out");
  visit("chain-draws", self.chain.draws, "draws kept of every chain, up to twice as many");
  visit("target-acceptance", self.chain.target_acceptance,
        "adapted step sizes: the acceptance they aim at");
  visit("mass", self.chain.mass, "mass matrix of the trajectories");
  visit("leapfrog-steps", self.chain.leapfrog_steps,
        "leapfrog steps of a trajectory (1: Langevin moves)");
  visit("path-length", self.chain.path_length, "number of leapfrog steps of a trajectory");
  visit("tree-depth", self.chain.tree_depth, "nuts: most doublings of a trajectory");
  visit("ladder", self.tempering.ladder, "ais, smc: how the inverse temperature grows");
  visit("ladder-power", self.tempering.power,
        "power: beta = (l/L)^power; where the ladder of parallel-tempering starts");
  visit("ladder-ess", self.tempering.conditional_ess,
        "adaptive: conditional effective sample size from one temperature to the next, as a share");
  visit("resample-below", self.tempering.resample_below,
        "smc: resample when the effective sample size falls below this share");
  visit("moves", self.tempering.moves, "moves at every temperature, or between swaps");
  visit("replicas", self.tempering.replicas, "parallel-tempering: number of temperatures");
  visit("hessian", self.hessian.trace, "trace-of-Hessian term of the density");
  visit("hessian-probes", self.hessian.probes, "Hutchinson: probes per particle and step");
  visit("hessian-law", self.hessian.law, "Hutchinson: law of the probes");
  visit("bound", self.bound.bound, "bound on the step size that keeps the step invertible");
  visit("bound-clamp", self.bound.clamp, "what happens to a step size above its bound");
  visit("bound-safety", self.bound.safety, "alpha in epsilon < alpha / norm");
  visit("bound-norm", self.bound.norm, "how the norm of the Jacobian is obtained");
  visit("bound-probes", self.bound.probes, "probes or power-iteration rounds for the norm");
  visit("density", self.density.method, "how log q is carried along the steps");
  visit("density-joint", self.density.joint, "joint: exact determinant or power series");
  visit("density-terms", self.density.series_terms, "joint series: number of terms");
  visit("density-probes", self.density.series_probes, "joint series: number of probes");
  visit("density-normalization", self.density.normalization,
        "what divides the drift part of the trace");
  visit("control", self.control.control, "divergence control");
  visit("control-truncation", self.control.truncation, "truncation: standard deviations of q0");
  visit("control-moves", self.control.moves, "metropolis-hastings: directions proposed");
  visit("control-probability", self.control.probability,
        "metropolis-hastings: probability that a step applies it");
  visit("precondition", self.precondition, "coordinates in which the particles move");
  visit("halves", self.halves, "stein-mh: how the particles are split in halves");
  visit("refresh", self.refresh, "stein-mh: a random move of every particle after each step");
  visit("refresh-step-size", self.refresh_step_size, "stein-mh: step size h of that move");
}

}  // namespace ergon
