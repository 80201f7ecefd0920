#include "flow_findings.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/image/dataset.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kChunk = 1000;            // points at once
constexpr std::int64_t kMostTrainRows = 10'000;  // for the likelihood of what it learned from

/// Thrown out of the work by an interruption.
struct Stopped {};

Estimate estimate_of(double value, double standard_error, std::string method) {
  Estimate estimate{value, standard_error, std::move(method)};
  estimate.interval = interval_around(value, standard_error);
  return estimate;
}

/// Mean of independent numbers (n).
Estimate mean_of(const Tensor& values, std::string method) {
  const auto count = static_cast<double>(values.size(0));
  const double error = std::sqrt(values.var(0).item<double>() / count);
  return estimate_of(values.mean().item<double>(), error, std::move(method));
}

/// log p̄ in float64; what is no number has weight zero, and is counted.
Tensor usable(const Tensor& log_density, std::int64_t& nonfinite) {
  const Tensor values = log_density.to(at::kDouble);
  const Tensor broken = values.isnan().logical_or(values.isposinf());
  nonfinite += broken.sum().item<std::int64_t>();
  return values.masked_fill(broken, -std::numeric_limits<double>::infinity());
}

class Judge {
 public:
  Judge(const NormalizingFlow& flow,
        const LogDensity* density,
        const FlowInput& input,
        const FitFlowSettings& settings,
        const std::function<bool()>& interrupted)
      : flow_(flow),
        density_(density),
        input_(input),
        settings_(settings),
        interrupted_(interrupted),
        seed_(Seed(settings.seed).child("findings")) {}

  FlowFindings judge() {
    draw();
    if (density_ != nullptr) {
      weigh();
      visit_exact_draws();
      compare_with_known();
      if (settings_.gradient_batches > 0) compare_spreads();
    }
    visit_data();
    return std::move(findings_);
  }

 private:
  void heed() const {
    if (interrupted_()) throw Stopped{};
  }

  void draw() {
    std::vector<Tensor> points, log_q, log_density;
    for (std::int64_t done = 0; done < settings_.draws; done += kChunk) {
      heed();
      const std::int64_t count = std::min(kChunk, settings_.draws - done);
      const Draws part = flow_.sample_with_log_prob(
          count, seed_.child("draws", static_cast<std::uint64_t>(done)).generator());
      points.push_back(part.particles);
      log_q.push_back(part.log_q.to(at::kDouble));
      if (density_ != nullptr)
        log_density.push_back(usable(density_->log_density(part.particles), findings_.nonfinite));
    }
    findings_.draws = at::cat(points);
    findings_.log_q = at::cat(log_q);
    if (density_ != nullptr) findings_.log_density = at::cat(log_density);
  }

  void weigh() {
    try {
      findings_.weights =
          importance_estimates({findings_.log_density - findings_.log_q, findings_.log_density});
    } catch (const NumericalFailure& failure) {
      findings_.weights_failure = failure.what();
    }
  }

  /// f(rows) for all rows, some at a time, in float64.
  template <class Function>
  Tensor in_chunks(const Tensor& rows, const Function& f) const {
    std::vector<Tensor> parts;
    for (const Tensor& part : rows.split(kChunk)) {
      heed();
      parts.push_back(f(part).to(at::kDouble));
    }
    return at::cat(parts);
  }

  Tensor log_q_at(const Tensor& rows) const {
    return in_chunks(rows, [this](const Tensor& part) { return flow_.log_prob(part); });
  }

  void visit_exact_draws() {
    const auto exact = input_.target->sample(settings_.draws, seed_.child("exact").generator());
    if (!exact) return;
    findings_.exact = exact->to(flow_.type());
    const Tensor log_q = log_q_at(findings_.exact);
    const Tensor log_p = in_chunks(
        findings_.exact, [this](const Tensor& part) { return density_->log_density(part); });
    try {
      findings_.forward = forward_estimates(log_p - log_q);
    } catch (const NumericalFailure& failure) {
      findings_.forward_failure = failure.what();
    }
    if (settings_.data.samples.empty()) {
      findings_.negative_log_likelihood =
          mean_of(-log_q, "mean -log q over fresh exact draws of the target");
    }
  }

  void compare_with_known() {
    const KnownAnswers known = input_.target->known();
    if (!known.log_z) return;
    const auto difference = [&known](const Estimate& bound, double sign, const char* method) {
      return estimate_of(sign * (bound.value - *known.log_z),
                         std::hypot(bound.standard_error, known.log_z_standard_error), method);
    };
    if (findings_.weights)
      findings_.reverse_kl = difference(findings_.weights->elbo, -1, "known log Z - ELBO");
    if (findings_.forward)
      findings_.forward_kl = difference(findings_.forward->eubo, 1, "EUBO - known log Z");
  }

  void compare_spreads() {
    const GradientComparisonOptions options{settings_.gradient_batches, settings_.fit.batch};
    const auto exact = input_.target->sample(options.batches * options.batch,
                                             seed_.child("gradient points").generator());
    heed();
    try {
      findings_.gradients = compare_gradients(flow_, *density_, exact.value_or(Tensor()), options,
                                              seed_.child("gradients"));
    } catch (const NumericalFailure& failure) {
      findings_.gradients_failure = failure.what();
    }
  }

  /// -log q at rows of the data, with the noise that makes whole numbers continuous.
  Estimate likelihood_at(const Tensor& rows, const char* purpose, const char* method) const {
    const bool whole = input_.data->dequantisation > 0;
    const Tensor points = whole ? dequantized(rows, flow_.type(), seed_.child(purpose).generator())
                                : rows.to(flow_.type());
    return mean_of(-log_q_at(points), method);
  }

  void visit_data() {
    if (input_.data) {
      const Tensor& train = input_.data->train;
      findings_.train_negative_log_likelihood =
          likelihood_at(train.slice(0, 0, kMostTrainRows), "train noise",
                        "mean -log q over points it learned from");
    }
    if (input_.test.defined()) {
      findings_.negative_log_likelihood =
          likelihood_at(input_.test, "test noise", "mean -log q over the test points");
    } else if (!settings_.data.samples.empty()) {
      findings_.negative_log_likelihood =
          likelihood_at(input_.data->held_out, "held-out noise",
                        "mean -log q over the held-out points, which also chose the iteration");
    }
    const auto& nll = findings_.negative_log_likelihood;
    if (!nll) return;
    if (input_.target && input_.target->known().entropy) {
      findings_.nll_minus_entropy =
          estimate_of(nll->value - *input_.target->known().entropy, nll->standard_error,
                      nll->method + ", less the known entropy");
    }
    if (input_.image) {
      findings_.bits_per_dimension = estimate_of(
          bits_per_dimension(-nll->value, input_.dim),
          bits_per_dimension(-nll->standard_error, input_.dim), nll->method + ", over D log 2");
    }
  }

  const NormalizingFlow& flow_;
  const LogDensity* density_;
  const FlowInput& input_;
  const FitFlowSettings& settings_;
  const std::function<bool()>& interrupted_;
  Seed seed_;
  FlowFindings findings_;
};

}  // namespace

std::optional<FlowFindings> judge_flow(const NormalizingFlow& flow,
                                       const LogDensity* density,
                                       const FlowInput& input,
                                       const FitFlowSettings& settings,
                                       const std::function<bool()>& interrupted) {
  const at::NoGradGuard no_grad;
  try {
    return Judge(flow, density, input, settings, interrupted).judge();
  } catch (const Stopped&) {
    return std::nullopt;
  }
}

}  // namespace ergon::app
