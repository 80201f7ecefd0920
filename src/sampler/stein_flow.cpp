#include "ergon/sampler/stein_flow.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kRowsAtOnce = 8192;  // bounds the memory beyond the draws themselves
constexpr const char* kNoDerivatives =
    "the density of a Stein flow has no derivatives, since it is found by inversion: take the "
    "score "
    "of the target it was recorded on";

/// The support without its dropped points.
stein::Support live_support(const stein::Support& support) {
  if (!support.alive.defined()) return support;
  const Tensor live = support.alive.nonzero().squeeze(-1);
  return {support.points.index_select(0, live),
          support.score.index_select(0, live),
          support.bandwidth,
          {}};
}

/// Applies `map`, (n, D) -> Mapped, to blocks of the rows of points (..., n, D).
template <class Map>
Mapped in_blocks(const Tensor& points, std::int64_t dim, const Map& map) {
  require(points.dim() >= 2 && points.size(-1) == dim,
          "a Stein flow in {} dimensions takes points (..., n, {}), got {} axes and {} coordinates",
          dim, dim, points.dim(), points.dim() > 0 ? points.size(-1) : 0);
  const Tensor rows = points.reshape({-1, dim});
  std::vector<Tensor> ends, log_dets;
  for (const Tensor& block : rows.split(kRowsAtOnce)) {
    Mapped mapped = map(block);
    ends.push_back(std::move(mapped.points));
    log_dets.push_back(std::move(mapped.log_det));
  }
  const auto count = points.sizes().slice(0, points.sizes().size() - 1);
  return {at::cat(ends).view(points.sizes()), at::cat(log_dets).view(count)};
}

stein::Determinant exact_determinant(FlowDeterminant determinant) {
  if (determinant == FlowDeterminant::kDense) return stein::Determinant::kDense;
  if (determinant == FlowDeterminant::kLowRank) return stein::Determinant::kLowRank;
  return stein::Determinant::kAuto;
}

/// Rows (n, D) through every step and the affine map; `push` is one step with its log-determinant.
template <class Push>
Mapped push_rows(const std::vector<SteinStep>& steps,
                 const std::optional<AffineMap>& affine,
                 const Tensor& rows,
                 const Push& push) {
  Mapped end = {rows, at::zeros({rows.size(0)}, rows.options())};
  for (const SteinStep& step : steps) {
    stein::Pushed pushed = push(step, end.points);
    end = {std::move(pushed.points), end.log_det + pushed.log_det};
  }
  if (!affine) return end;
  Mapped placed = affine->forward(end.points);
  return {std::move(placed.points), end.log_det + placed.log_det};
}

Mapped pull_rows(const std::vector<SteinStep>& steps,
                 const std::optional<AffineMap>& affine,
                 const Tensor& rows) {
  Mapped end =
      affine ? affine->inverse(rows) : Mapped{rows, at::zeros({rows.size(0)}, rows.options())};
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    stein::Inverted found = stein::invert(step->support, step->step_size, end.points);
    end = {std::move(found.points), end.log_det - found.log_det};
  }
  return end;
}

void require_one_step(const SteinStep& step, std::size_t number, const Tensor& mean) {
  const stein::Support& support = step.support;
  const auto dim = mean.size(1);
  require(support.points.dim() == 2 && support.points.size(1) == dim && support.points.size(0) > 0,
          "step {} of a Stein flow needs support points (M, {}) of one set, at least one of them",
          number, dim);
  require(support.score.sizes() == support.points.sizes(),
          "step {} of a Stein flow needs one score for every support point", number);
  require(support.bandwidth.dim() == 0 && step.step_size.dim() == 0,
          "step {} of a Stein flow needs a single bandwidth and step size", number);
  for (const Tensor& part :
       {support.points, support.score, support.bandwidth, Tensor(step.step_size)}) {
    require(part.scalar_type() == mean.scalar_type(),
            "step {} of a Stein flow and its initial distribution must have one element type",
            number);
    require(part.isfinite().all().item<bool>(), "step {} of a Stein flow holds NaN or infinity",
            number);
  }
  const double bandwidth = support.bandwidth.item<double>();
  require(bandwidth > 0, "the bandwidth of step {} must be positive, got {}", number, bandwidth);
  const double size = step.step_size.item<double>();
  const double bound = 1 / stein::lipschitz_bound(support).item<double>();
  require(size >= 0 && size < bound,
          "the step size {} of step {} must not be negative and must lie below the certified bound "
          "{}: cut it, as record_step does",
          size, number, bound);
}

SteinStep detached(const SteinStep& step) {
  const stein::Support& support = step.support;
  return {{support.points.detach(), support.score.detach(), support.bandwidth.detach(),
           support.alive.defined() ? support.alive.detach() : Tensor()},
          step.step_size.detach()};
}

/// Fails unless the arrays of a saved flow fit each other.
void require_saved_shapes(const std::string& path,
                          const Tensor& sizes,
                          const std::vector<Tensor>& rows,
                          const std::vector<Tensor>& numbers) {
  bool fits = sizes.dim() == 1 && sizes.scalar_type() == at::kLong;
  if (fits) {
    fits = sizes.numel() == 0 || (sizes > 0).all().item<bool>();
    const auto total = sizes.sum().item<std::int64_t>();
    for (const Tensor& row : rows) fits = fits && row.dim() == 2 && row.size(0) == total;
    for (const Tensor& number : numbers) fits = fits && number.sizes() == sizes.sizes();
  }
  require(fits, "{}: the arrays of the steps do not fit each other; save the flow again", path);
}

}  // namespace

SteinStep record_step(const State& state,
                      const Tensor& bandwidth,
                      const Tensor& step_size,
                      double safety) {
  require(safety > 0 && safety < 1,
          "the share of the certified bound must lie between 0 and 1, both excluded, got {}",
          safety);
  const at::NoGradGuard no_grad;
  SteinStep step = detached({{state.particles, state.score, bandwidth, state.alive}, step_size});
  step.step_size = at::minimum(step.step_size, safety / stein::lipschitz_bound(step.support));
  return step;
}

SteinStep step_of_set(const SteinStep& step, std::int64_t set) {
  const stein::Support& all = step.support;
  require(all.points.dim() == 3 && set >= 0 && set < all.points.size(0),
          "set {} cannot be taken out of a record with {} sets", set,
          all.points.dim() == 3 ? all.points.size(0) : 0);
  const Tensor alive = all.alive.defined() ? all.alive[set] : Tensor();
  const stein::Support one = {all.points[set], all.score[set], all.bandwidth[set], alive};
  return {live_support(one), step.step_size[set]};
}

SteinFlow::SteinFlow(InitialDistribution initial,
                     std::vector<SteinStep> steps,
                     std::optional<AffineMap> affine,
                     Method method)
    : initial_(initial.mean().detach().clone(), initial.log_stddev().detach().clone()),
      method_(method) {
  const at::NoGradGuard no_grad;
  require(method_.series_terms >= 1 && method_.series_probes >= 1,
          "the power series needs at least one term and one probe, got {} and {}",
          method_.series_terms, method_.series_probes);
  require(initial_.mean().isfinite().all().item<bool>() &&
              initial_.log_stddev().isfinite().all().item<bool>(),
          "the initial distribution of a Stein flow holds NaN or infinity");
  steps_.reserve(steps.size());
  for (const SteinStep& given : steps) {
    SteinStep step = detached(given);
    step.support = live_support(step.support);
    require_one_step(step, steps_.size() + 1, initial_.mean());
    steps_.push_back(std::move(step));
  }
  if (!affine) return;
  require(affine->dim() == dim() && affine->scale().scalar_type() == initial_.mean().scalar_type(),
          "the affine map of a Stein flow must have its dimension, {}, and its element type",
          dim());
  affine_.emplace(affine->location().detach().clone(), affine->scale().detach());
}

std::int64_t SteinFlow::dim() const { return initial_.dim(); }

Mapped SteinFlow::forward(const Tensor& z) const {
  const at::NoGradGuard no_grad;
  const auto determinant = exact_determinant(method_.determinant);
  const auto push = [&](const SteinStep& step, const Tensor& rows) {
    return stein::push_forward(step.support, step.step_size, rows, determinant);
  };
  return in_blocks(z.detach().to(initial_.mean().options()), dim(),
                   [&](const Tensor& rows) { return push_rows(steps_, affine_, rows, push); });
}

Mapped SteinFlow::inverse(const Tensor& x) const {
  const at::NoGradGuard no_grad;
  return in_blocks(x.detach().to(initial_.mean().options()), dim(),
                   [&](const Tensor& rows) { return pull_rows(steps_, affine_, rows); });
}

// (25): log q(x) = log q⁰(z) - log|det ∇T(z)|, T(z) = x.
Tensor SteinFlow::log_prob(const Tensor& x) const {
  const at::NoGradGuard no_grad;
  const Mapped start = inverse(x);
  return initial_.log_prob(start.points) + start.log_det;
}

LogDensityAndScore SteinFlow::log_density_and_score(const Tensor& /*x*/) const {
  fail("{}", kNoDerivatives);
}

Tensor SteinFlow::hessian_vector_product(const Tensor& /*x*/, const Tensor& /*v*/) const {
  fail("{}", kNoDerivatives);
}

Draws SteinFlow::sample_with_log_prob(std::int64_t count, Generator generator) const {
  require(count >= 1, "a Stein flow cannot give {} draws: ask for at least one", count);
  const at::NoGradGuard no_grad;
  const Draws start = initial_.sample_with_log_prob(count, generator);
  Mapped end;
  if (method_.determinant == FlowDeterminant::kSeries) {
    const auto push = [&](const SteinStep& step, const Tensor& rows) {
      return stein::push_forward_series(step.support, step.step_size, rows, method_.series_terms,
                                        method_.series_probes, generator);
    };
    end = in_blocks(start.particles, dim(),
                    [&](const Tensor& rows) { return push_rows(steps_, affine_, rows, push); });
  } else {
    end = forward(start.particles);
  }
  return {end.points, start.log_q - end.log_det};
}

// The supports of all steps one below the other: a run of 500 steps stays one small file.
void SteinFlow::save(const std::string& path) const {
  const auto options = initial_.mean().options();
  const auto count = static_cast<std::int64_t>(steps_.size());
  std::vector<std::int64_t> sizes;
  std::vector<Tensor> points = {at::empty({0, dim()}, options)}, scores = points;
  Tensor bandwidths = at::empty({count}, options), step_sizes = at::empty({count}, options);
  for (const SteinStep& step : steps_) {
    const auto l = static_cast<std::int64_t>(sizes.size());
    bandwidths[l].copy_(step.support.bandwidth);
    step_sizes[l].copy_(step.step_size);
    sizes.push_back(step.support.points.size(0));
    points.push_back(step.support.points);
    scores.push_back(step.support.score);
  }
  NamedTensors tensors = {{"initial.mean", initial_.mean()},
                          {"initial.log_stddev", initial_.log_stddev()},
                          {"steps.size", at::tensor(sizes, at::kLong)},
                          {"steps.points", at::cat(points)},
                          {"steps.score", at::cat(scores)},
                          {"steps.bandwidth", bandwidths},
                          {"steps.step_size", step_sizes}};
  if (affine_) {
    tensors.emplace_back("affine.location", affine_->location());
    tensors.emplace_back("affine.scale", affine_->scale());
  }
  save_tensors(path, tensors);
}

SteinFlow SteinFlow::load(const std::string& path, Method method) {
  const NamedTensors tensors = load_tensors(path);
  const auto find = [&](const char* name) { return find_tensor(tensors, name, path); };
  const Tensor mean = find("initial.mean"), log_stddev = find("initial.log_stddev");
  require(mean.dim() == 2 && mean.sizes() == log_stddev.sizes(),
          "{}: the initial distribution needs a mean and a log_stddev of one shape (K, D)", path);
  const Tensor sizes = find("steps.size"), points = find("steps.points");
  const Tensor scores = find("steps.score"), bandwidths = find("steps.bandwidth");
  const Tensor step_sizes = find("steps.step_size");
  require_saved_shapes(path, sizes, {points, scores}, {bandwidths, step_sizes});
  std::vector<SteinStep> steps;
  std::int64_t first = 0;
  for (std::int64_t l = 0; l < sizes.numel(); ++l) {
    const auto size = sizes[l].item<std::int64_t>();
    steps.push_back(
        {{points.narrow(0, first, size), scores.narrow(0, first, size), bandwidths[l], {}},
         step_sizes[l]});
    first += size;
  }
  const bool placed = std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    return entry.first == "affine.location";
  });
  try {
    std::optional<AffineMap> affine;
    if (placed) affine.emplace(find("affine.location"), find("affine.scale"));
    return SteinFlow({mean, log_stddev}, std::move(steps), std::move(affine), method);
  } catch (const InvalidInput& problem) {
    fail("{}: {}", path, problem.what());
  }
}

}  // namespace ergon
