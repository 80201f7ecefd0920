#include "rl_engine/train_run.hpp"

#include <fmt/ranges.h>

#include <cstdio>
#include <filesystem>

#include "ergon/core/denormals.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "rl_engine/train_outputs.hpp"
#include "rl_engine/train_session.hpp"
#include "run_folder.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

RunFolder claim_folder(const TrainRequest& request) {
  if (request.resume) return RunFolder::existing(request.out);
  return RunFolder(
      request.out,
      fmt::format("out/{}-seed{}", train_folder_name(request.settings), request.settings.seed),
      request.overwrite);
}

/// Leaves a checkpoint to resume from before any work is done.
void begin(const TrainRequest& request, RunFolder& folder, TrainSession& session) {
  if (request.resume) return session.resume();
  folder.clear();
  try {
    make_folder(checkpoint_folder(folder.path()));
    session.save();
    write_train_checkpoint(folder.path(), request.settings);
  } catch (const InvalidInput&) {
    remove_checkpoint(folder.path());
    throw;
  }
  folder.keep();
}

/// What is about to be computed, on stderr.
void announce(const TrainRequest& request, const EnvironmentSpec& spec, const std::string& folder) {
  if (request.quiet) return;
  const TrainSettings& settings = request.settings;
  fmt::print(stderr, "{}: {} observations, {} action{}, episodes of up to {} steps; {}\n",
             spec.name, spec.observation_dim, spec.action_dim, spec.action_dim == 1 ? "" : "s",
             spec.max_episode_steps, spec.rules);
  if (!spec.model.empty())
    fmt::print(stderr, "MuJoCo {}, model {} {:.12}\n", mujoco_version(), spec.model,
               spec.model_hash);
  fmt::print(stderr, "SAC, preset {}: actor {}, critics {}, batch {}; {} steps, seed {}\n",
             to_name(settings.preset), fmt::join(settings.sac.actor_hidden, "-"),
             fmt::join(settings.sac.critic_hidden, "-"), settings.sac.batch,
             settings.training.steps, settings.seed);
  fmt::print(stderr, "folder {}\n", folder);
}

EngineOutcome unfinished(TrainEnd end, const TrainSession& session, const std::string& folder) {
  if (end == TrainEnd::kInterrupted) {
    return {kExitInterrupted,
            fmt::format("interrupted; continue with: ergon rl train --resume {}", folder)};
  }
  return {
      kExitInvalidInput,
      fmt::format("the training was stopped: {}; {} holds the last checkpoint before it and, as "
                  "{}, what there was then",
                  session.failure(), checkpoint_folder(folder),
                  std::filesystem::path(failed_state_path(folder)).filename().string())};
}

/// From here on there is a checkpoint, which outlives a full disk.
EngineOutcome carry_out(TrainSession& session,
                        const TrainSettings& settings,
                        const std::string& folder) {
  try {
    const TrainEnd end = session.carry_out();
    if (end != TrainEnd::kComplete) return unfinished(end, session, folder);
    write_train_outputs(session, settings, folder);
  } catch (const InvalidInput& error) {
    fail("{}; once that is put right, continue with: ergon rl train --resume {}", error.what(),
         folder);
  }
  remove_checkpoint(folder);
  return {};
}

}  // namespace

EngineOutcome train(TrainRequest& request) {
  const InterruptGuard guard;
  flush_denormals();
  request.settings.validate();
  make_environment(request.settings.environment);  // a mistyped name leaves no folder behind
  RunFolder folder = claim_folder(request);
  request.out = folder.path();
  const FolderLock lock(folder.path());
  TrainSession session(request, folder.path());
  begin(request, folder, session);
  announce(request, session.spec(), folder.path());
  return carry_out(session, request.settings, folder.path());
}

}  // namespace ergon::app
