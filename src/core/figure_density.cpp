#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "ergon/core/errors.hpp"
#include "gnuplot.hpp"

namespace ergon {
namespace {

using internal::can_draw;
using internal::quote;
using internal::Range;
using internal::RangeFinder;
using internal::Script;

constexpr std::size_t kMostPoints = 4000;
constexpr std::array<double, 6> kMassLevels = {0.10, 0.30, 0.50, 0.70, 0.90, 0.99};
/// From the peak to the tails; one more than there are levels.
constexpr std::array<std::uint32_t, 7> kShades = {0x3182BD, 0x5FA3D0, 0x8ABDDD, 0xB0D2E8,
                                                  0xD0E3F1, 0xE9F2F9, 0xFFFFFF};

/// The density as it is drawn: nodes without a finite value lie at a floor far below every level.
struct Landscape {
  std::vector<double> values;  ///< (rows x columns)
  std::vector<double>
      levels;  ///< falling: the value around 10 %, 30 %, … of the mass; empty: nothing to draw
};

bool has_grid(const DensityGrid& grid) { return grid.columns >= 2 && grid.rows >= 2; }

void check(const DensityGrid& grid) {
  require(grid.log_density.size() == grid.columns * grid.rows,
          "the density's grid of {} x {} nodes has {} values", grid.rows, grid.columns,
          grid.log_density.size());
  require(can_draw(grid.x_low) && can_draw(grid.x_high) && can_draw(grid.y_low) &&
              can_draw(grid.y_high) && grid.x_low < grid.x_high && grid.y_low < grid.y_high,
          "the density's grid [{}, {}] x [{}, {}] is empty", grid.x_low, grid.x_high, grid.y_low,
          grid.y_high);
}

/// The values of the log-density that enclose the given shares of the grid's mass (highest-density
/// regions).
std::vector<double> find_levels(std::vector<double> values) {
  std::sort(values.begin(), values.end(), std::greater<>());
  const double peak = values.front();
  double total = 0.0;
  for (const double value : values) total += std::exp(value - peak);
  std::vector<double> levels;
  double mass = 0.0;
  for (const double value : values) {
    mass += std::exp(value - peak);
    while (levels.size() < kMassLevels.size() && mass >= kMassLevels[levels.size()] * total) {
      levels.push_back(value);
    }
  }
  return levels;
}

Landscape make_landscape(const DensityGrid& grid) {
  constexpr double kDeepest = 60.0;  ///< below the peak; e^-60 is nothing
  Landscape landscape;
  double peak = -std::numeric_limits<double>::infinity();
  double lowest = std::numeric_limits<double>::infinity();
  for (const double value : grid.log_density) {
    if (!can_draw(value)) continue;
    peak = std::max(peak, value);
    lowest = std::min(lowest, value);
  }
  // Without a finite value, or flat everywhere, there is no contour.
  if (!(peak - lowest > 1e-12 * std::abs(peak))) return landscape;
  for (const double value : grid.log_density) {
    landscape.values.push_back(can_draw(value) ? std::max(value, peak - kDeepest)
                                               : peak - kDeepest);
  }
  landscape.levels = find_levels(landscape.values);
  return landscape;
}

/// Linear between the nodes; u and v in [0, 1] along x and y.
double interpolate(const DensityGrid& grid, const std::vector<double>& values, double u, double v) {
  const auto locate = [](double share, std::size_t nodes) {
    const double at = share * static_cast<double>(nodes - 1);
    const std::size_t node = std::min(static_cast<std::size_t>(at), nodes - 2);
    return std::pair(node, at - static_cast<double>(node));
  };
  const auto [col, right] = locate(u, grid.columns);
  const auto [row, up] = locate(v, grid.rows);
  const double* low = values.data() + row * grid.columns + col;
  const double* high = low + grid.columns;
  return (1 - up) * ((1 - right) * low[0] + right * low[1]) +
         up * ((1 - right) * high[0] + right * high[1]);
}

/// The bands between the levels as an image that fills the axes.
std::string filled_layer(Script& script, const DensityGrid& grid, const Landscape& landscape) {
  constexpr std::size_t kPixels = 240;
  std::vector<std::vector<double>> rows;
  for (std::size_t j = 0; j < kPixels; ++j) {
    for (std::size_t i = 0; i < kPixels; ++i) {
      const double u = (static_cast<double>(i) + 0.5) / kPixels;
      const double v = (static_cast<double>(j) + 0.5) / kPixels;
      const double value = interpolate(grid, landscape.values, u, v);
      std::size_t band = 0;
      while (band < landscape.levels.size() && value < landscape.levels[band]) ++band;
      const std::uint32_t shade = kShades[band];
      rows.push_back({grid.x_low + u * (grid.x_high - grid.x_low),
                      grid.y_low + v * (grid.y_high - grid.y_low), static_cast<double>(shade >> 16),
                      static_cast<double>(shade >> 8 & 0xFF), static_cast<double>(shade & 0xFF)});
    }
  }
  return script.add_data(rows) + " using 1:2:3:4:5 with rgbimage notitle";
}

/// Lets gnuplot follow the levels across the grid, ahead of the plot itself.
std::string line_layer(Script& script, const DensityGrid& grid, const Landscape& landscape) {
  std::vector<std::vector<double>> rows;
  for (std::size_t j = 0; j < grid.rows; ++j) {
    for (std::size_t i = 0; i < grid.columns; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(grid.columns - 1);
      const double v = static_cast<double>(j) / static_cast<double>(grid.rows - 1);
      rows.push_back({grid.x_low + u * (grid.x_high - grid.x_low),
                      grid.y_low + v * (grid.y_high - grid.y_low),
                      landscape.values[j * grid.columns + i]});
    }
    rows.emplace_back();
  }
  const std::string surface = script.add_data(rows);
  std::vector<double> levels(landscape.levels.rbegin(), landscape.levels.rend());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  script.add("set contour base; unset surface");
  script.add("set cntrparam levels discrete {:.17g}", fmt::join(levels, ", "));
  script.add("set table $contours; splot {} using 1:2:3 with lines; unset table", surface);
  script.add("unset contour; set surface");
  return "$contours using 1:2 with lines lw 0.8 lc rgb '#5A93BD' notitle";
}

/// The area that is drawn: the grid's, or what holds all points.
std::pair<Range, Range> find_area(const DensityGrid& grid,
                                  const std::vector<const PointSet*>& sets) {
  if (has_grid(grid)) return {{grid.x_low, grid.x_high}, {grid.y_low, grid.y_high}};
  RangeFinder x;
  RangeFinder y;
  for (const PointSet* points : sets) {
    x.add(points->x);
    y.add(points->y);
  }
  return {x.padded(0.06), y.padded(0.06)};
}

/// Adds the points inside the area as a layer; the legend tells how many are missing, and why.
void add_points(Script& script,
                const PointSet& points,
                const std::pair<Range, Range>& area,
                std::string_view look,
                std::vector<std::string>& layers) {
  require(points.x.size() == points.y.size(),
          "point set '{}' has {} x and {} y values; give as many of each", points.name,
          points.x.size(), points.y.size());
  const auto inside = [](double value, const Range& range) {
    return value >= range.low && value <= range.high;
  };
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < points.x.size(); ++i) {
    if (!inside(points.x[i], area.first) || !inside(points.y[i], area.second)) continue;
    rows.push_back({points.x[i], points.y[i]});
  }
  const std::size_t outside = points.x.size() - rows.size();
  std::string remark;
  if (outside > 0) remark += fmt::format("{} outside", outside);
  if (rows.size() > kMostPoints) {
    remark += fmt::format("{}{} of {} shown", remark.empty() ? "" : ", ", kMostPoints, rows.size());
    std::vector<std::vector<double>> kept;
    for (const std::size_t i : internal::thin(rows.size(), kMostPoints)) kept.push_back(rows[i]);
    rows = std::move(kept);
  }
  if (points.x.empty()) return;
  const std::string name = remark.empty() ? points.name : points.name + " (" + remark + ")";
  const std::string data = rows.empty() ? "NaN" : script.add_data(rows) + " using 1:2";
  layers.push_back(fmt::format("{} with points {} {}", data, look,
                               name.empty() ? "notitle" : "title " + quote(name)));
}

/// Equal units on both axes, unless one of them is far longer than the other.
void set_shape(Script& script, const std::pair<Range, Range>& area) {
  const double ratio = (area.second.high - area.second.low) / (area.first.high - area.first.low);
  script.add("set size ratio {}", ratio > 0.4 && ratio < 2.5 ? -1 : 1);
}

void draw_axes(Script& script, const ContourFigure& figure, const std::pair<Range, Range>& area) {
  script.set_title(figure.title);
  script.set_axis('x', area.first, 8);
  script.set_axis('y', area.second, 8);
  script.add("set xlabel {} noenhanced", quote(figure.x_label));
  script.add("set ylabel {} noenhanced", quote(figure.y_label));
  set_shape(script, area);
}

std::vector<std::string> density_layers(Script& script, const ContourFigure& figure) {
  std::vector<std::string> layers;
  if (!has_grid(figure.density)) return layers;
  check(figure.density);
  const Landscape landscape = make_landscape(figure.density);
  if (landscape.levels.empty()) return layers;
  if (figure.style == ContourStyle::kFilled) {
    layers.push_back(filled_layer(script, figure.density, landscape));
  }
  layers.push_back(line_layer(script, figure.density, landscape));
  return layers;
}

std::string particle_look(double size) {
  return fmt::format("pt 7 ps {} lc rgb '{}'", size, internal::kParticleColour);
}

std::string second_look(double size) {
  return fmt::format("pt 6 ps {} lw 0.8 lc rgb '{}'", size, internal::kSecondColour);
}

double point_size(const PointSet& points) { return points.x.size() > 500 ? 0.25 : 0.4; }

}  // namespace

std::string render_svg(const ContourFigure& figure) {
  Script script("svg font 'Arial,13'", 640, 600);
  const auto area = find_area(figure.density, {&figure.particles, &figure.second});
  std::vector<std::string> layers = density_layers(script, figure);
  draw_axes(script, figure, area);
  add_points(script, figure.second, area, second_look(point_size(figure.second)), layers);
  add_points(script, figure.particles, area, particle_look(point_size(figure.particles)), layers);
  script.plot(layers);
  return internal::run_gnuplot_svg(script, figure.title);
}

std::string render_gif(const AnimationFigure& figure) {
  require(!figure.frames.empty(), "animation '{}' has no frames", figure.background.title);
  require(figure.captions.empty() || figure.captions.size() == figure.frames.size(),
          "animation '{}' has {} frames and {} captions; give one per frame",
          figure.background.title, figure.frames.size(), figure.captions.size());
  require(figure.seconds_per_frame >= 0.01 && figure.seconds_per_frame <= 600,
          "seconds per frame {} is outside [0.01, 600]", figure.seconds_per_frame);
  const auto delay = std::lround(figure.seconds_per_frame * 100);
  Script script(fmt::format("gif animate delay {} loop 0 font 'sans,10'", delay), 560, 540);
  std::vector<const PointSet*> sets;
  for (const PointSet& frame : figure.frames) sets.push_back(&frame);
  const auto area = find_area(figure.background.density, sets);
  const std::vector<std::string> density = density_layers(script, figure.background);
  draw_axes(script, figure.background, area);
  for (std::size_t i = 0; i < figure.frames.size(); ++i) {
    std::vector<std::string> layers = density;
    add_points(script, figure.background.second, area, second_look(0.5), layers);
    add_points(script, figure.frames[i], area, particle_look(0.8), layers);
    if (!figure.captions.empty()) {
      script.set_title(figure.background.title + "  " + figure.captions[i]);
    }
    script.plot(layers);
  }
  return internal::run_gnuplot(script);
}

}  // namespace ergon
