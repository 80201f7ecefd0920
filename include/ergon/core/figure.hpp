#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ergon/core/files.hpp"

namespace ergon {

/// Figures are plain structs, drawn by the program gnuplot (Debian: gnuplot-nox). Numbers that are
/// not finite, and numbers not above zero on a logarithmic axis, are gaps. Text is drawn as it
/// stands: no markup. Every function that draws throws InvalidInput when gnuplot is missing (saying
/// what to install), when it fails, and when two lists that belong together differ in length.

enum class CurveStyle { kSolid, kDashed };

/// One line: y against x, with a band from lower to upper around it unless both are empty. All of
/// one length.
struct Curve {
  std::string name;  ///< shown in the legend unless empty
  std::vector<double> x;
  std::vector<double> y;
  std::vector<double> lower = {};
  std::vector<double> upper = {};
  CurveStyle style = CurveStyle::kSolid;
};

/// A dashed horizontal line, e.g. at a known value.
struct ReferenceLine {
  double y = 0.0;
  std::string label;
};

/// Curves over common axes.
struct LineFigure {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Curve> curves;
  std::vector<ReferenceLine> references = {};
  bool log_x = false;
  bool log_y = false;
};

/// Line figures one below the other: what happened along the steps of one run.
struct PanelFigure {
  std::string title;
  std::vector<LineFigure> panels;
};

/// Points of the plane. More than 4000 are thinned evenly; the legend says so, and how many lie
/// outside the picture.
struct PointSet {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

/// A log-density, up to a constant, on the nodes of a regular grid that includes its borders.
struct DensityGrid {
  double x_low = 0.0;
  double x_high = 0.0;
  double y_low = 0.0;
  double y_high = 0.0;
  std::size_t columns = 0;          ///< nodes along x
  std::size_t rows = 0;             ///< nodes along y
  std::vector<double> log_density;  ///< (rows x columns) row-major, y growing with the row
};

enum class ContourStyle { kFilled, kLines };

/// Particles over the contours of a density of two variables. The contours enclose 10, 30, 50, 70,
/// 90 and 99 % of the grid's mass. Without a grid (rows or columns below 2) the points alone.
struct ContourFigure {
  std::string title;
  std::string x_label;
  std::string y_label;
  DensityGrid density;
  PointSet particles;
  PointSet second = {};  ///< e.g. exact samples; drawn below the particles
  ContourStyle style = ContourStyle::kFilled;
};

/// Rows of coordinates.
struct PointTable {
  std::string name;
  std::size_t dim = 0;
  std::vector<double> values;  ///< (n x dim) row-major
};

inline constexpr std::size_t kMostPairsCoordinates = 5;

/// Every pair of the first five coordinates as points (more than 600 are thinned evenly), each
/// coordinate's histogram on the diagonal.
struct PairsFigure {
  std::string title;
  std::vector<std::string> labels = {};  ///< one per coordinate; empty: x1, x2, …
  PointTable particles;
  PointTable second = {};  ///< of the same dimension; dim 0: none
};

/// Particles that move over the contours of `background`, whose own particles are not drawn.
struct AnimationFigure {
  ContourFigure background;
  std::vector<PointSet> frames;
  std::vector<std::string> captions = {};  ///< one per frame, after the title; empty: none
  double seconds_per_frame = 0.08;
};

/// True when gnuplot can be run: without it every function below throws.
bool have_gnuplot();

/// The bytes of an SVG picture. The same figure makes the same bytes.
std::string render_svg(const LineFigure& figure);
std::string render_svg(const PanelFigure& figure);
std::string render_svg(const ContourFigure& figure);
std::string render_svg(const PairsFigure& figure);
/// The bytes of an animated GIF that repeats for ever.
std::string render_gif(const AnimationFigure& figure);

/// Draws and writes by write_file: a reader sees a whole picture or none.
template <class Figure>
void write_svg(const Figure& figure, const std::string& path) {
  write_file(path, render_svg(figure));
}
inline void write_gif(const AnimationFigure& figure, const std::string& path) {
  write_file(path, render_gif(figure));
}

}  // namespace ergon
