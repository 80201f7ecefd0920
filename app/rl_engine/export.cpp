#include "ergon/rl/policy_file.hpp"
#include "ergon/rl/policy_onnx.hpp"
#include "rl/export_request.hpp"
#include "rl_engine/rl_engine.hpp"

namespace ergon::app {
namespace {

EngineOutcome export_policy(const ExportRequest& request) {
  const PolicyDescription policy = load_policy_file(request.agent);
  if (request.format == ExportFormat::kOnnx) {
    export_onnx(policy, request.out);
  } else {
    save_policy_file(policy, request.out);
  }
  return {};
}

}  // namespace
}  // namespace ergon::app

/// The entry of `ergon rl export --format onnx` and safetensors; never throws.
extern "C" void ergon_rl_engine_export(ergon::app::ExportRequest* request,
                                       ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return export_policy(*request); }, "--actor-hidden when training");
}
