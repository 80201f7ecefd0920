#include "result.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <ctime>

#include "ergon/core/machine.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kMostMoments = 100;

/// The mean of what is defined of a column, or none.
std::optional<double> mean_of(const std::vector<TraceRow>& trace, double TraceRow::*column) {
  double sum = 0.0;
  int count = 0;
  for (const TraceRow& row : trace) {
    if (!std::isfinite(row.*column)) continue;
    sum += row.*column;
    ++count;
  }
  return count == 0 ? std::nullopt : std::optional<double>(sum / count);
}

std::optional<double> last_of(const std::vector<TraceRow>& trace, double TraceRow::*column) {
  for (auto row = trace.rbegin(); row != trace.rend(); ++row) {
    if (std::isfinite((*row).*column)) return (*row).*column;
  }
  return std::nullopt;
}

/// NaN and infinity have no place in JSON.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

Json to_json(const std::optional<Estimate>& estimate) {
  if (!estimate) return nullptr;
  return {{"estimate", number(estimate->value)},
          {"standard_error", number(estimate->standard_error)},
          {"method", estimate->method}};
}

Json to_json(const EvaluationCounts& counts) {
  return {{"log_density", counts.log_density},
          {"gradient", counts.gradient},
          {"hessian_vector", counts.hessian_vector}};
}

Json numbers(const Tensor& values) {
  const Tensor flat = values.to(at::kDouble).contiguous();
  Json list = Json::array();
  for (std::int64_t i = 0; i < flat.numel(); ++i)
    list.push_back(number(flat.data_ptr<double>()[i]));
  return list;
}

/// Mean and standard deviation of every coordinate over the living particles, for targets of
/// moderate dimension.
Json moments(const State& state, std::int64_t dim) {
  if (dim > kMostMoments) return nullptr;
  Tensor particles = state.particles.reshape({-1, dim}).to(at::kDouble);
  if (state.alive.defined()) particles = particles.index({state.alive.reshape({-1})});
  return {{"mean", numbers(particles.mean(0))}, {"stddev", numbers(particles.std(0, true))}};
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
          {"density", options.kind == SamplerKind::kSvgd ? Json(nullptr)
                                                         : Json(to_name(options.density.method))},
          {"precision", to_name(options.precision)}};
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

Conclusions conclude(const Session& session, const SamplerOptions& options) {
  const auto& trace = session.run().trace();
  Conclusions conclusions;
  static_cast<RunSummary&>(conclusions) = summarize(session.run(), options);
  conclusions.stein_residual = last_of(trace, &TraceRow::stein_residual);
  conclusions.acceptance = mean_of(trace, &TraceRow::acceptance);
  return conclusions;
}

Json result_json(const Session& session,
                 const Conclusions& conclusions,
                 const RunSettings& settings,
                 const Target& target,
                 const Runtime& runtime) {
  const KnownAnswers known = target.known();
  Json json;
  json["schema"] = "ergon-sample-result/1";
  json["status"] = to_name(session.run().status());
  json["target"] = {{"name", target.name()},
                    {"dim", target.dim()},
                    {"log_z", number(known.log_z)},
                    {"entropy", number(known.entropy)}};
  json["sampler"] = sampler_json(session, settings.sampler);
  json["log_z"] = to_json(conclusions.log_z);
  json["entropy"] = to_json(conclusions.entropy);
  json["elbo"] = to_json(conclusions.elbo);
  json["ess_share"] = number(conclusions.ess_share);
  json["stein_residual"] = number(conclusions.stein_residual);
  json["acceptance"] = number(conclusions.acceptance);
  json["moments"] = moments(session.run().state(), target.dim());
  json["target_evaluations"] = to_json(session.evaluations());
  json["fit"] = fit_json(session.fit());
  json["warnings"] = warnings(session, conclusions, settings, target, runtime);
  json["seconds"] = session.seconds();
  json["seed"] = settings.seed;
  json["date"] = utc_now();
  const Machine machine = describe_machine();
  json["versions"] = {{"ergon", machine.ergon_version},
                      {"revision", machine.ergon_revision},
                      {"libtorch", runtime.torch_version},
                      {"blas", runtime.blas},
                      {"compiler", machine.compiler}};
  json["machine"] = {{"cpu", machine.cpu},
                     {"cores", machine.cores},
                     {"memory_gib", machine.memory_gib},
                     {"system", machine.system}};
  json["options"] = to_json(settings);
  return json;
}

}  // namespace ergon::app
