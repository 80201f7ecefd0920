#include "engine_parts/result_parts.hpp"
#include "ergon/core/machine.hpp"
#include "rl_engine/train_outputs.hpp"
#include "rl_engine/train_tables.hpp"

namespace ergon::app {
namespace {

Json environment_json(const EnvironmentSpec& spec) {
  Json json = {{"name", spec.name},
               {"rules", spec.rules},
               {"observation_dim", spec.observation_dim},
               {"action_dim", spec.action_dim},
               {"max_episode_steps", spec.max_episode_steps},
               {"reward_threshold", number(spec.reward_threshold)},
               {"seconds_per_step", spec.seconds_per_step}};
  const bool simulated = !spec.model.empty();
  json["model"] = simulated ? Json(spec.model) : Json(nullptr);
  json["model_hash"] = simulated ? Json(spec.model_hash) : Json(nullptr);
  return json;
}

Json agent_json(const TrainSession& session, const TrainSettings& settings) {
  const Sac<float>& agent = session.agent();
  return {{"algorithm", "sac"},
          {"preset", to_name(settings.preset)},
          {"actor_parameters", agent.actor_parameters().size()},
          {"critic_parameters", agent.critic_parameters().size()},
          {"precision", "single"},
          {"temperature", number(agent.temperature())}};
}

Json mean_json(const MeanReturn& mean, const std::string& method) {
  return {{"value", number(mean.mean)},
          {"standard_error", number(mean.standard_error)},
          {"method", method}};
}

/// A mean return with its spread over episodes.
Json returns_json(const EpisodeReturns& episodes, const std::string& method) {
  const ReturnRange range = range_of(episodes);
  Json json = mean_json(mean_return(episodes), method);
  json["min"] = number(range.least);
  json["max"] = number(range.greatest);
  json["mean_length"] = number(range.mean_length);
  json["episodes"] = episodes.returns.size();
  return json;
}

Json evaluation_json(const Evaluation& evaluation, const std::string& suffix = "") {
  const auto method = [&](const char* how) {
    return fmt::format("mean undiscounted return of {} episodes {}{}",
                       evaluation.deterministic.returns.size(), how, suffix);
  };
  return {
      {"step", evaluation.step},
      {"deterministic", returns_json(evaluation.deterministic, method("with tanh of the mean"))},
      {"stochastic", returns_json(evaluation.stochastic, method("with sampled actions"))}};
}

Json best_json(const TrainSession& session) {
  if (!session.best()) return nullptr;
  const auto& evaluations = session.record().evaluations;
  Json json =
      evaluation_json(evaluations[session.best()->index],
                      fmt::format(", the best of {} evaluations by this very mean: biased upwards",
                                  evaluations.size()));
  json["stochastic"]["method"] =
      evaluation_json(evaluations[session.best()->index]).at("stochastic").at("method");
  json["chosen_from"] = evaluations.size();
  return json;
}

Json training_return_json(const TrainingRecord& record) {
  if (record.episodes.empty()) return nullptr;
  return mean_json(last_returns(record),
                   fmt::format("mean return of the last {} training episodes",
                               std::min(kLastEpisodes, record.episodes.size())));
}

void add_numbers(const TrainSession& session, Json& json) {
  const TrainingRecord& record = session.record();
  json["steps"] = session.steps();
  json["updates"] = session.updates();
  json["episodes"] = record.episodes.size();
  json["evaluations"] = record.evaluations.size();
  json["final"] =
      record.evaluations.empty() ? Json(nullptr) : evaluation_json(record.evaluations.back());
  json["best"] = best_json(session);
  json["training_return"] = training_return_json(record);
}

/// What a person should know before believing the numbers.
Json warnings_for(const TrainSession& session, const TrainSettings& settings) {
  Json warnings = Json::array();
  const TrainingOptions& training = settings.training;
  if (session.updates() == 0) {
    warnings.push_back(
        fmt::format("nothing was learned: no update was made in {} steps (--update-after {}, "
                    "--update-every {})",
                    session.steps(), training.update_after, training.update_every));
  } else if (session.steps() <= training.random_steps) {
    warnings.push_back(fmt::format("all {} steps were random (--random-steps {})", session.steps(),
                                   training.random_steps));
  }
  if (training.replay < settings.sac.batch) {
    warnings.push_back(fmt::format("--replay {} keeps fewer transitions than a --batch of {} draws",
                                   training.replay, settings.sac.batch));
  }
  return warnings;
}

}  // namespace

Json train_result_json(const TrainSession& session, const TrainSettings& settings) {
  Json json;
  json["schema"] = kTrainSchema;
  json["status"] = "finished";
  json["environment"] = environment_json(session.spec());
  json["agent"] = agent_json(session, settings);
  add_numbers(session, json);
  json["warnings"] = warnings_for(session, settings);
  const double seconds = session.seconds();
  json["seconds"] = seconds;
  json["speed"] = {{"steps_per_second", static_cast<double>(session.steps()) / seconds},
                   {"updates_per_second", static_cast<double>(session.updates()) / seconds}};
  json["seed"] = settings.seed;
  json["date"] = utc_now();
  Json versions = ergon_versions_json();
  versions["mujoco"] = mujoco_version();
  versions["compiler"] = describe_machine().compiler;
  json["versions"] = versions;
  json["machine"] = machine_json();
  json["options"] = to_json(settings);
  return json;
}

}  // namespace ergon::app
