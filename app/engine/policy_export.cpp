#include "ergon/rl/autograd/policy_script.hpp"
#include "rl/export_request.hpp"
#include "rl_engine/rl_engine.hpp"

/// The entry of `ergon rl export --format torchscript`; never throws.
extern "C" void ergon_engine_export_policy(ergon::app::ExportRequest* request,
                                           ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out(
      [&]() -> EngineOutcome {
        ergon::export_policy_script(ergon::load_policy_file(request->agent), request->out);
        return {};
      },
      "--actor-hidden when training");
}
