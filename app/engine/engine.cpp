#include "engine.hpp"

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/runtime.hpp"
#include "flow_run.hpp"
#include "metrics.hpp"
#include "outputs.hpp"
#include "result.hpp"
#include "run_folder.hpp"
#include "session.hpp"
#include "start.hpp"

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
void begin(const SampleRequest& request, RunFolder& folder, Session& session) {
  if (request.resume) return session.resume();
  const RunSettings& settings = request.settings;
  if (!settings.fitted.empty()) session.use_fitted(settings.fitted);
  session.prepare();
  folder.clear();
  try {
    make_folder(checkpoint_folder(folder.path()));
    session.save();
    write_checkpoint_settings(folder.path(), settings);
  } catch (const InvalidInput&) {
    remove_checkpoint(folder.path());
    throw;
  }
  folder.keep();
}

EngineOutcome unfinished(SessionEnd end,
                         const Session& session,
                         SamplerKind kind,
                         const std::string& folder) {
  if (end == SessionEnd::kInterrupted) {
    return {kExitInterrupted,
            fmt::format("interrupted; continue with: ergon sample --resume {}", folder)};
  }
  const TraceRow& last = session.run().trace().back();
  if (end == SessionEnd::kNotArrived) {
    return {kExitInvalidInput,
            fmt::format("the path of densities was {:.3g} short of the inverse temperature 1 when "
                        "--steps {} were taken, so that nothing can be said about the target; take "
                        "more --steps, a smaller --ladder-ess or a --ladder of fixed length",
                        1 - last.inverse_temperature, last.step)};
  }
  return {
      kExitInvalidInput,
      fmt::format(
          "the run was stopped at step {}: the density or its gradient was not finite where the "
          "step led {} of {} particles (more than {:.0f} %); take a smaller --step-size-value, or "
          "{}; "
          "the checkpoint is in {}",
          last.step, last.nonfinite, session.run().state().log_density.numel(),
          100 * Run::nonfinite_share(kind),
          kind == SamplerKind::kFlow ? "more iterations of --fit, or --flow-support box"
          : is_stein(kind)           ? "--control metropolis-hastings (met-svgd)"
                           : "an initial distribution nearer to the target (--initial-mean, "
                             "--initial-stddev)",
          checkpoint_folder(folder))};
}

/// From here on there is a checkpoint, which outlives a full disk.
EngineOutcome carry_out(Session& session,
                        const RunSettings& settings,
                        const Target& target,
                        const Runtime& runtime,
                        const std::string& folder) {
  try {
    const SessionEnd end = session.carry_out();
    if (end != SessionEnd::kComplete)
      return unfinished(end, session, settings.sampler.kind, folder);
    write_outputs(session, settings, target, runtime, folder);
  } catch (const InvalidInput& error) {
    fail("{}; once that is put right, continue with: ergon sample --resume {}", error.what(),
         folder);
  }
  remove_checkpoint(folder);
  return {};
}

EngineOutcome sample(SampleRequest& request) {
  const InterruptGuard guard;
  const RunSettings& settings = request.settings;
  const Runtime runtime = runtime_for(settings.threads);
  const auto target = make_target(settings.target);
  check_reference(settings.metrics, target->dim());
  RunFolder folder = claim_folder(request);
  request.out = folder.path();
  Session session(request, *target, folder.path());
  begin(request, folder, session);
  return carry_out(session, settings, *target, runtime, folder.path());
}

constexpr const char* kSampleMemory =
    "not enough memory for this run: take fewer --particles or --sets (memory grows with sets x "
    "particles x particles, in a fit also with the steps), or --precision single";
constexpr const char* kFitFlowMemory =
    "not enough memory for this run: take a smaller --batch, --flow-hidden or --draws, or fewer "
    "--flow-layers";

/// What went wrong, in one line: libtorch's errors end in a backtrace.
std::string first_line(const std::exception& error) {
  const auto* of_libtorch = dynamic_cast<const c10::Error*>(&error);
  const std::string text = of_libtorch ? of_libtorch->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

/// libtorch throws errors of its own: from its allocator, and for sizes beyond 64 bits.
bool is_out_of_memory(const std::exception& error, std::string_view text) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         text.find("can't allocate memory") != std::string_view::npos ||
         text.find("overflow") != std::string_view::npos;
}

EngineOutcome unexpected(const std::exception& error, const char* out_of_memory) {
  const std::string text = first_line(error);
  if (is_out_of_memory(error, text)) return {kExitInvalidInput, out_of_memory};
  return {kExitDefect, "this is a defect of ours, please report it: " + text};
}

/// Every exception to an outcome.
template <class Work>
EngineOutcome carried_out(const Work& work, const char* out_of_memory) {
  try {
    return work();
  } catch (const InvalidInput& error) {
    return {kExitInvalidInput, error.what()};
  } catch (const NumericalFailure& error) {
    return {kExitInvalidInput, error.what()};
  } catch (const std::exception& error) {
    return unexpected(error, out_of_memory);
  }
}

}  // namespace
}  // namespace ergon::app

extern "C" void ergon_engine_sample(ergon::app::SampleRequest* request,
                                    ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return sample(*request); }, kSampleMemory);
}

extern "C" void ergon_engine_fit_flow(ergon::app::FitFlowRequest* request,
                                      ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return fit_flow(*request); }, kFitFlowMemory);
}
