#include "flow_run.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/machine.hpp"
#include "flow_input.hpp"
#include "flow_outputs.hpp"
#include "flow_session.hpp"
#include "run_folder.hpp"
#include "start.hpp"

namespace ergon::app {
namespace {

constexpr double kShareOfMemory = 0.5;
constexpr double kNumbersOfDraw = 8;   // log q, log p̄, weights, temporaries
constexpr double kCopiesOfPoints = 4;  // draws, exact draws, float64 of both

/// What would show only after the training.
void require_room_for_draws(std::int64_t draws, std::int64_t dim) {
  const double memory = describe_machine().memory_gib;
  const double each = kCopiesOfPoints * static_cast<double>(dim) + kNumbersOfDraw;
  const double needed = each * static_cast<double>(draws) * sizeof(double) / std::pow(1024.0, 3);
  require(memory <= 0 || needed <= kShareOfMemory * memory,
          "not enough memory for --draws {} in {} dimensions: that takes {:.3g} GiB, and half of "
          "this machine's {:.3g} GiB are for it; take fewer --draws",
          draws, dim, needed, memory);
}

RunFolder claim_folder(const FitFlowRequest& request) {
  if (request.resume) return RunFolder::existing(request.out);
  return RunFolder(request.out, "out/" + fit_flow_folder_name(request.settings), request.overwrite);
}

/// Prepares the session, and leaves a checkpoint to resume from before any work is done.
void begin(const FitFlowRequest& request, RunFolder& folder, FlowSession& session) {
  if (request.resume) return session.resume();
  folder.clear();
  try {
    make_folder(checkpoint_folder(folder.path()));
    session.save();
    write_fit_flow_checkpoint(folder.path(), request.settings);
  } catch (const InvalidInput&) {
    remove_checkpoint(folder.path());
    throw;
  }
  folder.keep();
}

EngineOutcome unfinished(FlowSessionEnd end,
                         const FlowSession& session,
                         const std::string& folder) {
  if (end == FlowSessionEnd::kInterrupted) {
    return {kExitInterrupted,
            fmt::format("interrupted; continue with: ergon fit-flow --resume {}", folder)};
  }
  return {kExitInvalidInput,
          fmt::format("the training was stopped at iteration {}: the gradient was not finite in {} "
                      "iterations, which changed nothing; take a smaller --learning-rate or "
                      "--gradient-clip, --precision double, or another --flow; the checkpoint is "
                      "in {}",
                      session.fit().trace().size(), session.fit().skipped(),
                      checkpoint_folder(folder))};
}

/// From here on there is a checkpoint, which outlives a full disk.
EngineOutcome carry_out(FlowSession& session,
                        const FlowRunParts& parts,
                        const std::string& folder) {
  try {
    const FlowSessionEnd end = session.carry_out();
    if (end != FlowSessionEnd::kComplete) return unfinished(end, session, folder);
    write_flow_outputs(session, parts, folder);
  } catch (const InvalidInput& error) {
    fail("{}; once that is put right, continue with: ergon fit-flow --resume {}", error.what(),
         folder);
  }
  remove_checkpoint(folder);
  return {};
}

}  // namespace

EngineOutcome fit_flow(FitFlowRequest& request) {
  const InterruptGuard guard;
  const FitFlowSettings& settings = request.settings;
  const Runtime runtime = runtime_for(settings.threads);
  const FlowInput input = load_flow_input(request.settings);
  require_room_for_draws(settings.draws, input.dim);
  RunFolder folder = claim_folder(request);
  request.out = folder.path();
  FlowSession session(request, input, folder.path());
  begin(request, folder, session);
  return carry_out(session, {settings, input, runtime}, folder.path());
}

}  // namespace ergon::app
