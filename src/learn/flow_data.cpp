#include "flow_data.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

// Noise stays this far inside (0, 1), in units of its width: in float32 255 + u < 256 then, and
// 0 + u > 0, which the logit at a flow's end needs.
constexpr double kNoiseMargin = 1.0 / 65536;

void require_finite(const Tensor& rows, const char* what) {
  if (!at::isFloatingType(rows.scalar_type())) return;
  const Tensor bad = rows.isfinite().logical_not_();
  if (!bad.any().item<bool>()) return;
  const Tensor first = bad.nonzero()[0];
  const auto row = first[0].item<std::int64_t>(), column = first[1].item<std::int64_t>();
  fail("{}: row {}, column {} is {}; leave such rows out", what, row + 1, column + 1,
       rows[row][column].item<double>());
}

void require_rows(const Tensor& rows, std::int64_t dim, const char* what) {
  require(rows.defined() && rows.dim() == 2 && rows.size(0) >= 1 && rows.size(1) == dim,
          "{}: the flow needs (n, {}) numbers and at least one row, got {}", what, dim,
          rows.defined() ? fmt::format("{} dimensions with {} numbers", rows.dim(), rows.numel())
                         : "none");
  const auto type = rows.scalar_type();
  require(type == at::kFloat || type == at::kDouble || type == at::kByte,
          "{}: the numbers must be float32, float64 or uint8", what);
  require_finite(rows, what);
}

void require_contexts(const NormalizingFlow& flow, const TrainingData& data) {
  const std::int64_t size = flow.layers().context_dim();
  const bool given = data.train_context.defined() || data.held_out_context.defined();
  if (!given) {
    flow.context_for(data.train.narrow(0, 0, 1));  // throws where a context is needed and not bound
    return;
  }
  require(size > 0,
          "the data have contexts and the flow takes none: leave them out, or make a "
          "conditional flow");
  require_rows(data.train_context, size, "the training contexts");
  require_rows(data.held_out_context, size, "the held-out contexts");
  require(data.train_context.size(0) == data.train.size(0) &&
              data.held_out_context.size(0) == data.held_out.size(0),
          "every row of the data needs one context: got {} for {} rows of training data and {} for "
          "{} held-out rows",
          data.train_context.size(0), data.train.size(0), data.held_out_context.size(0),
          data.held_out.size(0));
}

}  // namespace

FlowData::FlowData(const NormalizingFlow& flow, TrainingData data, std::int64_t batch, Seed seed)
    : data_(std::move(data)), batch_(0), seed_(seed) {
  require_rows(data_.train, flow.dim(), "the training data");
  require_rows(data_.held_out, flow.dim(), "the held-out data");
  require(data_.dequantisation >= 0 && std::isfinite(data_.dequantisation),
          "the width of the dequantisation noise must not be negative, got {}",
          data_.dequantisation);
  require_contexts(flow, data_);
  batch_ = std::min(batch, data_.train.size(0));
  const auto parameters = flow.parameters();
  like_ = at::empty({0}, parameters.front().second.options().requires_grad(false));
}

Tensor FlowData::converted(const Tensor& rows, Seed noise) const {
  const Tensor points = rows.to(like_.options());
  if (data_.dequantisation == 0) return points;
  const Tensor uniform = draw::uniform_like(points, noise.generator());
  return points + data_.dequantisation * (kNoiseMargin + (1 - 2 * kNoiseMargin) * uniform);
}

ContextBatch FlowData::rows(Part part, std::int64_t first, std::int64_t count) const {
  const bool train = part == Part::kTrain;
  const Tensor& points = train ? data_.train : data_.held_out;
  const Tensor& context = train ? data_.train_context : data_.held_out_context;
  const Seed noise = seed_.child(train ? "train" : "held-out", static_cast<std::uint64_t>(first));
  ContextBatch batch;
  batch.data.points = converted(points.narrow(0, first, count), noise);
  if (context.defined()) batch.context = context.narrow(0, first, count).to(like_.options());
  return batch;
}

void FlowData::evaluate(const LogDensity& target) {
  require(data_.dequantisation == 0,
          "data whose log-density a target gives take no dequantisation noise: leave it out, or "
          "train by forward-total");
  const at::NoGradGuard no_graph;
  std::vector<Tensor> log_densities, scores;
  for (std::int64_t first = 0; first < data_.train.size(0); first += kChunk) {
    const std::int64_t count = std::min(kChunk, data_.train.size(0) - first);
    const auto found = target.log_density_and_score(rows(Part::kTrain, first, count).data.points);
    const Tensor good = found.log_density.isfinite() & found.score.isfinite().all(-1);
    const Tensor bad = good.logical_not().nonzero();
    require(bad.size(0) == 0,
            "the training data: at row {} the target's log-density or score is not finite; leave "
            "such rows out, or train by forward-total",
            bad.size(0) == 0 ? 0 : first + bad[0][0].item<std::int64_t>() + 1);
    log_densities.push_back(found.log_density);
    scores.push_back(found.score);
  }
  log_density_ = at::cat(log_densities);
  score_ = at::cat(scores);
}

ContextBatch FlowData::batch(std::int64_t iteration) {
  const std::int64_t per_epoch = data_.train.size(0) / batch_;
  const std::int64_t epoch = (iteration - 1) / per_epoch;
  if (epoch != epoch_) {
    permutation_ = at::randperm(data_.train.size(0),
                                seed_.child("epoch", static_cast<std::uint64_t>(epoch)).generator(),
                                at::TensorOptions().dtype(at::kLong));
    epoch_ = epoch;
  }
  const Tensor chosen = permutation_.narrow(0, (iteration - 1) % per_epoch * batch_, batch_);
  const auto chosen_of = [&](const Tensor& of) {
    return of.defined() ? of.index_select(0, chosen.to(of.device())) : Tensor();
  };
  ContextBatch batch;
  batch.data.points = converted(chosen_of(data_.train),
                                seed_.child("dequantise", static_cast<std::uint64_t>(iteration)));
  batch.data.log_density = chosen_of(log_density_);
  batch.data.score = chosen_of(score_);
  if (data_.train_context.defined())
    batch.context = chosen_of(data_.train_context).to(like_.options());
  return batch;
}

Tensor FlowData::has_density(const NormalizingFlow& flow, const ContextBatch& batch) const {
  const at::NoGradGuard no_graph;
  const Tensor& points = batch.data.points;
  return (batch.context.defined() ? flow.given(batch.context).log_prob(points)
                                  : flow.log_prob(points))
      .isfinite();
}

void FlowData::require_within_support(const NormalizingFlow& flow, Part part) const {
  const bool train = part == Part::kTrain;
  const Tensor& points = train ? data_.train : data_.held_out;
  // The supports on offer are boxes: where the corners of the data's own box lie within, all do.
  ContextBatch corners = rows(part, 0, 1);
  corners.data.points =
      converted(at::stack({std::get<0>(points.min(0)), std::get<0>(points.max(0))}), seed_);
  if (corners.context.defined()) corners.context = corners.context.expand({2, -1});
  if (has_density(flow, corners).all().item<bool>()) return;
  for (std::int64_t first = 0; first < points.size(0); first += kChunk) {
    const std::int64_t count = std::min(kChunk, points.size(0) - first);
    const Tensor bad = has_density(flow, rows(part, first, count)).logical_not_();
    if (!bad.any().item<bool>()) continue;
    fail(
        "the {} data: row {} has density zero under the flow: it lies outside the support, or its "
        "numbers are too large; leave "
        "the row out, or change --flow-support and its ends",
        train ? "training" : "held-out", first + bad.nonzero()[0][0].item<std::int64_t>() + 1);
  }
}

}  // namespace ergon::internal
