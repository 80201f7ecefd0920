#include "result.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "json_parts.hpp"
#include "metrics.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kMostMoments = 100;

Json count(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json numbers(const Tensor& values) {
  const Tensor flat = values.to(at::kDouble).contiguous();
  Json list = Json::array();
  for (std::int64_t i = 0; i < flat.numel(); ++i)
    list.push_back(number(flat.data_ptr<double>()[i]));
  return list;
}

/// For targets of moderate dimension.
Json moments(const Session& session, const RunSettings& settings, std::int64_t dim) {
  if (dim > kMostMoments) return nullptr;
  const Moments found = moments_of(session, settings, dim);
  const Tensor& error = found.coordinates.standard_error;
  return {{"of", found.of},
          {"mean", numbers(found.coordinates.mean)},
          {"stddev", numbers(found.coordinates.stddev)},
          {"mean_standard_error", error.defined() ? numbers(error) : Json(nullptr)}};
}

/// The published estimates, beside those of the flow.
Json particles_json(const Conclusions& conclusions, const SamplerOptions& options) {
  const RunSummary& particles = conclusions.particles;
  const bool on_top =
      conclusions.source == Source::kParticles || conclusions.source == Source::kWeights;
  if (on_top || !particles.log_z) return nullptr;
  return {{"log_z", to_json(particles.log_z)},
          {"entropy", to_json(particles.entropy)},
          {"elbo", to_json(particles.elbo)},
          {"ess_share", number(particles.ess_share)},
          {"density", to_name(options.density.method)}};
}

Json chains_json(const std::optional<ChainDiagnostics>& chains) {
  if (!chains) return nullptr;
  return {{"r_hat_max", number(chains->r_hat_max)},
          {"bulk_ess_min", number(chains->bulk_ess_min)},
          {"tail_ess_min", number(chains->tail_ess_min)},
          {"mean_ess_min", number(chains->mean_ess_min)},
          {"draws", chains->draws},
          {"chains", chains->chains},
          {"acceptance_forward", number(chains->acceptance_forward)},
          {"acceptance_inverse", number(chains->acceptance_inverse)},
          {"acceptance_refresh", number(chains->acceptance_refresh)},
          {"swap_share", number(chains->swap_share)},
          {"swap_acceptance", number(chains->swap_acceptance)},
          {"tree_depth", number(chains->tree_depth)},
          {"divergent", chains->divergent}};
}

Json fit_json(const std::optional<FitRecord>& fit) {
  if (!fit) return nullptr;
  return {{"iterations", fit->trace.size()},
          {"objective", number(fit->objective)},
          {"skipped", fit->skipped},
          {"target_evaluations", to_json(fit->evaluations)},
          {"seconds", fit->seconds}};
}

Json sampler_json(const Session& session, const SamplerOptions& options) {
  return {{"name", to_name(options.kind)},
          {"particles", options.particles},
          {"sets", options.sets},
          {"steps_taken", session.run().state().step},
          {"density", is_stein(options.kind) && tracks_density(options.kind)
                          ? Json(to_name(options.density.method))
                          : Json(nullptr)},
          {"precision", to_name(options.precision)}};
}

Json metrics_json(const std::vector<Metric>& metrics) {
  if (metrics.empty()) return nullptr;
  Json list = Json::array();
  for (const Metric& metric : metrics) {
    list.push_back({{"name", metric.name},
                    {"estimate", number(metric.value)},
                    {"standard_error", number(metric.standard_error)},
                    {"floor", number(metric.floor)},
                    {"method", metric.method}});
  }
  return list;
}

/// The estimates and what says how far to trust them.
void add_conclusions(const Session& session,
                     const Conclusions& conclusions,
                     const RunSettings& settings,
                     Json& json) {
  json["estimate"] = conclusions.source ? Json(to_name(*conclusions.source)) : Json(nullptr);
  json["log_z"] = to_json(conclusions.log_z);
  json["entropy"] = to_json(conclusions.entropy);
  json["elbo"] = to_json(conclusions.elbo);
  json["eubo"] = to_json(conclusions.eubo);
  json["ess_share"] = number(conclusions.ess_share);
  json["pareto_k"] = shape(conclusions.pareto_k);
  json["draws"] = count(conclusions.draws);
  json["nonfinite_draws"] = count(conclusions.nonfinite_draws);
  json["particles"] = particles_json(conclusions, settings.sampler);
  json["chains"] = chains_json(conclusions.chains);
  json["stein_residual"] = number(conclusions.stein_residual);
  json["acceptance"] = number(conclusions.acceptance);
  json["moments"] = moments(session, settings, session.run().state().particles.size(-1));
}

}  // namespace

Json result_json(const Session& session,
                 const Conclusions& conclusions,
                 const RunSettings& settings,
                 const Target& target,
                 const Runtime& runtime) {
  const KnownAnswers known = target.known();
  Json json;
  json["schema"] = "ergon-sample-result/2";
  json["status"] = to_name(session.run().status());
  json["target"] = {{"name", target.name()},
                    {"dim", target.dim()},
                    {"log_z", number(known.log_z)},
                    {"log_z_standard_error", number(known.log_z_standard_error)},
                    {"entropy", number(known.entropy)}};
  json["sampler"] = sampler_json(session, settings.sampler);
  add_conclusions(session, conclusions, settings, json);
  json["metrics"] = metrics_json(metrics_of(session, settings, target));
  json["target_evaluations"] = to_json(session.evaluations());
  json["fit"] = fit_json(session.fit());
  json["warnings"] = warnings(session, conclusions, settings, target, runtime);
  json["seconds"] = session.seconds();
  json["seed"] = settings.seed;
  json["date"] = utc_now();
  add_origin(runtime, json);
  json["options"] = to_json(settings);
  return json;
}

}  // namespace ergon::app
