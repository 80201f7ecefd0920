#include "ergon/sampler/moves.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <limits>

#include "ergon/core/errors.hpp"

namespace ergon {

namespace {

Tensor minus_infinity(const Tensor& like) {
  return at::full_like(like, -std::numeric_limits<double>::infinity());
}

// False where the density is zero: a place like any other that particles cannot go to, and no
// trouble.
Tensor has_density(const Tensor& log_density) {
  return log_density != -std::numeric_limits<double>::infinity();
}

}  // namespace

State evaluate(const LogDensity& target, const Tensor& particles) {
  State state;
  state.particles = particles;
  auto [log_density, score] = target.log_density_and_score(particles);
  state.log_density =
      log_density.contiguous();  // as a checkpoint restores it, so that sums run in the same order
  state.score = score.contiguous();
  return state;
}

State initial_state(const LogDensity& target, const Tensor& particles) {
  require(particles.dim() >= 2 && particles.size(-1) == target.dim(),
          "initial particles must have shape (..., M, {}), got [{}]", target.dim(),
          fmt::join(particles.sizes().vec(), ", "));
  require(particles.size(-2) >= 2, "a set needs at least 2 particles, got {}", particles.size(-2));
  State state = evaluate(target, particles);
  const Tensor finite = is_finite(state);
  const auto bad = finite.numel() - finite.sum().item<std::int64_t>();
  require(2 * bad <= finite.numel(),
          "the target's log-density or its gradient is not finite (NaN or infinite) at {} of {} "
          "initial particles; check the "
          "density, or move the initial distribution (--initial-mean, --initial-stddev) to where "
          "it is positive",
          bad, finite.numel());
  // A particle that starts where the density vanishes has no score to follow: the others' kernels
  // push it.
  if (bad > 0) reject_nonfinite(state);
  return state;
}

Tensor is_finite(const State& state) {
  Tensor finite = state.log_density.isfinite().logical_and(state.score.isfinite().all(-1));
  if (state.log_q.defined()) finite = finite.logical_and(state.log_q.isfinite());
  return finite;
}

std::int64_t reject_nonfinite(State& state) {
  const Tensor finite = is_finite(state);
  if (finite.all().item<bool>()) return 0;
  const Tensor lost = finite.logical_not().logical_and(has_density(state.log_density));
  state.log_density = at::where(finite, state.log_density, minus_infinity(state.log_density));
  state.score = at::where(finite.unsqueeze(-1), state.score, at::zeros_like(state.score));
  return lost.sum().item<std::int64_t>();
}

stein::Support support_of(const State& state, const Tensor& bandwidth) {
  return {state.particles, state.score, bandwidth, state.alive};
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
  const Tensor finite = is_finite(next);
  if (finite.all().item<bool>()) return 0;
  Tensor undone = finite.logical_not()
                      .logical_and(has_density(next.log_density))
                      .logical_and(previous.log_density.isfinite());
  next = select(finite, next, previous);
  if (previous.alive.defined()) undone = undone.logical_and(previous.alive);
  return undone.sum().item<std::int64_t>();
}

Tensor survivors_log_q(const State& state) {
  if (!state.alive.defined()) return state.log_q;
  const Tensor share = state.alive.to(state.log_q.scalar_type()).mean(-1, /*keepdim=*/true);
  return state.log_q - share.log();
}

Tensor root_mean_square(const Tensor& vectors, const Tensor& alive) {
  return live_mean(vectors.detach().pow(2).sum(-1), alive).sqrt();
}

Tensor live_mean(const Tensor& values, const Tensor& alive) {
  if (!alive.defined()) return values.mean(-1);
  return at::where(alive, values, at::zeros_like(values)).sum(-1) / alive.sum(-1);
}

}  // namespace ergon
