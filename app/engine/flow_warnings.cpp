#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ergon/estimate/expectation.hpp"
#include "flow_result.hpp"
#include "start.hpp"

namespace ergon::app {
namespace {

using Texts = std::vector<std::string>;

constexpr double kSmallEssShare = 0.1;
constexpr double kMissedNoise = 4.0;  // standard errors
constexpr double kSmallMissed = 0.05;
constexpr double kWorseNoise = 2.0;  // standard errors
constexpr double kSmallWorse = 0.05;
constexpr double kEarly = 0.5;  // share of the iterations
constexpr std::size_t kMostColumns = 5;

void warn_about_weights(const FlowFindings& findings, Texts& texts) {
  if (!findings.weights_failure.empty())
    texts.push_back("log Z, entropy and ELBO could not be had: " + findings.weights_failure);
  if (!findings.gradients_failure.empty())
    texts.push_back("gradients could not be compared: " + findings.gradients_failure);
  if (!findings.forward_failure.empty()) {
    texts.push_back("what exact draws of the target say could not be had: " +
                    findings.forward_failure);
  }
  if (findings.nonfinite > 0) {
    texts.push_back(fmt::format(
        "log p̄ was not a number at {} of {} draws of the flow, which count as weight zero",
        findings.nonfinite, findings.draws.size(0)));
  }
  if (!findings.weights) return;
  for (std::string& reason : reasons_for_distrust(*findings.weights))
    texts.push_back(std::move(reason));
  if (findings.weights->ess_share < kSmallEssShare) {
    texts.push_back(fmt::format(
        "the importance weights are worth only {:.2g} % of the draws: the flow is far from the "
        "target; take more --iterations, a larger --flow-layers or --flow-hidden, or another "
        "--flow (spline-coupling bends more)",
        100 * findings.weights->ess_share));
  }
}

/// KL(p||q) from exact draws of p against what the flow's own weighted draws say of it: they cannot
/// see mass where the flow has none. Whether it warned.
bool warn_about_missed_mass(const FlowFindings& findings, bool reverse, Texts& texts) {
  if (!findings.weights || !findings.forward) return false;
  const Tensor log_weight = findings.log_density - findings.log_q;
  const Expectation seen =
      expectation_under_weights(log_weight.unsqueeze(1), {log_weight, findings.log_density});
  const Estimate& eubo = findings.forward->eubo;
  const double excess = eubo.value - seen.mean.item<double>();
  const double noise = std::hypot(eubo.standard_error, seen.standard_error.item<double>());
  if (excess <= kMissedNoise * noise + kSmallMissed) return false;  // an infinite EUBO goes on
  texts.push_back(
      fmt::format("exact draws of the target find mass that the flow misses: the EUBO is {:.4g}, "
                  "the flow's own draws say {:.4g}; log Z and entropy leave that mass out, which "
                  "Pareto k cannot see; {}",
                  eubo.value, seen.mean.item<double>(),
                  reverse ? "the reverse KL divergence drops modes: take --train-draws, whose "
                            "forward KL covers them"
                          : "take more --iterations, more points, or another --flow"));
  return true;
}

/// Places where q is far too small weigh much at exact draws, and are hardly ever drawn from q.
void warn_about_forward_weights(const FlowFindings& findings, Texts& texts) {
  if (!findings.weights || !findings.forward) return;
  const Estimate& forward = findings.forward->ess_share;
  const double reverse = findings.weights->ess_share;
  if (reverse < kSmallEssShare) return;  // said already
  if (!(forward.value + kWorseNoise * forward.standard_error < kSmallEssShare)) return;
  texts.push_back(fmt::format(
      "the forward ESS is {:.2g} % where the flow's own draws say {:.2g} %: at some exact draws of "
      "the target the flow's density is far too small (tails, or a mode), which its own draws "
      "hardly meet; log Z and entropy may be off by more than their errors",
      100 * forward.value, 100 * reverse));
}

double last_held_out(const std::vector<FitRow>& trace) {
  for (auto row = trace.rbegin(); row != trace.rend(); ++row) {
    if (!std::isnan(row->held_out)) return row->held_out;
  }
  return std::nan("");
}

void warn_about_training(const FlowSession& session, const FlowRunParts& parts, Texts& texts) {
  const NormalizingFlowFit& fit = session.fit();
  const auto done = static_cast<std::int64_t>(fit.trace().size());
  if (fit.skipped() > 0) {
    texts.push_back(
        fmt::format("{} of {} iterations had a gradient that was not finite and changed nothing; "
                    "try a smaller --learning-rate or --precision double",
                    fit.skipped(), done));
  }
  const auto& nll = session.findings().negative_log_likelihood;
  const bool reverse = is_reverse(parts.settings.fit.gradient);
  const double noise = !reverse && nll ? nll->standard_error : 0.0;
  const double last = last_held_out(fit.trace());
  const bool worse = !(last <= fit.best_objective() + kWorseNoise * noise + kSmallWorse);
  const bool early =
      static_cast<double>(fit.best_iteration()) <= kEarly * static_cast<double>(done);
  if (worse && early) {
    texts.push_back(fmt::format(
        "the best iteration is {} of {}, with {:.4g} on held-out {}; at the end it is {:.4g}: {}",
        fit.best_iteration(), done, fit.best_objective(), reverse ? "draws" : "points", last,
        reverse ? "the training diverged; take a smaller --learning-rate"
                : "the later ones over-fit, and the best is kept; take more points, a smaller "
                  "flow, or --patience to stop in time"));
  } else if (fit.best_iteration() == 0) {
    texts.push_back(fmt::format(
        "no iteration improved on the start, which is what is kept (held-out objective {:.4g}); "
        "take more --iterations or another --learning-rate",
        fit.best_objective()));
  }
}

void warn_about_likelihood(const FlowFindings& findings, Texts& texts) {
  const auto& nll = findings.negative_log_likelihood;
  if (!nll || std::isfinite(nll->value)) return;
  texts.push_back(
      fmt::format("{} is no finite number: the flow gives some of these points the density zero; "
                  "they lie outside its --flow-support, or too far away",
                  nll->method));
}

/// A density can grow without bound at points that many rows share.
void warn_about_whole_numbers(const FlowInput& input, const FlowDataOptions& data, Texts& texts) {
  if (data.samples.empty() || input.image) return;
  const Tensor& rows = input.data->train;
  const Tensor whole = rows.eq(rows.round()).all(0).nonzero().flatten();
  if (whole.numel() == 0) return;
  std::vector<std::int64_t> columns;
  for (std::int64_t i = 0; i < whole.numel() && columns.size() < kMostColumns; ++i)
    columns.push_back(whole[i].item<std::int64_t>() + 1);
  const bool more = columns.size() < static_cast<std::size_t>(whole.numel());
  texts.push_back(fmt::format(
      "column {}{} of {} holds whole numbers alone: a density grows without bound at values that "
      "many rows share, and its likelihood says little; leave such columns out, or add noise",
      fmt::join(columns, ", "), more ? ", …" : "", data.samples));
}

}  // namespace

std::vector<std::string> flow_warnings(const FlowSession& session, const FlowRunParts& parts) {
  Texts texts;
  if (!parts.runtime.optimised_blas) texts.push_back(blas_warning(parts.runtime));
  warn_about_training(session, parts, texts);
  warn_about_weights(session.findings(), texts);
  if (!warn_about_missed_mass(session.findings(), is_reverse(parts.settings.fit.gradient), texts))
    warn_about_forward_weights(session.findings(), texts);
  warn_about_likelihood(session.findings(), texts);
  warn_about_whole_numbers(parts.input, parts.settings.data, texts);
  return texts;
}

}  // namespace ergon::app
