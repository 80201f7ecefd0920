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

namespace {

// ξ with p = C⁻ᵀ ξ is N(0, I), C Cᵀ = M⁻¹; there a leapfrog step is
//   ξ ← ξ + ½ ε Cᵀ s(x),  x ← x + ε C ξ,  ξ ← ξ + ½ ε Cᵀ s(x).
class Scale {
 public:
  explicit Scale(const Dynamics& dynamics)
      : dense_(dynamics.mass == MassMatrix::kDense),
        stride_(dynamics.step_size.unsqueeze(-1).unsqueeze(-1)) {
    if (dense_) {
      root_ = dynamics.inverse_mass;
    } else {
      stride_ = stride_ * dynamics.inverse_mass.sqrt().unsqueeze(-2);  // (..., 1, D)
    }
  }
  void kick(Tensor& momentum, const Tensor& score, double share) const {
    momentum.addcmul_(stride_, dense_ ? at::matmul(score, root_) : score, share);
  }
  Tensor drift(const Tensor& x, const Tensor& momentum) const {
    return at::addcmul(x, stride_, dense_ ? at::matmul(momentum, root_.t()) : momentum);
  }

 private:
  bool dense_;
  Tensor stride_, root_;
};

}  // namespace

HamiltonianMove hamiltonian_move(const LogDensity& target,
                                 const TemperedPath& path,
                                 const State& state,
                                 const Dynamics& dynamics,
                                 Generator& generator) {
  ERGON_CHECK(dynamics.leapfrog_steps >= 1, "{} leapfrog steps", dynamics.leapfrog_steps);
  const at::NoGradGuard no_grad;
  const Scale scale(dynamics);
  Tensor momentum = draw::normal_like(state.particles, generator);
  const Tensor uniform = draw::uniform_like(state.log_density, generator);

  LogDensityAndScore here = path.read(state);
  const Tensor energy = momentum.square().sum(-1) / 2 - here.log_density;
  Tensor trouble;
  State end = state;
  scale.kick(momentum, here.score, 0.5);
  for (std::int64_t step = 1; step <= dynamics.leapfrog_steps; ++step) {
    end = evaluate_bounded(target, scale.drift(end.particles, momentum), trouble);
    here = path.read(end);
    scale.kick(momentum, here.score, step < dynamics.leapfrog_steps ? 1.0 : 0.5);
  }
  const Tensor error = (momentum.square().sum(-1) / 2 - here.log_density - energy)
                           .nan_to_num(std::numeric_limits<double>::infinity(),
                                       std::numeric_limits<double>::infinity());

  HamiltonianMove move{state, (-error).clamp_max(0.0).exp(), 0, 0};
  const State chosen = select(uniform < move.acceptance, end, state);
  move.state.particles = chosen.particles;
  move.state.log_density = chosen.log_density;
  move.state.score = chosen.score;
  // A wall, where the density is zero, is a place like any other.
  const Tensor beyond = end.log_density == -std::numeric_limits<double>::infinity();
  move.diverged = (error > kDivergence).logical_and(beyond.logical_not());
  if (trouble.defined()) move.diverged = move.diverged.logical_or(trouble);
  move.divergent = move.diverged.sum().item<std::int64_t>();
  if (trouble.defined()) {
    move.lost = matters(trouble, path);
    move.nonfinite = move.lost.sum().item<std::int64_t>();
  }
  return move;
}

}  // namespace ergon
