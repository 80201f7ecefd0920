#include "ergon/sampler/stein_mh.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "ergon/stein/metropolis.hpp"
#include "ergon/stein/step_bound.hpp"

// Equation numbers are those of docs/maths/stein_mh.md.
namespace ergon {
namespace {

constexpr double kSmallestStep = 1e-30;  // only for the velocity reported at a step of zero

// The random numbers of a step, one per particle, (..., M).
struct Chance {
  Tensor order;    // particles in the order of their halves, int64
  Tensor forward;  // bool: r = +1
  Tensor uniform;  // decides about acceptance
};

Chance draw_chance(const Tensor& like, Halves halves, Generator& generator) {
  Chance chance;
  chance.order = halves == Halves::kRandom
                     ? draw::uniform_like(like, generator)
                           .argsort(/*dim=*/std::int64_t{-1}, /*descending=*/false)
                     : at::arange(like.size(-1), like.options().dtype(at::kLong)).expand_as(like);
  chance.forward = draw::rademacher_like(like, generator) > 0;
  chance.uniform = draw::uniform_like(like, generator);
  return chance;
}

Tensor rows(const Tensor& points, const Tensor& index) {
  return points.gather(-2, index.unsqueeze(-1).expand_as(points.narrow(-2, 0, index.size(-1))));
}

State take(const State& state, const Tensor& index) {
  State part;
  part.particles = rows(state.particles, index);
  part.log_density = state.log_density.gather(-1, index);
  part.score = rows(state.score, index);
  part.step = state.step;
  return part;
}

void put(State& state, const Tensor& index, const State& part) {
  const Tensor wide = index.unsqueeze(-1).expand_as(part.particles);
  state.particles = state.particles.scatter(-2, wide, part.particles);
  state.log_density = state.log_density.scatter(-1, index, part.log_density);
  state.score = state.score.scatter(-2, wide, part.score);
}

// The map T_B with everything about it a function of B alone.
struct Map {
  stein::Support support;
  Tensor bound;      // (...)  α / Lip(φ_B)
  Tensor step_size;  // (...)  below it
};

Map map_of(const SamplerOptions& options, const State& fixed) {
  Map map;
  map.support = support_of(fixed, bandwidth_at(options.bandwidth, {}, fixed));
  map.bound = options.bound.safety / stein::lipschitz_bound(map.support);
  map.step_size = stein::hard_clamp(step_size_at(options, {}, fixed, map.bound), map.bound);
  return map;
}

// y and the log-determinant of the move that led there, (41): T_B where `forward` (..., n), else
// T_B^{-1}.
struct Moved {
  Tensor points;   // (..., n, D)
  Tensor log_det;  // (..., n)
};

// The rows with r = +1 come first. Every set sends as many rows through either map as the set that
// needs most, so that a single set wastes none; the superfluous ones are overwritten or not chosen.
Moved move(const Map& map, const Tensor& points, const Tensor& forward) {
  const auto n = points.size(-2);
  const Tensor count = forward.sum(-1);
  const auto pushed_rows = count.max().item<std::int64_t>();
  const auto inverted_rows = n - count.min().item<std::int64_t>();
  Moved moved{points.clone(), at::zeros(forward.sizes(), points.options())};
  if (pushed_rows > 0) {
    const auto pushed =
        stein::push_forward(map.support, map.step_size, points.narrow(-2, 0, pushed_rows));
    moved.points.narrow(-2, 0, pushed_rows).copy_(pushed.points);
    moved.log_det.narrow(-1, 0, pushed_rows).copy_(pushed.log_det);
  }
  if (inverted_rows > 0) {
    const auto first = n - inverted_rows;
    const double tolerance = points.scalar_type() == at::kDouble ? 1e-13 : 1e-6;
    const auto inverted = stein::invert(map.support, map.step_size,
                                        points.narrow(-2, first, inverted_rows), tolerance);
    const Tensor kept = forward.narrow(-1, first, inverted_rows);
    Tensor last_points = moved.points.narrow(-2, first, inverted_rows);
    Tensor last_det = moved.log_det.narrow(-1, first, inverted_rows);
    last_points.copy_(at::where(kept.unsqueeze(-1), last_points, inverted.points));
    last_det.copy_(at::where(kept, last_det, -inverted.log_det));
  }
  return moved;
}

// One half after its update, and what Info says about it; per-particle numbers in the half's order.
struct Updated {
  State state;
  Map map;
  Tensor acceptance;        // (..., n)
  Tensor squared_velocity;  // (..., n)  ‖φ_B‖² at x, or at y for an inverse move
  std::int64_t nonfinite = 0;
};

// The accept-reject step (42) for the half `current` with the half `fixed` held fixed.
Updated update(const LogDensity& target,
               const SamplerOptions& options,
               const State& current,
               const State& fixed,
               const Chance& chance) {
  Updated updated;
  updated.map = map_of(options, fixed);
  const Moved moved = move(updated.map, current.particles, chance.forward);
  State proposal = evaluate(target, moved.points);
  proposal.step = current.step;
  updated.nonfinite = reject_nonfinite(proposal);
  updated.acceptance =
      stein::log_acceptance(proposal.log_density, current.log_density, moved.log_det).exp();
  updated.state = select(chance.uniform < updated.acceptance, proposal, current);
  const Tensor step_size = updated.map.step_size.unsqueeze(-1).clamp_min(kSmallestStep);
  updated.squared_velocity =
      ((moved.points - current.particles) / step_size.unsqueeze(-1)).pow(2).sum(-1);
  return updated;
}

// The members of a half, those with r = +1 first.
Tensor forward_first(const Tensor& half, const Chance& chance) {
  const Tensor forward = chance.forward.gather(-1, half).to(at::kInt);
  return half.gather(-1, forward.argsort(/*dim=*/std::int64_t{-1}, /*descending=*/true));
}

Chance of_half(const Chance& chance, const Tensor& half) {
  return {half, chance.forward.gather(-1, half), chance.uniform.gather(-1, half)};
}

// Mean over the chosen ones, NaN where there are none.
Tensor mean_of(const Tensor& values, const Tensor& chosen) {
  return at::where(chosen, values, at::zeros_like(values)).sum(-1) / chosen.sum(-1);
}

// Share of the particles that are not in the half of their index.
Tensor swapped(const Tensor& order, std::int64_t first, const Tensor& like) {
  return (order.narrow(-1, 0, first) >= first).sum(-1).to(like.scalar_type()) * 2.0 /
         static_cast<double>(order.size(-1));
}

Info summary(const Updated& a, const Updated& b, const Chance& chance) {
  const Tensor acceptance = at::cat({a.acceptance, b.acceptance}, -1);
  const Tensor forward = chance.forward.gather(-1, chance.order);
  Info info;
  info.step_size = (a.map.step_size + b.map.step_size) / 2;
  info.step_bound = (a.map.bound + b.map.bound) / 2;
  info.bandwidth = (a.map.support.bandwidth + b.map.support.bandwidth) / 2;
  info.velocity_norm = at::cat({a.squared_velocity, b.squared_velocity}, -1).mean(-1).sqrt();
  info.acceptance = acceptance.mean(-1);
  info.acceptance_forward = mean_of(acceptance, forward);
  info.acceptance_inverse = mean_of(acceptance, forward.logical_not());
  info.nonfinite = a.nonfinite + b.nonfinite;
  return info;
}

// log N(to; from + h s(from), 2h I) up to a constant, (..., M).
Tensor log_langevin(const State& from, const Tensor& to, double h) {
  return -(to - from.particles - h * from.score).pow(2).sum(-1) / (4 * h);
}

// A Metropolis-adjusted Langevin move of every particle (46). Returns the acceptance, (..., M).
Tensor refresh(const LogDensity& target, double h, State& state, Info& info, Generator generator) {
  const Tensor noise = draw::normal_like(state.particles, generator);
  const Tensor uniform = draw::uniform_like(state.log_density, generator);
  State proposal = evaluate(target, state.particles + h * state.score + std::sqrt(2 * h) * noise);
  proposal.step = state.step;
  info.nonfinite += reject_nonfinite(proposal);
  const Tensor ratio =
      log_langevin(proposal, state.particles, h) - log_langevin(state, proposal.particles, h);
  const Tensor acceptance =
      stein::log_acceptance(proposal.log_density, state.log_density, ratio).exp();
  state = select(uniform < acceptance, proposal, state);
  return acceptance;
}

}  // namespace

SteinMh::SteinMh(SamplerOptions options) : options_(std::move(options)) { options_.validate(); }

State SteinMh::init(const LogDensity& target,
                    const Tensor& particles,
                    const Tensor& /*log_q*/) const {
  State state = initial_state(target, particles);
  require(particles.size(-2) >= 4,
          "stein-mh needs at least 4 particles in a set, two in either half; got {}",
          particles.size(-2));
  const BandwidthRule rule = options_.bandwidth.rule;
  require(
      particles.size(-2) >= 6 || (rule != BandwidthRule::kMedian && rule != BandwidthRule::kMmd),
      "stein-mh with --bandwidth {} needs at least 6 particles in a set: the median over the "
      "pairs of a half of 2 is zero; got {}",
      to_name(rule), particles.size(-2));
  return state;
}

Transition SteinMh::step(const LogDensity& target, const State& state, Generator generator) const {
  const at::NoGradGuard no_grad;
  Chance chance = draw_chance(state.log_density, options_.halves, generator);
  const auto particles = state.log_density.size(-1);
  const auto first = (particles + 1) / 2;
  const Tensor a = forward_first(chance.order.narrow(-1, 0, first), chance);
  const Tensor b = forward_first(chance.order.narrow(-1, first, particles - first), chance);
  chance.order = at::cat({a, b}, -1);

  const State fixed_b = take(state, b);
  const Updated new_a = update(target, options_, take(state, a), fixed_b, of_half(chance, a));
  const Updated new_b = update(target, options_, fixed_b, new_a.state, of_half(chance, b));
  Transition result{state, summary(new_a, new_b, chance)};
  put(result.state, a, new_a.state);
  put(result.state, b, new_b.state);
  result.state.step = state.step + 1;
  if (options_.refresh == Refresh::kLangevin) {
    result.info.acceptance_refresh =
        refresh(target, options_.refresh_step_size, result.state, result.info, generator).mean(-1);
  }
  result.info.swap_share = swapped(chance.order, first, state.log_density);
  return result;
}

}  // namespace ergon
