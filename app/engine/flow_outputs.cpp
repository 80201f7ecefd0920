#include "flow_outputs.hpp"

#include <ATen/ATen.h>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "flow_pictures.hpp"
#include "flow_report.hpp"
#include "flow_result.hpp"
#include "sample_request.hpp"
#include "trace_parts.hpp"

namespace ergon::app {
namespace {

/// samples (n, D), log_q (n), and with a target log_density and log_weight (n).
NamedTensors sample_arrays(const FlowFindings& findings) {
  NamedTensors arrays = {{"samples", findings.draws}, {"log_q", findings.log_q}};
  if (findings.log_density.defined()) {
    arrays.emplace_back("log_density", findings.log_density);
    arrays.emplace_back("log_weight", findings.log_density - findings.log_q);
  }
  return arrays;
}

std::string events(const FlowSession& session) {
  const double now = seconds_since_1970();
  EventFile file(now - session.seconds());
  add_scalars(file, "fit", fit_columns(), session.fit().trace(), now);
  return file.bytes();
}

}  // namespace

void write_flow_outputs(const FlowSession& session,
                        const FlowRunParts& parts,
                        const std::string& folder) {
  const Gallery gallery = draw_flow_pictures(session, parts);
  Json result = flow_result_json(session, parts);
  for (const auto& failure : gallery.failures) result["warnings"].push_back(failure);

  session.flow().save(folder + "/flow.npz");
  if (parts.settings.export_script) export_torchscript(session.flow(), folder + "/flow.pt");
  save_tensors(folder + "/samples.npz", sample_arrays(session.findings()));
  write_file(folder + "/trace.csv", csv(fit_columns(), session.fit().trace()));
  write_file(folder + "/" + EventFile::kFileName, events(session));
  for (const Picture& picture : gallery.pictures)
    write_file(folder + "/" + picture.file, picture.bytes);
  if (parts.settings.figures)
    write_file(folder + "/report.html", flow_report_html(result, gallery.pictures));
  write_file(result_path(folder), result.dump(2) + "\n");
}

}  // namespace ergon::app
