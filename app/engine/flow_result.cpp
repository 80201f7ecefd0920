#include "flow_result.hpp"

#include <ATen/ATen.h>

#include "json_parts.hpp"

namespace ergon::app {
namespace {

Json target_json(const Target* target) {
  if (target == nullptr) return nullptr;
  const KnownAnswers known = target->known();
  return {{"name", target->name()},
          {"dim", target->dim()},
          {"log_z", number(known.log_z)},
          {"log_z_standard_error", number(known.log_z_standard_error)},
          {"entropy", number(known.entropy)}};
}

Json data_json(const FlowRunParts& parts) {
  const FlowInput& input = parts.input;
  if (!input.data) return nullptr;
  Json json = {{"samples", parts.settings.data.samples},
               {"train", input.data->train.size(0)},
               {"held_out", input.data->held_out.size(0)}};
  json["image"] =
      input.image ? Json::array({input.image->channels, input.image->rows, input.image->columns})
                  : Json(nullptr);
  return json;
}

Json flow_json(const FlowSession& session, const FlowRunParts& parts) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : session.flow().parameters()) count += tensor.numel();
  return {{"name", to_name(parts.settings.flow.architecture)},
          {"dim", parts.input.dim},
          {"parameters", count},
          {"precision", to_name(parts.settings.precision)}};
}

Json fit_json(const FlowSession& session, const FlowRunParts& parts) {
  const NormalizingFlowFit& fit = session.fit();
  return {{"gradient", to_name(parts.settings.fit.gradient)},
          {"batch", parts.settings.fit.batch},
          {"iterations", fit.trace().size()},
          {"best_iteration", fit.best_iteration()},
          {"objective", number(fit.best_objective())},
          {"skipped", fit.skipped()},
          {"seconds", session.training_seconds()}};
}

template <class Value>
std::optional<Estimate> member(const std::optional<Value>& from, Estimate Value::*which) {
  return from ? std::optional<Estimate>((*from).*which) : std::nullopt;
}

/// By estimator; null where none were compared.
Json gradients_json(const FlowFindings& findings) {
  Json json;
  for (const EstimatorSpread& spread : findings.gradients) {
    json[std::string(to_name(spread.estimator))] = {
        {"total", number(spread.variance.total)},
        {"standard_error", number(spread.variance.standard_error)},
        {"squared_mean", number(spread.variance.squared_mean)}};
  }
  return json;
}

void add_findings(const FlowFindings& findings, Json& json) {
  const auto& weights = findings.weights;
  const auto& forward = findings.forward;
  json["log_z"] = to_json(member(weights, &ImportanceEstimates::log_z));
  json["entropy"] = to_json(member(weights, &ImportanceEstimates::entropy));
  json["elbo"] = to_json(member(weights, &ImportanceEstimates::elbo));
  json["eubo"] = to_json(member(forward, &ForwardEstimates::eubo));
  json["reverse_kl"] = to_json(findings.reverse_kl);
  json["forward_kl"] = to_json(findings.forward_kl);
  json["ess_share"] = weights ? number(weights->ess_share) : Json(nullptr);
  json["forward_ess_share"] = to_json(member(forward, &ForwardEstimates::ess_share));
  json["pareto_k"] = weights ? shape(weights->pareto_k) : Json(nullptr);
  json["draws"] = findings.draws.size(0);
  json["nonfinite_draws"] = findings.nonfinite;
  json["negative_log_likelihood"] = to_json(findings.negative_log_likelihood);
  json["train_negative_log_likelihood"] = to_json(findings.train_negative_log_likelihood);
  json["nll_minus_entropy"] = to_json(findings.nll_minus_entropy);
  json["bits_per_dimension"] = to_json(findings.bits_per_dimension);
  json["gradient_variance"] = gradients_json(findings);
}

}  // namespace

Json flow_result_json(const FlowSession& session, const FlowRunParts& parts) {
  Json json;
  json["schema"] = "ergon-fit-flow-result/1";
  json["status"] = session.fit().stopped_early() ? "stopped-early" : "finished";
  json["target"] = target_json(parts.input.target.get());
  json["data"] = data_json(parts);
  json["flow"] = flow_json(session, parts);
  json["fit"] = fit_json(session, parts);
  add_findings(session.findings(), json);
  const auto counts = session.evaluations();
  json["target_evaluations"] = counts ? to_json(*counts) : Json(nullptr);
  json["warnings"] = flow_warnings(session, parts);
  json["seconds"] = session.seconds();
  json["seed"] = parts.settings.seed;
  json["date"] = utc_now();
  add_origin(parts.runtime, json);
  json["options"] = to_json(parts.settings);
  return json;
}

}  // namespace ergon::app
