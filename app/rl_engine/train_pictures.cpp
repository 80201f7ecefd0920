#include <algorithm>
#include <string_view>

#include "rl_engine/train_outputs.hpp"

namespace ergon::app {
namespace {

constexpr const char* kCaption =
    "Returns over environment steps: training episodes (smoothed over ten), evaluations without "
    "noise with their range of two standard errors, and evaluations with sampled actions; below, "
    "what the updates minimised.";
constexpr std::size_t kSmoothing = 10;

Curve training_curve(const TrainingRecord& record) {
  Curve curve{"training episodes", {}, {}};
  double sum = 0.0;
  for (std::size_t i = 0; i < record.episodes.size(); ++i) {
    sum += record.episodes[i].episode_return;
    if (i >= kSmoothing) sum -= record.episodes[i - kSmoothing].episode_return;
    curve.x.push_back(static_cast<double>(record.episodes[i].step));
    curve.y.push_back(sum / static_cast<double>(std::min(i + 1, kSmoothing)));
  }
  return curve;
}

Curve evaluation_curve(const TrainingRecord& record,
                       EpisodeReturns Evaluation::*mode,
                       const char* name) {
  Curve curve{name, {}, {}};
  for (const Evaluation& evaluation : record.evaluations) {
    const MeanReturn mean = mean_return(evaluation.*mode);
    curve.x.push_back(static_cast<double>(evaluation.step));
    curve.y.push_back(mean.mean);
    curve.lower.push_back(mean.mean - 2 * mean.standard_error);
    curve.upper.push_back(mean.mean + 2 * mean.standard_error);
  }
  return curve;
}

LineFigure return_figure(const TrainSession& session) {
  const TrainingRecord& record = session.record();
  Curve stochastic = evaluation_curve(record, &Evaluation::stochastic, "sampled actions");
  stochastic.lower.clear();
  stochastic.upper.clear();
  LineFigure figure{"",
                    "environment steps",
                    "return",
                    {training_curve(record), stochastic,
                     evaluation_curve(record, &Evaluation::deterministic, "without noise")}};
  if (session.spec().reward_threshold)
    figure.references.push_back({*session.spec().reward_threshold, "solved"});
  return figure;
}

/// One quantity of the updates; without points when there is none of that name.
LineFigure update_figure(const TrainingRecord& record, std::string_view name, const char* label) {
  Curve curve;
  for (const UpdateRow& row : record.updates) {
    for (const auto& [key, value] : row.means) {
      if (key != name) continue;
      curve.x.push_back(static_cast<double>(row.step));
      curve.y.push_back(value);
    }
  }
  return {"", "environment steps", label, {curve}};
}

}  // namespace

Gallery draw_train_pictures(const TrainSession& session, const TrainSettings& settings) {
  Gallery gallery;
  if (!settings.figures) return gallery;
  if (!have_gnuplot()) {
    gallery.failures.push_back(
        "there are no curves, since gnuplot is missing: install gnuplot-nox");
    return gallery;
  }
  draw(gallery, "learning_curve.svg", kCaption, [&] {
    PanelFigure figure{fmt::format("{}, SAC ({}), seed {}", session.spec().name,
                                   to_name(settings.preset), settings.seed),
                       {return_figure(session)}};
    const TrainingRecord& record = session.record();
    LineFigure loss = update_figure(record, "critic_loss", "loss of the critics");
    loss.log_y = true;
    const LineFigure entropy = update_figure(record, "entropy", "entropy");
    for (const LineFigure& panel : {loss, entropy}) {
      if (!panel.curves[0].x.empty()) figure.panels.push_back(panel);
    }
    return render_svg(figure);
  });
  return gallery;
}

}  // namespace ergon::app
