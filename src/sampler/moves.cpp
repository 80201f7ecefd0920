#include "ergon/sampler/moves.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "ergon/core/errors.hpp"

namespace ergon {

State evaluate(const LogDensity& target, const Tensor& particles) {
  State state;
  state.particles = particles;
  auto [log_density, score] = target.log_density_and_score(particles);
  state.log_density = log_density;
  state.score = score;
  return state;
}

State initial_state(const LogDensity& target, const Tensor& particles) {
  require(particles.dim() >= 2 && particles.size(-1) == target.dim(),
          "initial particles must have shape (..., M, {}), got [{}]", target.dim(),
          fmt::join(particles.sizes().vec(), ", "));
  require(particles.size(-2) >= 2, "a set needs at least 2 particles, got {}", particles.size(-2));
  State state = evaluate(target, particles);
  const Tensor finite = state.log_density.isfinite().logical_and(state.score.isfinite().all(-1));
  const auto bad = finite.numel() - finite.sum().item<std::int64_t>();
  require(2 * bad <= finite.numel(),
          "the target's log-density or its gradient is not finite (NaN or infinite) at {} of {} "
          "initial particles; check the "
          "density, or move the initial distribution (--initial-mean, --initial-stddev) to where "
          "it is positive",
          bad, finite.numel());
  // A particle that starts where the density vanishes has no score to follow: the others' kernels
  // push it.
  if (bad > 0)
    state.score = at::where(finite.unsqueeze(-1), state.score, at::zeros_like(state.score));
  return state;
}

State select(const Tensor& chosen, const State& a, const State& b) {
  State state = a;
  const Tensor rows = chosen.unsqueeze(-1);
  state.particles = at::where(rows, a.particles, b.particles);
  state.log_density = at::where(chosen, a.log_density, b.log_density);
  state.score = at::where(rows, a.score, b.score);
  if (a.log_q.defined()) state.log_q = at::where(chosen, a.log_q, b.log_q);
  return state;
}

std::int64_t keep_finite(const State& previous, State& next) {
  const Tensor finite = next.log_density.isfinite().logical_and(next.score.isfinite().all(-1));
  const auto undone = finite.numel() - finite.sum().item<std::int64_t>();
  if (undone > 0) next = select(finite, next, previous);
  return undone;
}

Tensor root_mean_square(const Tensor& vectors, const Tensor& alive) {
  return live_mean(vectors.detach().pow(2).sum(-1), alive).sqrt();
}

Tensor live_mean(const Tensor& values, const Tensor& alive) {
  if (!alive.defined()) return values.mean(-1);
  return at::where(alive, values, at::zeros_like(values)).sum(-1) / alive.sum(-1);
}

}  // namespace ergon
