#include "tempered_moves.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ergon/core/random.hpp"

namespace ergon {
namespace {

// (77) of docs/maths/annealing.md. For trajectories in many dimensions the acceptance a falls by
// 0.4 (at a = 0.8) to 0.9 (at a = 0.5) per unit of log ε (Beskos et al. 2013, "Optimal tuning of
// the hybrid Monte Carlo algorithm"): at gain 1 an error becomes 0.4 to -0.3 of itself.
constexpr double kSlope = 1.5;
constexpr double kMostShrinkage = -0.7;  // of log ε at once

std::int64_t path_length(const ChainOptions& chain, Generator& generator) {
  if (chain.path_length == PathLength::kFixed || chain.leapfrog_steps == 1) {
    return chain.leapfrog_steps;
  }
  return 1 + draw::integers(1, chain.leapfrog_steps, generator).item<std::int64_t>();
}

// How many are true, those of the pilot left out. chosen: (..., M), or undefined for none.
std::int64_t count(const Tensor& chosen, const std::optional<std::int64_t>& pilot) {
  if (!chosen.defined()) return 0;
  return (pilot ? chosen.narrow(0, 0, *pilot) : chosen).sum().item<std::int64_t>();
}

}  // namespace

Tensor starting_log_step_size(const SamplerOptions& options, c10::IntArrayRef sets) {
  return at::full(sets, std::log(options.step_size.value), at::kDouble);
}

Tensor starting_inverse_mass(const SamplerOptions& options,
                             const InitialDistribution& initial,
                             c10::IntArrayRef sets) {
  const Tensor mean = initial.mean().to(at::kDouble);
  const Tensor within = (2 * initial.log_stddev().to(at::kDouble)).exp().mean(0);
  const Tensor variance = within + mean.var(0, /*unbiased=*/false);
  if (options.chain.mass == MassMatrix::kDense) return at::diag(variance);
  auto shape = sets.vec();
  shape.push_back(initial.dim());
  const bool identity = options.chain.mass == MassMatrix::kIdentity;
  return (identity ? at::ones_like(variance) : variance).expand(shape).contiguous();
}

MoveReport tempered_moves(const LogDensity& target,
                          const SamplerOptions& options,
                          TemperedParticles& particles,
                          Generator& generator) {
  const auto type = particles.state.particles.options();
  const double gain = options.step_size.rule == StepSizeRule::kAdapted ? particles.gain : 0.0;
  TemperedPath path = particles.path;
  path.inverse_temperature = path.inverse_temperature.to(type);
  const bool dense = options.chain.mass == MassMatrix::kDense;
  const Tensor mass = dense ? at::linalg_cholesky(particles.inverse_mass) : particles.inverse_mass;
  Dynamics dynamics{{}, mass.to(type), 1, options.chain.mass};
  MoveReport report;
  for (std::int64_t move = 0; move < options.tempering.moves; ++move) {
    report.step_size = particles.log_step_size.exp();
    dynamics.step_size = report.step_size.to(type);
    dynamics.leapfrog_steps = path_length(options.chain, generator);
    auto moved = hamiltonian_move(target, path, particles.state, dynamics, generator);
    particles.state = std::move(moved.state);
    const Tensor acceptance = moved.acceptance.to(at::kDouble).mean(-1);
    if (gain > 0) {
      const Tensor heard = particles.pilot ? acceptance[*particles.pilot] : acceptance;
      const Tensor error = heard - options.chain.target_acceptance;
      particles.log_step_size =
          particles.log_step_size + (kSlope * gain * error).clamp_min(kMostShrinkage);
    }
    report.acceptance = move == 0 ? acceptance : report.acceptance + acceptance;
    report.divergent += count(moved.diverged, particles.pilot);
    report.nonfinite = std::max(report.nonfinite, count(moved.lost, particles.pilot));
  }
  report.acceptance = report.acceptance / static_cast<double>(options.tempering.moves);
  return report;
}

}  // namespace ergon
