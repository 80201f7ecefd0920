#include "flow_pictures.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/png.hpp"
#include "ergon/image/dataset.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kMostPoints = 4000;
constexpr std::int64_t kSheetColumns = 12;
constexpr std::int64_t kSheetRows = 8;
constexpr std::int64_t kShownSide = 56;  // of a picture, in pixels of the sheet
constexpr double kShownShare = 0.98;     // of the objectives: the first ones may dwarf all others

constexpr const char* kTrainingCaption =
    "The training: what it minimises, on each iteration's own draws or points and on held-out "
    "ones, "
    "and the norm of its gradient.";
constexpr const char* kFlowCaption =
    "Draws of the flow over the contours of its own density that enclose 10, 30, 50, 70, 90 and 99 "
    "% of its mass in the picture.";
constexpr const char* kTargetCaption =
    "Draws of the flow over the contours of the target, each as it falls, without its importance "
    "weight.";
constexpr const char* kPairsCaption =
    "Draws of the flow, each as it falls, over what it should look like: pairs of the first "
    "coordinates, and a histogram of each.";
constexpr const char* kImagesCaption = "Draws of the flow.";
constexpr const char* kDataCaption = "Held-out images.";

/// Points to compare the draws with, (m, D) float64: held-out ones, or exact draws; undefined
/// without either.
PointTable table_of(const Tensor& points, const char* name) {
  const std::int64_t shown =
      std::min<std::int64_t>(points.size(1), static_cast<std::int64_t>(kMostPairsCoordinates));
  return {name, static_cast<std::size_t>(shown), to_vector(points.narrow(1, 0, shown))};
}

struct Reference {
  Tensor points;
  const char* name = "";
};

Reference reference_of(const FlowFindings& findings, const FlowRunParts& parts) {
  if (!parts.settings.data.samples.empty()) {
    const Tensor held_out = parts.input.data->held_out.to(at::kDouble);
    return {held_out.slice(0, 0, kMostPoints), "held-out points"};
  }
  if (!findings.exact.defined()) return {};
  return {findings.exact.to(at::kDouble).slice(0, 0, kMostPoints), "exact draws"};
}

/// (n, D) float64 draws of the flow that are finite.
Tensor finite_draws(const FlowFindings& findings) {
  const Tensor draws = findings.draws.to(at::kDouble);
  return draws.index({draws.isfinite().all(1)}).slice(0, 0, kMostPoints);
}

std::string title_of(const FlowRunParts& parts) {
  return fmt::format("{}, {}",
                     parts.input.target ? parts.input.target->name() : parts.settings.data.samples,
                     to_name(parts.settings.flow.architecture));
}

ContourFigure contours(const LogDensity& density,
                       const Tensor& draws,
                       const Reference& reference,
                       at::ScalarType type) {
  ContourFigure figure;
  figure.x_label = "x1";
  figure.y_label = "x2";
  const Tensor seen = reference.points.defined() ? at::cat({draws, reference.points}) : draws;
  figure.density =
      density_grid(density, range_of(seen.select(1, 0)), range_of(seen.select(1, 1)), type);
  figure.particles = points_of(draws, "draws of the flow");
  if (reference.points.defined()) figure.second = points_of(reference.points, reference.name);
  return figure;
}

void draw_points(Gallery& gallery, const FlowSession& session, const FlowRunParts& parts) {
  const Tensor draws = finite_draws(session.findings());
  if (draws.size(0) == 0) {
    gallery.failures.push_back("there is no picture of the draws, since none is finite");
    return;
  }
  const Reference reference = reference_of(session.findings(), parts);
  if (parts.input.dim != 2) {
    draw(gallery, "draws.svg", kPairsCaption, [&] {
      PairsFigure figure;
      figure.title = title_of(parts);
      figure.particles = table_of(draws, "draws of the flow");
      if (reference.points.defined()) figure.second = table_of(reference.points, reference.name);
      return render_svg(figure);
    });
    return;
  }
  const auto draw_over = [&](const LogDensity& density, const char* file, const char* caption) {
    draw(gallery, file, caption, [&] {
      ContourFigure figure = contours(density, draws, reference, session.flow().type());
      figure.title = title_of(parts);
      return render_svg(figure);
    });
  };
  draw_over(session.flow(), "flow.svg", kFlowCaption);
  if (parts.input.target) draw_over(*parts.input.target, "target.svg", kTargetCaption);
}

// ---- the training
// ---------------------------------------------------------------------------------------------------

/// The value that a share of the objectives stays below.
double upper_quantile(const std::vector<FitRow>& trace, double share) {
  std::vector<double> values;
  for (const FitRow& row : trace) {
    if (std::isfinite(row.objective)) values.push_back(row.objective);
  }
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

LineFigure objective_figure(const std::vector<FitRow>& trace, const FlowRunParts& parts) {
  const bool reverse = is_reverse(parts.settings.fit.gradient);
  const double highest = upper_quantile(trace, kShownShare);
  Curve own{reverse ? "this iteration's draws" : "this iteration's points", {}, {}};
  Curve held_out{reverse ? "held-out draws" : "held-out points", {}, {}};
  for (const FitRow& row : trace) {
    const auto iteration = static_cast<double>(row.iteration);
    if (row.objective <= highest) {
      own.x.push_back(iteration);
      own.y.push_back(row.objective);
    }
    if (std::isfinite(row.held_out) && row.held_out <= highest) {
      held_out.x.push_back(iteration);
      held_out.y.push_back(row.held_out);
    }
  }
  LineFigure figure{
      "", "iteration", reverse ? "mean log q - log p" : "negative log-likelihood", {own, held_out}};
  if (!parts.input.target) return figure;
  const KnownAnswers known = parts.input.target->known();
  if (reverse && known.log_z) figure.references.push_back({-*known.log_z, "-log Z"});
  if (!reverse && known.entropy) figure.references.push_back({*known.entropy, "entropy"});
  return figure;
}

LineFigure gradient_figure(const std::vector<FitRow>& trace) {
  Curve norm;
  for (const FitRow& row : trace) {
    norm.x.push_back(static_cast<double>(row.iteration));
    norm.y.push_back(row.gradient_norm);
  }
  LineFigure figure{"", "iteration", "norm of the gradient", {norm}};
  figure.log_y = true;
  return figure;
}

// ---- images
// ---------------------------------------------------------------------------------------------------------

/// The first rows of points as a sheet; (n, D) pixels between 0 and 256.
std::string sheet(const Tensor& points, const ImageShape& shape) {
  const auto pictures = as_pictures(points.slice(0, 0, kSheetColumns * kSheetRows), shape.channels,
                                    shape.rows, shape.columns);
  SheetLayout layout;
  layout.columns = kSheetColumns;
  layout.gap = 2;
  layout.scale = std::max<std::int64_t>(1, kShownSide / std::max(shape.rows, shape.columns));
  return encode_png(image_sheet(pictures, layout));
}

void draw_images(Gallery& gallery, const FlowSession& session, const FlowRunParts& parts) {
  const ImageShape& shape = *parts.input.image;
  draw(gallery, "images.png", kImagesCaption,
       [&] { return sheet(session.findings().draws, shape); });
  draw(gallery, "data.png", kDataCaption, [&] { return sheet(parts.input.data->held_out, shape); });
}

}  // namespace

Gallery draw_flow_pictures(const FlowSession& session, const FlowRunParts& parts) {
  Gallery gallery;
  if (!parts.settings.figures) return gallery;
  if (parts.input.image) draw_images(gallery, session, parts);
  if (!have_gnuplot()) {
    gallery.failures.push_back(
        "there are no curves, since gnuplot is missing: install gnuplot-nox");
    return gallery;
  }
  if (!parts.input.image) draw_points(gallery, session, parts);
  draw(gallery, "training.svg", kTrainingCaption, [&] {
    const auto& trace = session.fit().trace();
    PanelFigure figure{title_of(parts), {objective_figure(trace, parts), gradient_figure(trace)}};
    return render_svg(figure);
  });
  return gallery;
}

}  // namespace ergon::app
