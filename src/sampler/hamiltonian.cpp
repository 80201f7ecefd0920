#include "hamiltonian.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/moves.hpp"

namespace ergon {
namespace {

constexpr double kDivergence = 1000.0;  // energy error beyond which a trajectory is no trajectory

// Evaluates the target at `points`. Where it is not finite, the log-density becomes -infinity and
// the score zero: a function of the place alone, so that leapfrog steps across stay reversible and
// keep the volume. Marks in `trouble` (..., M) where it was no number, -infinity left out.
State evaluate_bounded(const LogDensity& target, const Tensor& points, Tensor& trouble) {
  State state = evaluate(target, points);
  const Tensor sum = state.log_density.sum() + state.score.sum();  // finite only if every term is
  if (std::isfinite(sum.item<double>())) return state;
  const Tensor zero_density = state.log_density == -std::numeric_limits<double>::infinity();
  const Tensor lost = is_finite(state).logical_or(zero_density).logical_not();
  trouble = trouble.defined() ? trouble.logical_or(lost) : lost;
  reject_nonfinite(state);
  return state;
}

// At β = 0 it does not matter what the target's numbers are.
Tensor matters(const Tensor& trouble, const TemperedPath& path) {
  if (path.initial == nullptr) return trouble;
  return trouble.logical_and(path.inverse_temperature.unsqueeze(-1) > 0);
}

}  // namespace

LogDensityAndScore TemperedPath::read(const State& state) const {
  if (initial == nullptr) return {state.log_density, state.score};
  const auto [log_q, score_q] = initial->log_density_and_score(state.particles);
  const Tensor beta = inverse_temperature.unsqueeze(-1);  // (..., 1)
  const Tensor share = at::where(beta > 0, beta * state.log_density, at::zeros_like(log_q));
  const Tensor rows = beta.unsqueeze(-1);
  const Tensor pull = at::where(rows > 0, rows * state.score, at::zeros_like(score_q));
  return {share + (1 - beta) * log_q, pull + (1 - rows) * score_q};
}

// In ξ = M^{-1/2} p, which is N(0, I), a leapfrog step is
//   ξ ← ξ + ½ a s(x),  x ← x + a ξ,  ξ ← ξ + ½ a s(x),   a = ε M^{-1/2}.
HamiltonianMove hamiltonian_move(const LogDensity& target,
                                 const TemperedPath& path,
                                 const State& state,
                                 const Dynamics& dynamics,
                                 Generator& generator) {
  ERGON_CHECK(dynamics.leapfrog_steps >= 1, "{} leapfrog steps", dynamics.leapfrog_steps);
  const at::NoGradGuard no_grad;
  const Tensor stride = dynamics.step_size.unsqueeze(-1).unsqueeze(-1) *
                        dynamics.inverse_mass.sqrt().unsqueeze(-2);  // a, (..., 1, D)
  Tensor momentum = draw::normal_like(state.particles, generator);
  const Tensor uniform = draw::uniform_like(state.log_density, generator);

  LogDensityAndScore here = path.read(state);
  const Tensor energy = momentum.square().sum(-1) / 2 - here.log_density;
  Tensor trouble;
  State end = state;
  momentum.addcmul_(stride, here.score, 0.5);
  for (std::int64_t step = 1; step <= dynamics.leapfrog_steps; ++step) {
    end = evaluate_bounded(target, at::addcmul(end.particles, stride, momentum), trouble);
    here = path.read(end);
    momentum.addcmul_(stride, here.score, step < dynamics.leapfrog_steps ? 1.0 : 0.5);
  }
  const Tensor error = (momentum.square().sum(-1) / 2 - here.log_density - energy)
                           .nan_to_num(std::numeric_limits<double>::infinity(),
                                       std::numeric_limits<double>::infinity());

  HamiltonianMove move{state, (-error).clamp_max(0.0).exp(), 0, 0};
  const State chosen = select(uniform < move.acceptance, end, state);
  move.state.particles = chosen.particles;
  move.state.log_density = chosen.log_density;
  move.state.score = chosen.score;
  move.divergent = (error > kDivergence).sum().item<std::int64_t>();
  if (trouble.defined()) move.nonfinite = matters(trouble, path).sum().item<std::int64_t>();
  return move;
}

}  // namespace ergon
