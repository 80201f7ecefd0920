#include "outputs.hpp"

#include <ATen/ATen.h>

#include "ergon/core/files.hpp"
#include "pictures.hpp"
#include "report.hpp"
#include "result.hpp"
#include "trace_parts.hpp"

namespace ergon::app {
namespace {

/// samples (n, D), set (n), log_density (n), and where there are any log_q, log_weight and alive
/// (n), n = sets x particles.
NamedTensors sample_arrays(const State& state, std::int64_t dim) {
  const std::int64_t sets = state.particles.size(0);
  const std::int64_t particles = state.particles.size(1);
  NamedTensors arrays = {
      {"samples", state.particles.reshape({-1, dim})},
      {"set", at::arange(sets, at::kLong).repeat_interleave(particles)},
      {"log_density", state.log_density.reshape({-1})},
  };
  if (state.log_q.defined()) arrays.emplace_back("log_q", state.log_q.reshape({-1}));
  if (state.log_weight.defined()) arrays.emplace_back("log_weight", state.log_weight.reshape({-1}));
  if (state.alive.defined()) arrays.emplace_back("alive", state.alive.reshape({-1}));
  return arrays;
}

/// draws (n, D), log_q, log_density, log_weight (n), flow (n): which one a draw came through.
NamedTensors draw_arrays(const FlowRecord& record) {
  const FlowEstimates& estimates = *record.estimates;
  const WeightedDraws& weighted = estimates.weighted;
  const auto flows = static_cast<std::int64_t>(record.flows.size());
  const std::int64_t each = estimates.draws_x.size(0) / flows;
  return {{"draws", estimates.draws_x},
          {"log_q", weighted.log_density - weighted.log_weight},
          {"log_density", weighted.log_density},
          {"log_weight", weighted.log_weight},
          {"flow_log_q", estimates.flow_log_q},
          {"defensive", estimates.flow_log_q.isnan()},
          {"flow", at::arange(flows, at::kLong).repeat_interleave(each)}};
}

std::string flow_path(const std::string& folder, std::size_t set) {
  return set == 0 ? folder + "/flow.npz" : fmt::format("{}/flow-{}.npz", folder, set);
}

/// The arrays of a run: particles, and where there are any flows, their draws and chains.
void write_arrays(const Session& session, std::int64_t dim, const std::string& folder) {
  save_tensors(folder + "/samples.npz", sample_arrays(session.run().state(), dim));
  const Tensor chains = session.run().chains();
  if (session.normalizing_flow()) session.normalizing_flow()->flow().save(flow_path(folder, 0));
  if (chains.defined()) save_tensors(folder + "/chains.npz", {{"draws", chains}});
  if (!session.flow()) return;
  const FlowRecord& record = *session.flow();
  for (std::size_t set = 0; set < record.flows.size(); ++set) {
    record.flows[set].save(flow_path(folder, set));
  }
  if (record.estimates) save_tensors(folder + "/draws.npz", draw_arrays(record));
}

/// Every column of the traces as a scalar over steps; what does not apply is left out.
std::string events(const Session& session) {
  const double now = seconds_since_1970();
  EventFile file(now - session.seconds());
  add_scalars(file, "sample", trace_columns(), session.run().trace(), now);
  if (session.fit()) add_scalars(file, "fit", fit_columns(), session.fit()->trace, now);
  return file.bytes();
}

}  // namespace

void write_outputs(const Session& session,
                   const RunSettings& settings,
                   const Target& target,
                   const Runtime& runtime,
                   const std::string& folder) {
  const Gallery gallery = draw_pictures(session, settings, target);
  Json result = result_json(session, conclude(session, settings), settings, target, runtime);
  for (const auto& failure : gallery.failures) result["warnings"].push_back(failure);

  write_arrays(session, target.dim(), folder);
  write_file(folder + "/trace.csv", csv(trace_columns(), session.run().trace()));
  if (session.fit())
    write_file(folder + "/fit_trace.csv", csv(fit_columns(), session.fit()->trace));
  write_file(folder + "/" + EventFile::kFileName, events(session));
  for (const Picture& picture : gallery.pictures)
    write_file(folder + "/" + picture.file, picture.bytes);
  if (settings.figures) write_file(folder + "/report.html", report_html(result, gallery.pictures));
  write_file(result_path(folder), result.dump(2) + "\n");
}

}  // namespace ergon::app
