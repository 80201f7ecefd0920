#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "gnuplot.hpp"

namespace ergon {
namespace {

using internal::Frame;
using internal::quote;
using internal::Range;
using internal::RangeFinder;
using internal::Script;

constexpr std::size_t kMostPoints = 600;
constexpr double kCell = 170;  ///< pixels of a panel
constexpr double kGap = 14;    ///< between panels
constexpr double kLeft = 74;   ///< for ticks and labels
constexpr double kBottom = 60;
constexpr double kHead = 58;  ///< for title and legend
constexpr double kRight = 20;

struct Layout {
  std::size_t count;  ///< coordinates shown
  double width() const { return kLeft + kRight + span(); }
  double height() const { return kBottom + kHead + span(); }
  double span() const { return static_cast<double>(count) * (kCell + kGap) - kGap; }
  Frame frame(std::size_t row, std::size_t col) const {
    const double left = kLeft + static_cast<double>(col) * (kCell + kGap);
    const double bottom = kBottom + static_cast<double>(count - 1 - row) * (kCell + kGap);
    return {left / width(), (left + kCell) / width(), bottom / height(),
            (bottom + kCell) / height()};
  }
};

std::size_t count_rows(const PointTable& table) {
  return table.dim == 0 ? 0 : table.values.size() / table.dim;
}

void check(const PairsFigure& figure) {
  for (const PointTable* table : {&figure.particles, &figure.second}) {
    require(table->dim == 0 ? table->values.empty() : table->values.size() % table->dim == 0,
            "'{}': {} numbers are not rows of {} coordinates", table->name, table->values.size(),
            table->dim);
  }
  const std::size_t dim = figure.particles.dim;
  require(dim > 0, "figure '{}' has no coordinates to draw", figure.title);
  require(figure.second.dim == 0 || figure.second.dim == dim,
          "'{}' has {} coordinates and '{}' {}; compare points of one space", figure.particles.name,
          dim, figure.second.name, figure.second.dim);
  require(figure.labels.empty() || figure.labels.size() == dim,
          "figure '{}' has {} labels for {} coordinates", figure.title, figure.labels.size(), dim);
}

std::vector<double> coordinate(const PointTable& table, std::size_t col) {
  std::vector<double> values(count_rows(table));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = table.values[i * table.dim + col];
  return values;
}

/// Steps of a histogram normalised to area one: (x, height) at the centres of the bins.
std::vector<std::vector<double>> histogram(const std::vector<double>& values, const Range& range) {
  const auto wanted = static_cast<std::size_t>(std::sqrt(static_cast<double>(values.size())));
  const std::size_t bins = std::clamp<std::size_t>(wanted, 8, 40);
  const double width = (range.high - range.low) / static_cast<double>(bins);
  std::vector<double> counts(bins);
  double total = 0.0;
  for (const double value : values) {
    if (!(value >= range.low && value <= range.high)) continue;
    const auto bin = static_cast<std::size_t>((value - range.low) / width);
    counts[std::min(bin, bins - 1)] += 1.0;
    total += 1.0;
  }
  std::vector<std::vector<double>> rows;
  for (std::size_t bin = 0; bin < bins && total > 0; ++bin) {
    const double centre = range.low + (static_cast<double>(bin) + 0.5) * width;
    rows.push_back({centre, counts[bin] / (total * width)});
  }
  return rows;
}

void draw_histograms(Script& script,
                     const PairsFigure& figure,
                     std::size_t col,
                     const Range& range) {
  RangeFinder heights;
  heights.add(0.0);
  std::vector<std::string> layers;
  const auto add = [&](const PointTable& table, std::string_view look) {
    if (table.dim == 0) return;
    const auto rows = histogram(coordinate(table, col), range);
    for (const auto& row : rows) heights.add(row[1]);
    if (!rows.empty()) layers.push_back(fmt::format("{} {} notitle", script.add_data(rows), look));
  };
  add(figure.particles, fmt::format("using 1:2 with boxes fs solid 0.55 noborder lc rgb '{}'",
                                    internal::kParticleColour));
  add(figure.second,
      fmt::format("using 1:2 with histeps lw 1.4 lc rgb '{}'", internal::kSecondColour));
  script.set_axis('y', {0.0, 1.06 * heights.padded(0.0).high}, 3);
  script.add("unset ytics");
  script.add("set boxwidth 0.92 relative");
  script.plot(layers);
}

void draw_scatter(Script& script, const PairsFigure& figure, std::size_t row, std::size_t col) {
  std::vector<std::string> layers;
  const auto add = [&](const PointTable& table, std::string_view look) {
    std::vector<std::vector<double>> points;
    for (const std::size_t i : internal::thin(count_rows(table), kMostPoints)) {
      const double* at = table.values.data() + i * table.dim;
      if (internal::can_draw(at[col]) && internal::can_draw(at[row])) {
        points.push_back({at[col], at[row]});
      }
    }
    if (points.empty()) return;
    layers.push_back(
        fmt::format("{} using 1:2 with points {} notitle", script.add_data(points), look));
  };
  add(figure.second, fmt::format("pt 6 ps 0.2 lw 0.6 lc rgb '{}'", internal::kSecondColour));
  add(figure.particles, fmt::format("pt 7 ps 0.18 lc rgb '{}'", internal::kParticleColour));
  script.plot(layers);
}

/// Title and legend, on an empty plot over the whole picture.
void draw_head(Script& script, const PairsFigure& figure, const Layout& layout) {
  std::string title = figure.title;
  if (figure.particles.dim > layout.count) {
    title += fmt::format(" (the first {} of {} coordinates)", layout.count, figure.particles.dim);
  }
  script.set_frame({kLeft / layout.width(), 1.0 - kRight / layout.width(),
                    kBottom / layout.height(), 1.0 - kHead / layout.height()});
  script.set_title(title);
  script.add("unset border; unset tics; unset grid");
  script.add("set xrange [0:1]; set yrange [0:1]");
  std::vector<std::string> layers;
  const auto add = [&](const PointTable& table, std::string_view look) {
    if (table.dim == 0 || table.name.empty()) return;
    layers.push_back(fmt::format("NaN with points {} title {}", look, quote(table.name)));
  };
  add(figure.particles, fmt::format("pt 7 ps 0.5 lc rgb '{}'", internal::kParticleColour));
  add(figure.second, fmt::format("pt 6 ps 0.5 lc rgb '{}'", internal::kSecondColour));
  script.plot(layers);
  script.add("unset label 999; set border 3; set grid");
}

void draw_cell(Script& script,
               const PairsFigure& figure,
               const std::vector<Range>& ranges,
               std::size_t row,
               std::size_t col) {
  const auto label = [&](std::size_t i) {
    return quote(figure.labels.empty() ? fmt::format("x{}", i + 1) : figure.labels[i]);
  };
  script.add("set tics nomirror out scale 0.4 tc rgb '#333333'");
  script.set_axis('x', ranges[col], 4);
  script.set_axis('y', ranges[row], 4);
  const bool lowest = row + 1 == ranges.size();
  script.add("set xlabel {} noenhanced", lowest ? label(col) : "''");
  script.add("set label 1 {} noenhanced at screen 0.02, graph 0.5 center rotate",
             col == 0 && row > 0 ? label(row) : "''");
  if (!lowest) script.add("set format x ''");
  if (col > 0) script.add("set format y ''");
  if (row == col) {
    draw_histograms(script, figure, col, ranges[col]);
  } else {
    draw_scatter(script, figure, row, col);
  }
}

}  // namespace

std::string render_svg(const PairsFigure& figure) {
  check(figure);
  const Layout layout{std::min(figure.particles.dim, kMostPairsCoordinates)};
  std::vector<Range> ranges;
  for (std::size_t col = 0; col < layout.count; ++col) {
    RangeFinder finder;
    finder.add(coordinate(figure.particles, col));
    if (figure.second.dim > 0) finder.add(coordinate(figure.second, col));
    ranges.push_back(finder.padded(0.05));
  }
  Script script("svg font 'Arial,11'", static_cast<int>(layout.width()),
                static_cast<int>(layout.height()));
  script.add("set multiplot");
  draw_head(script, figure, layout);
  for (std::size_t row = 0; row < layout.count; ++row) {
    for (std::size_t col = 0; col <= row; ++col) {
      script.set_frame(layout.frame(row, col));
      draw_cell(script, figure, ranges, row, col);
    }
  }
  script.add("unset multiplot");
  return internal::run_gnuplot_svg(script, figure.title);
}

}  // namespace ergon
