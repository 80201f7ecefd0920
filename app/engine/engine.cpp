#include "engine.hpp"

#include <exception>
#include <new>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/runtime.hpp"
#include "ergon/sampler/parameters.hpp"
#include "outputs.hpp"
#include "result.hpp"
#include "run_folder.hpp"
#include "session.hpp"

namespace ergon::app {
namespace {

std::string default_folder(const RunSettings& settings) {
  return fmt::format("out/{}-{}", settings.target.name, to_name(settings.sampler.kind));
}

RunFolder claim_folder(const SampleRequest& request) {
  if (request.resume) return RunFolder::existing(request.out);
  return RunFolder(request.out, default_folder(request.settings), request.overwrite);
}

/// Prepares the session, and leaves a checkpoint to resume from before any work is done.
void begin(const SampleRequest& request,
           const Target& target,
           RunFolder& folder,
           Session& session) {
  if (request.resume) return session.resume();
  const RunSettings& settings = request.settings;
  if (!settings.fitted.empty()) {
    session.use_parameters(check_parameters(settings.sampler, target.dim(),
                                            load_tensors(settings.fitted), settings.fitted));
  }
  session.prepare();
  folder.keep();
  make_folder(checkpoint_folder(folder.path()));
  session.save();
  write_checkpoint_settings(folder.path(), settings);
}

EngineOutcome unfinished(SessionEnd end, const std::string& folder) {
  if (end == SessionEnd::kInterrupted) {
    return {kExitInterrupted,
            fmt::format("interrupted; continue with: ergon sample --resume {}", folder)};
  }
  return {kExitInvalidInput,
          fmt::format(
              "the run was stopped: the density or its gradient was not finite for more than "
              "{:.0f} % of the moves of a step; "
              "take a smaller --step-size-value, or --bound frobenius (the checkpoint is in {})",
              100 * Run::kNonfiniteShare, checkpoint_folder(folder))};
}

EngineOutcome sample(SampleRequest& request) {
  const InterruptGuard guard;
  const RunSettings& settings = request.settings;
  const Runtime runtime = start_runtime(settings.threads);
  if (!runtime.optimised_blas) {
    fmt::print(stderr,
               "ergon: WARNING: no optimised BLAS is behind libtorch ({}): expect a small share of "
               "this machine's speed; install libopenblas0-openmp\n",
               runtime.blas);
  }
  const auto target = make_target(settings.target);
  RunFolder folder = claim_folder(request);
  request.out = folder.path();
  Session session(request, *target, folder.path());
  begin(request, *target, folder, session);
  const SessionEnd end = session.carry_out();
  if (end != SessionEnd::kComplete) return unfinished(end, folder.path());
  write_outputs(session, settings, *target, runtime, folder.path());
  remove_checkpoint(folder.path());
  return {};
}

constexpr const char* kOutOfMemory =
    "not enough memory for this run: take fewer --particles or --sets (memory grows with sets x "
    "particles x particles, in a fit also with the steps), or --precision single";

/// libtorch's allocator throws its own error.
bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
}

}  // namespace
}  // namespace ergon::app

extern "C" void ergon_engine_sample(ergon::app::SampleRequest* request,
                                    ergon::app::EngineOutcome* outcome) {
  using ergon::app::EngineOutcome;
  try {
    *outcome = ergon::app::sample(*request);
  } catch (const ergon::InvalidInput& error) {
    *outcome = EngineOutcome{ergon::kExitInvalidInput, error.what()};
  } catch (const ergon::NumericalFailure& error) {
    *outcome = EngineOutcome{ergon::kExitInvalidInput, error.what()};
  } catch (const std::exception& error) {
    if (ergon::app::is_out_of_memory(error)) {
      *outcome = EngineOutcome{ergon::kExitInvalidInput, ergon::app::kOutOfMemory};
      return;
    }
    *outcome =
        EngineOutcome{ergon::kExitDefect,
                      std::string("this is a defect of ours, please report it: ") + error.what()};
  }
}
