#include "ergon/sampler/transport.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <limits>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/moves.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kMostRows = 5000;

/// The map at all points, some rows at a time: the networks of a flow need far more room than the
/// points.
Mapped forward_by_pieces(const Bijection& map, const Tensor& points) {
  if (points.numel() <= kMostRows * points.size(-1)) return map.forward(points);
  std::vector<Tensor> reached, log_det;
  for (const Tensor& rows : points.reshape({-1, points.size(-1)}).split(kMostRows)) {
    Mapped mapped = map.forward(rows);
    reached.push_back(std::move(mapped.points));
    log_det.push_back(std::move(mapped.log_det));
  }
  const auto leading = points.sizes().slice(0, points.dim() - 1);
  return {at::cat(reached).view(points.sizes()), at::cat(log_det).view(leading)};
}

}  // namespace

Transport::Transport(const SamplerOptions& options, std::shared_ptr<const Bijection> map)
    : map_(std::move(map)) {
  options.validate();
  require(map_ != nullptr, "--sampler {} moves particles through a map, and none was given",
          to_name(options.kind));
}

State Transport::init(const LogDensity& target,
                      const Tensor& particles,
                      const Tensor& log_q) const {
  require(map_->dim() == target.dim(), "the map is one of R^{}, the target has {} dimensions",
          map_->dim(), target.dim());
  require(particles.dim() >= 2 && particles.size(-1) == target.dim(),
          "initial particles must have shape (..., M, {}), got [{}]", target.dim(),
          fmt::join(particles.sizes().vec(), ", "));
  require(particles.size(-2) >= 2, "a set needs at least 2 particles, got {}", particles.size(-2));
  State state = evaluate(target, particles);
  reject_nonfinite(state);
  state.log_q = log_q;
  return state;
}

Transition Transport::step(const LogDensity& target,
                           const State& state,
                           Generator /*generator*/) const {
  const Mapped mapped = forward_by_pieces(*map_, state.particles);
  const Tensor log_q = state.log_q - mapped.log_det;
  const Tensor reached = mapped.points.isfinite().all(-1).logical_and(log_q.isfinite());
  State next = evaluate(target, at::where(reached.unsqueeze(-1), mapped.points, state.particles));
  const Tensor nothing = at::full_like(next.log_density, std::numeric_limits<double>::quiet_NaN());
  next.log_density = at::where(reached, next.log_density, nothing);
  next.log_q = at::where(reached, log_q, state.log_q);
  next.step = state.step + 1;
  Info info;
  info.nonfinite = reject_nonfinite(next);
  return {std::move(next), info};
}

}  // namespace ergon
