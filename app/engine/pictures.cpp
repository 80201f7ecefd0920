#include "pictures.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace ergon::app {
namespace {

constexpr std::int64_t kMostPoints = 4000;

constexpr const char* kContourCaption =
    "The particles of all sets, or the draws of all chains, over the contours of the density that "
    "enclose 10, 30, 50, 70, 90 "
    "and 99 % of its mass in the picture.";
constexpr const char* kNoContourCaption =
    "The particles of all sets. There are no contours to see: the density's mass in the picture "
    "lies "
    "in too few points of it, as when the target is out of view.";
constexpr const char* kPairsCaption =
    "The particles of all sets, or the draws of all chains: pairs of the first coordinates, and a "
    "histogram of each.";
constexpr const char* kDrawsContourCaption =
    "Fresh draws through the flows over the contours of the density, each as it falls, without its "
    "importance weight.";
constexpr const char* kDrawsPairsCaption =
    "Fresh draws through the flows, each as it falls, without its importance weight: pairs of the "
    "first coordinates, and a histogram of each.";
constexpr const char* kTraceCaption = "What happened along the steps, means over the sets.";
constexpr const char* kFitCaption =
    "The objective of the fit: the reverse KL divergence up to log Z.";
constexpr const char* kAnimationCaption = "The particles of the first set along the steps.";

/// (n, D) float64, and what they are.
struct PointsShown {
  Tensor points;
  const char* name;
};

/// (n, D) float64 living particles of all sets.
Tensor living_particles(const State& state, std::int64_t dim) {
  const Tensor particles = state.particles.reshape({-1, dim}).to(at::kDouble);
  return state.alive.defined() ? particles.index({state.alive.reshape({-1})}) : particles;
}

/// The draws of all chains, thinned to what a picture shows, or else the living particles.
PointsShown shown_points(const Session& session, std::int64_t dim) {
  const Tensor chains = session.run().chains();
  if (!chains.defined()) return {living_particles(session.run().state(), dim), "particles"};
  const Tensor draws = chains.reshape({-1, dim});
  const std::int64_t stride = std::max<std::int64_t>(1, draws.size(0) / kMostPoints);
  return {draws.slice(0, 0, draws.size(0), stride), "draws"};
}

/// (n, D) float64 draws through the flows; undefined where there are none.
Tensor flow_draws(const Session& session) {
  if (!session.flow() || !session.flow()->estimates) return {};
  const Tensor draws = session.flow()->estimates->draws_x.to(at::kDouble);
  const Tensor finite = draws.isfinite().all(1);
  return finite.any().item<bool>() ? draws.index({finite}) : Tensor();
}

/// points (n, 2).
ContourFigure contour_figure(const Tensor& points,
                             const std::string& name,
                             const Target& target,
                             at::ScalarType type) {
  ContourFigure figure;
  figure.title = target.name();
  figure.x_label = "x1";
  figure.y_label = "x2";
  figure.density =
      density_grid(target, range_of(points.select(1, 0)), range_of(points.select(1, 1)), type);
  figure.particles = points_of(points, name);
  return figure;
}

ContourFigure particles_contour_figure(const Session& session, const Target& target) {
  const PointsShown shown = shown_points(session, 2);
  return contour_figure(shown.points, shown.name, target,
                        session.run().state().particles.scalar_type());
}

/// points (n, D).
PairsFigure pairs_figure(const Tensor& points, const std::string& name, const Target& target) {
  const std::int64_t shown = std::min<std::int64_t>(target.dim(), kMostPairsCoordinates);
  PairsFigure figure;
  figure.title = target.name();
  figure.particles = {name, static_cast<std::size_t>(shown), to_vector(points.narrow(1, 0, shown))};
  return figure;
}

// ---- along the steps
// -----------------------------------------------------------------------------------------------

Curve curve_of(const std::vector<TraceRow>& trace,
               const std::string& name,
               double TraceRow::*column) {
  Curve curve;
  curve.name = name;
  for (const TraceRow& row : trace) {
    curve.x.push_back(static_cast<double>(row.step));
    curve.y.push_back(row.*column);
  }
  return curve;
}

bool has_numbers(const Curve& curve) {
  return std::any_of(curve.y.begin(), curve.y.end(), [](double y) { return std::isfinite(y); });
}

void add_panel(PanelFigure& figure, LineFigure panel) {
  auto& curves = panel.curves;
  curves.erase(
      std::remove_if(curves.begin(), curves.end(), [](const Curve& c) { return !has_numbers(c); }),
      curves.end());
  if (!curves.empty()) figure.panels.push_back(std::move(panel));
}

PanelFigure trace_figure(const Session& session, const Target& target) {
  const auto& trace = session.run().trace();
  const KnownAnswers known = target.known();
  PanelFigure figure;
  figure.title = "along the steps";
  LineFigure entropy{"", "step", "entropy", {curve_of(trace, "estimate", &TraceRow::entropy)}};
  if (known.entropy) entropy.references.push_back({*known.entropy, "exact"});
  add_panel(figure, entropy);
  LineFigure elbo{"", "step", "ELBO", {curve_of(trace, "estimate", &TraceRow::elbo)}};
  if (known.log_z) elbo.references.push_back({*known.log_z, "log Z"});
  add_panel(figure, elbo);
  if (!has_numbers(curve_of(trace, "", &TraceRow::elbo))) {
    add_panel(figure, {"", "step", "mean log p̄", {curve_of(trace, "", &TraceRow::log_density)}});
  }
  LineFigure residual{
      "", "step", "Stein residual", {curve_of(trace, "", &TraceRow::stein_residual)}};
  residual.log_y = true;
  add_panel(figure, residual);
  LineFigure step_size{"",
                       "step",
                       "step size",
                       {curve_of(trace, "taken", &TraceRow::step_size),
                        curve_of(trace, "bound", &TraceRow::step_bound)}};
  step_size.log_y = true;
  add_panel(figure, step_size);
  add_panel(figure, {"", "step", "acceptance", {curve_of(trace, "", &TraceRow::acceptance)}});
  add_panel(
      figure,
      {"", "step", "inverse temperature", {curve_of(trace, "", &TraceRow::inverse_temperature)}});
  LineFigure log_z{"", "step", "log mean weight", {curve_of(trace, "", &TraceRow::log_z)}};
  if (known.log_z) log_z.references.push_back({*known.log_z, "log Z"});
  add_panel(figure, log_z);
  add_panel(figure, {"", "step", "ESS share", {curve_of(trace, "", &TraceRow::ess_share)}});
  add_panel(figure,
            {"", "step", "swap acceptance", {curve_of(trace, "", &TraceRow::swap_acceptance)}});
  add_panel(figure, {"", "step", "tree depth", {curve_of(trace, "", &TraceRow::tree_depth)}});
  return figure;
}

LineFigure fit_figure(const FitRecord& fit) {
  Curve objective{"this iteration's draws", {}, {}};
  Curve held_out{"held-out draws", {}, {}};
  for (const FitRow& row : fit.trace) {
    objective.x.push_back(static_cast<double>(row.iteration));
    objective.y.push_back(row.objective);
    if (!std::isfinite(row.held_out)) continue;
    held_out.x.push_back(static_cast<double>(row.iteration));
    held_out.y.push_back(row.held_out);
  }
  return {"fit", "iteration", "mean log q - mean log p", {objective, held_out}};
}

AnimationFigure animation(const Session& session, const Target& target) {
  AnimationFigure figure;
  figure.background = particles_contour_figure(session, target);
  for (const Frame& frame : session.frames()) {
    figure.frames.push_back(points_of(frame.particles, ""));
    figure.captions.push_back(fmt::format("step {}", frame.step));
  }
  return figure;
}

void draw_points(Gallery& gallery, const Session& session, const Target& target) {
  const Tensor draws = flow_draws(session);
  if (target.dim() != 2) {
    draw(gallery, "particles.svg", kPairsCaption, [&] {
      const PointsShown shown = shown_points(session, target.dim());
      return render_svg(pairs_figure(shown.points, shown.name, target));
    });
    if (!draws.defined()) return;
    draw(gallery, "draws.svg", kDrawsPairsCaption,
         [&] { return render_svg(pairs_figure(draws, "draws", target)); });
    return;
  }
  bool contours = true;
  draw(gallery, "particles.svg", kContourCaption, [&] {
    const ContourFigure figure = particles_contour_figure(session, target);
    contours = shows_contours(figure.density);
    return render_svg(figure);
  });
  if (!contours && !gallery.pictures.empty()) gallery.pictures.back().caption = kNoContourCaption;
  if (!draws.defined()) return;
  draw(gallery, "draws.svg", kDrawsContourCaption, [&] {
    return render_svg(
        contour_figure(draws, "draws", target, session.run().state().particles.scalar_type()));
  });
}

}  // namespace

Gallery draw_pictures(const Session& session, const RunSettings& settings, const Target& target) {
  Gallery gallery;
  if (!settings.figures) return gallery;
  if (!have_gnuplot()) {
    gallery.failures.push_back(
        "there are no pictures, since gnuplot is missing: install gnuplot-nox");
    return gallery;
  }
  draw_points(gallery, session, target);
  const PanelFigure trace = trace_figure(session, target);
  if (!trace.panels.empty()) {
    draw(gallery, "trace.svg", kTraceCaption, [&] { return render_svg(trace); });
  }
  if (session.fit()) {
    draw(gallery, "fit.svg", kFitCaption, [&] { return render_svg(fit_figure(*session.fit())); });
  }
  if (settings.animate && target.dim() == 2) {
    draw(gallery, "particles.gif", kAnimationCaption,
         [&] { return render_gif(animation(session, target)); });
  }
  return gallery;
}

}  // namespace ergon::app
