#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "gnuplot.hpp"

namespace ergon {
namespace {

using internal::can_draw;
using internal::Frame;
using internal::quote;
using internal::Range;
using internal::RangeFinder;
using internal::Script;

constexpr std::size_t kMostRowsWithMarks = 30;  ///< a short curve shows its points
constexpr std::size_t kMostRows = 4000;

using Rows = std::vector<std::vector<double>>;  ///< an empty row is a gap

void check_lengths(const Curve& curve) {
  const std::size_t n = curve.x.size();
  const bool band = !curve.lower.empty() || !curve.upper.empty();
  require(curve.y.size() == n && (!band || (curve.lower.size() == n && curve.upper.size() == n)),
          "curve '{}' has {} x, {} y, {} lower and {} upper values; give as many of each",
          curve.name, n, curve.y.size(), curve.lower.size(), curve.upper.size());
}

void push(Rows& rows, std::vector<double> row) {
  if (!row.empty() || (!rows.empty() && !rows.back().empty())) rows.push_back(std::move(row));
}

/// Keeps the smallest and largest y of every stretch of rows, so that a long curve looks the same.
Rows shorten(const Rows& rows) {
  if (rows.size() <= kMostRows) return rows;
  const std::size_t stretch = 2 * ((rows.size() + kMostRows - 1) / kMostRows);
  Rows kept;
  for (std::size_t start = 0; start < rows.size(); start += stretch) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(start);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(stretch, rows.size() - start));
    const auto smaller = [](const auto& a, const auto& b) {
      return a.empty() || b.empty() ? a.size() > b.size() : a[1] < b[1];
    };
    auto [low, high] = std::minmax_element(begin, end, smaller);
    if (high < low) std::swap(low, high);
    push(kept, *low);
    push(kept, *high);
  }
  return kept;
}

Rows line_rows(const Curve& curve, const LineFigure& figure) {
  Rows rows;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    const bool shown = can_draw(curve.x[i], figure.log_x) && can_draw(curve.y[i], figure.log_y);
    push(rows, shown ? std::vector<double>{curve.x[i], curve.y[i]} : std::vector<double>{});
  }
  return shorten(rows);
}

Rows band_rows(const Curve& curve, const LineFigure& figure) {
  Rows rows;
  for (std::size_t i = 0; i < curve.lower.size(); ++i) {
    const bool shown = can_draw(curve.x[i], figure.log_x) &&
                       can_draw(curve.lower[i], figure.log_y) &&
                       can_draw(curve.upper[i], figure.log_y);
    push(rows, shown ? std::vector<double>{curve.x[i], curve.lower[i], curve.upper[i]}
                     : std::vector<double>{});
  }
  if (rows.size() <= kMostRows) return rows;
  Rows kept;
  for (const std::size_t i : internal::thin(rows.size(), kMostRows)) push(kept, rows[i]);
  return kept;
}

/// Rows with a gap on both sides, which a line does not show.
Rows lonely_rows(const Rows& rows) {
  Rows lonely;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool gap_before = i == 0 || rows[i - 1].empty();
    const bool gap_after = i + 1 == rows.size() || rows[i + 1].empty();
    if (!rows[i].empty() && gap_before && gap_after) lonely.push_back(rows[i]);
  }
  return lonely;
}

void add_curve(Script& script,
               const LineFigure& figure,
               std::size_t index,
               std::vector<std::string>& layers) {
  const Curve& curve = figure.curves[index];
  const std::string_view colour = internal::kPalette[index % internal::kPalette.size()];
  if (const Rows band = band_rows(curve, figure); !band.empty()) {
    const std::string data = script.add_data(band);
    const std::string_view hex = colour.substr(1);
    layers.push_back(fmt::format(
        "{} using 1:2:3 with filledcurves fs solid noborder fc rgb '#C8{}' notitle", data, hex));
  }
  const Rows rows = line_rows(curve, figure);
  if (rows.empty()) return;
  const std::string data = script.add_data(rows);
  const std::string title = curve.name.empty() ? "notitle" : "title " + quote(curve.name);
  const bool marks = rows.size() <= kMostRowsWithMarks;
  const char* repeated = index < internal::kPalette.size() ? "dt 1" : "dt 3";
  layers.push_back(fmt::format("{} using 1:2 with {} lw 1.8 lc rgb '{}' {} {}", data,
                               marks ? "linespoints pt 7 ps 0.4" : "lines", colour,
                               curve.style == CurveStyle::kDashed ? "dt 2" : repeated, title));
  if (const Rows lonely = lonely_rows(rows); !marks && !lonely.empty()) {
    const std::string points = script.add_data(lonely);
    layers.push_back(
        fmt::format("{} using 1:2 with points pt 7 ps 0.4 lc rgb '{}' notitle", points, colour));
  }
}

void add_references(Script& script, const LineFigure& figure) {
  script.add("unset arrow; unset label");
  for (const ReferenceLine& line : figure.references) {
    if (!can_draw(line.y, figure.log_y)) continue;
    script.add(
        "set arrow from graph 0, first {0:.17g} to graph 1, first {0:.17g} nohead dt 2 lw 1.2 lc "
        "rgb "
        "'#666666' front",
        line.y);
    script.add(
        "set label {} noenhanced at graph 0.995, first {:.17g} right offset 0,0.6 tc rgb '#555555' "
        "front",
        quote(line.label), line.y);
  }
}

/// True when x counts something: then ticks between whole numbers mean nothing.
bool counts(const LineFigure& figure) {
  const auto whole = [](double value) { return !can_draw(value) || value == std::floor(value); };
  return std::all_of(figure.curves.begin(), figure.curves.end(), [&](const Curve& curve) {
    return std::all_of(curve.x.begin(), curve.x.end(), whole);
  });
}

void set_axes(Script& script, const LineFigure& figure, const Range& x, const Range& y) {
  if (figure.log_x) {
    script.set_log_axis('x', x);
  } else {
    script.set_axis('x', x, 8);
    if (counts(figure) && x.high - x.low < 8) script.add("set xtics 1");
  }
  if (figure.log_y) {
    script.set_log_axis('y', y);
  } else {
    script.set_axis('y', y, 6);
  }
  script.add("set xlabel {} noenhanced offset 0,0.3", quote(figure.x_label));
  script.add("set ylabel {} noenhanced", quote(figure.y_label));
}

/// How the names of curves are laid out above a figure.
struct Legend {
  int columns = 1;
  int rows = 1;
};

Legend legend_of(const LineFigure& figure) {
  constexpr std::size_t kRoom = 640, kSample = 45, kLetter = 8;  // pixels, a letter's at most
  std::size_t widest = 0, names = 0;
  for (const Curve& curve : figure.curves) {
    if (curve.name.empty()) continue;
    widest = std::max(widest, curve.name.size());
    ++names;
  }
  const std::size_t columns = std::max<std::size_t>(1, kRoom / (kSample + kLetter * widest));
  const std::size_t rows = std::max<std::size_t>(1, (names + columns - 1) / columns);
  return {static_cast<int>(columns), static_cast<int>(rows)};
}

void draw(Script& script, const LineFigure& figure, const Frame& frame, int legend_rows = 1) {
  RangeFinder x(figure.log_x);
  RangeFinder y(figure.log_y);
  for (const Curve& curve : figure.curves) {
    check_lengths(curve);
    x.add(curve.x);
    y.add(curve.y);
    y.add(curve.lower);
    y.add(curve.upper);
  }
  for (const ReferenceLine& line : figure.references) y.add(line.y);
  script.set_frame(frame);
  add_references(script, figure);
  script.set_title(figure.title, legend_rows);
  set_axes(script, figure, x.padded(0.01), y.padded(0.08));
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < figure.curves.size(); ++i) add_curve(script, figure, i, layers);
  script.plot(layers);
}

constexpr int kWidth = 760;
constexpr double kLeft = 0.115;
constexpr double kRight = 0.975;

}  // namespace

std::string render_svg(const LineFigure& figure) {
  constexpr double kHeight = 440, kBelow = 57, kAbove = 62, kLegendRow = 20;
  const Legend legend = legend_of(figure);
  const double more = kLegendRow * (legend.rows - 1);
  const double height = kHeight + more;
  Script script("svg font 'Arial,13'", kWidth, static_cast<int>(height));
  if (legend.rows > 1) script.add("set key maxcols {}", legend.columns);
  draw(script, figure, {kLeft, kRight, kBelow / height, 1.0 - (kAbove + more) / height},
       legend.rows);
  return internal::run_gnuplot_svg(script, figure.title);
}

std::string render_svg(const PanelFigure& figure) {
  require(!figure.panels.empty(), "figure '{}' has no panels", figure.title);
  constexpr double kHead = 34;
  constexpr double kPanel = 242;
  constexpr double kAbove = 52;  ///< title and legend of a panel
  constexpr double kBelow = 56;  ///< its ticks and label
  const double height = kHead + kPanel * static_cast<double>(figure.panels.size());
  Script script("svg font 'Arial,12'", kWidth, static_cast<int>(height));
  script.add("set multiplot");
  script.add(
      "set label 998 {} noenhanced at screen {:.5f}, screen {:.5f} left font 'Arial,16' "
      "tc rgb '#111111'",
      quote(figure.title), kLeft, 1.0 - 0.6 * kHead / height);
  script.add("unset border; unset tics; unset grid");
  script.add("plot [0:1][0:1] NaN notitle");
  script.add("set border 3; set tics nomirror out scale 0.5 tc rgb '#333333'; set grid");
  double top = height - kHead;
  for (const LineFigure& panel : figure.panels) {
    const double bottom = top - kPanel;
    draw(script, panel, {kLeft, kRight, (bottom + kBelow) / height, (top - kAbove) / height});
    top = bottom;
  }
  script.add("unset multiplot");
  return internal::run_gnuplot_svg(script, figure.title);
}

}  // namespace ergon
