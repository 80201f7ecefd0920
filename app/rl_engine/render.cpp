#include "rl_engine/render.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine_parts/result_parts.hpp"
#include "ergon/core/csv.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/png.hpp"
#include "ergon/core/progress.hpp"
#include "ergon/env/multigoal.hpp"
#include "ergon/rl/evaluation.hpp"
#include "rl_engine/render_episodes.hpp"
#include "rl_engine/rl_engine.hpp"
#include "run_folder.hpp"

namespace ergon::app {
namespace {

constexpr double kDefaultRate = 25.0;
constexpr double kDefaultPlaneRate = 6.0;
constexpr double kLongestPhysicalStep = 0.5;  ///< seconds; a longer step is no physical time
constexpr PictureSize kTrajectoriesSize = {640, 640};

/// What is drawn when: indices into the states of the first episode.
struct Schedule {
  std::vector<std::size_t> strip;
  std::vector<std::size_t> animation;
  double seconds_per_frame = 0.0;
};

Schedule make_schedule(const RenderRequest& request,
                       const EnvironmentSpec& spec,
                       std::size_t last) {
  Schedule schedule;
  const auto frames = std::min(static_cast<std::size_t>(request.frames), last + 1);
  for (std::size_t i = 0; i < frames; ++i)
    schedule.strip.push_back(frames > 1 ? (i * last + (frames - 1) / 2) / (frames - 1) : 0);
  const bool physical = spec.seconds_per_step < kLongestPhysicalStep;
  const double rate = request.animation.value_or(physical ? kDefaultRate : kDefaultPlaneRate);
  if (rate <= 0.0) return schedule;
  // At the pace of the simulated world, as nearly as whole steps allow.
  const long stride =
      physical ? std::max(1L, std::lround(1.0 / (rate * spec.seconds_per_step))) : 1L;
  schedule.seconds_per_frame =
      physical ? static_cast<double>(stride) * spec.seconds_per_step : 1.0 / rate;
  const auto most = static_cast<std::size_t>(
      std::max(1.0, request.animation_seconds / schedule.seconds_per_frame));
  for (std::size_t at = 0; at <= last && schedule.animation.size() < most;
       at += static_cast<std::size_t>(stride)) {
    schedule.animation.push_back(at);
  }
  return schedule;
}

/// Draws states of an episode; nothing when interrupted.
std::vector<Image8> draw_states(Environment& environment,
                                const std::vector<EnvironmentState>& states,
                                const std::vector<std::size_t>& which,
                                const RenderRequest& request) {
  const auto style = request.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic;
  Progress progress("draw", static_cast<std::int64_t>(which.size()), style);
  std::vector<Image8> images;
  for (const std::size_t index : which) {
    if (interrupt_requested()) return {};
    environment.restore(states[index]);
    images.push_back(environment.picture(request.size));
    progress.update(static_cast<std::int64_t>(images.size()));
  }
  progress.finish();
  return images;
}

PlaneTrajectory trajectory_of(const RecordedEpisode& episode) {
  PlaneTrajectory trajectory;
  for (const auto& row : episode.rows) trajectory.points.push_back({row[2], row[3]});
  trajectory.points.push_back({episode.last_observation[0], episode.last_observation[1]});
  trajectory.reached = episode.terminated;
  trajectory.wall_hits = episode.wall_hits;
  return trajectory;
}

Json plane_json(const MultigoalPlane& plane, const PlaneCounts& counts) {
  Json goals = Json::array();
  for (std::size_t i = 0; i < plane.goals.size(); ++i) {
    goals.push_back(
        {{"x", plane.goals[i].x}, {"y", plane.goals[i].y}, {"episodes", counts.goals[i]}});
  }
  return {{"goals", goals}, {"missed", counts.missed}, {"hit_a_wall", counts.hit}};
}

Json episodes_json(const std::vector<RecordedEpisode>& episodes) {
  Json list = Json::array();
  for (const RecordedEpisode& episode : episodes) {
    list.push_back({{"return", number(episode.episode_return)},
                    {"steps", episode.steps},
                    {"terminated", episode.terminated}});
  }
  return list;
}

Json mean_json(const std::vector<RecordedEpisode>& episodes) {
  EpisodeReturns returns;
  for (const RecordedEpisode& episode : episodes) returns.returns.push_back(episode.episode_return);
  const MeanReturn mean = mean_return(returns);
  return {{"value", number(mean.mean)},
          {"standard_error", number(mean.standard_error)},
          {"method", fmt::format("mean undiscounted return of {} episodes", episodes.size())}};
}

std::string policy_text(const RenderRequest& request, const Cast& cast) {
  if (request.policy != RenderPolicy::kAgent)
    return fmt::format("{} actions", to_name(request.policy));
  return fmt::format("{}, {}", cast.agent, to_name(request.mode));
}

Json result_json(const RenderRequest& request,
                 const Cast& cast,
                 const std::vector<RecordedEpisode>& episodes) {
  const EnvironmentSpec& spec = cast.environment->spec();
  Json versions = ergon_versions_json();
  versions["mujoco"] = mujoco_version();
  return {{"schema", kRenderSchema},
          {"environment", spec.name},
          {"policy", policy_text(request, cast)},
          {"seed", request.seed},
          {"episodes", episodes_json(episodes)},
          {"mean_return", mean_json(episodes)},
          {"warnings", cast.warnings},
          {"model_hash", spec.model.empty() ? Json(nullptr) : Json(spec.model_hash)},
          {"versions", versions}};
}

using Files = std::vector<std::pair<std::string, std::string>>;  ///< name, bytes

std::string episode_csv(const Cast& cast, const std::vector<RecordedEpisode>& episodes) {
  std::vector<std::vector<double>> rows;
  for (const RecordedEpisode& episode : episodes)
    rows.insert(rows.end(), episode.rows.begin(), episode.rows.end());
  return to_csv(episode_columns(cast.environment->spec()), rows);
}

void add_pictures(const RenderRequest& request,
                  Cast& cast,
                  const RecordedEpisode& first,
                  Files& files) {
  const Schedule schedule =
      make_schedule(request, cast.environment->spec(), first.states.size() - 1);
  const auto strip = draw_states(*cast.environment, first.states, schedule.strip, request);
  if (interrupt_requested()) return;
  SheetLayout layout;
  layout.columns = std::min<std::int64_t>(layout.columns, static_cast<std::int64_t>(strip.size()));
  files.emplace_back("strip.png", encode_png(image_sheet(strip, layout)));
  if (schedule.animation.empty()) return;
  const auto frames = draw_states(*cast.environment, first.states, schedule.animation, request);
  if (interrupt_requested()) return;
  files.emplace_back("animation.png", encode_apng(frames, schedule.seconds_per_frame));
}

void add_plane(const std::string& environment,
               const std::vector<RecordedEpisode>& episodes,
               Files& files,
               Json& result) {
  const auto plane = multigoal_plane(environment);
  if (!plane) return;
  std::vector<PlaneTrajectory> trajectories;
  for (const RecordedEpisode& episode : episodes) trajectories.push_back(trajectory_of(episode));
  files.emplace_back("trajectories.png",
                     encode_png(draw_trajectories(*plane, trajectories, kTrajectoriesSize)));
  result["plane"] = plane_json(*plane, count_trajectories(*plane, trajectories));
}

/// A folder with a training in it is none to replace.
RunFolder claim_folder(const RenderRequest& request, const EnvironmentSpec& spec) {
  for (const char* file : {"result.json", "agent.safetensors", "checkpoint"}) {
    require(request.out.empty() || !file_exists(request.out + "/" + file),
            "{} holds a run of another command ({}); choose another --out", request.out, file);
  }
  return RunFolder(request.out, "out/" + render_folder_name(spec.name, request.policy),
                   request.overwrite);
}

/// Writes all in place of earlier pictures, render.json last.
void write_files(const Files& files, Json& result, const std::string& folder) {
  std::error_code error;
  for (const char* earlier : {"render.json", "animation.png", "trajectories.png"})
    std::filesystem::remove(std::filesystem::path(folder) / earlier, error);
  for (const auto& [name, bytes] : files) {
    write_file(folder + "/" + name, bytes);
    result["files"].push_back(name);
  }
  write_file(folder + "/render.json", result.dump(2) + "\n");
}

EngineOutcome render(RenderRequest& request) {
  const InterruptGuard guard;
  request.validate();
  Cast cast = make_cast(request);
  const EnvironmentSpec& spec = cast.environment->spec();
  cast.environment->reset();
  cast.environment->picture(request.size);  // an absurd size leaves no folder behind
  RunFolder folder = claim_folder(request, spec);
  request.out = folder.path();
  std::vector<RecordedEpisode> episodes;
  for (std::int64_t i = 0; i < request.episodes && !interrupt_requested(); ++i)
    episodes.push_back(run_episode(cast, request, i));
  Files files = {{"episode.csv", episode_csv(cast, episodes)}};
  add_pictures(request, cast, episodes.front(), files);
  if (interrupt_requested()) return {kExitInterrupted, "interrupted; nothing was written"};
  request.result = result_json(request, cast, episodes);
  add_plane(spec.name, episodes, files, request.result);
  write_files(files, request.result, folder.path());
  folder.keep();
  return {};
}

}  // namespace
}  // namespace ergon::app

extern "C" void ergon_rl_engine_render(ergon::app::RenderRequest* request,
                                       ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return render(*request); },
                         "--size, --animation, --animation-seconds or --episodes");
}
