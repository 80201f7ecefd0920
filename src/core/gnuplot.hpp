#pragma once

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ergon/core/figure.hpp"

namespace ergon::internal {

/// Okabe and Ito's palette, told apart by colour-blind readers.
inline constexpr std::array<std::string_view, 7> kPalette = {
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444"};
inline constexpr std::string_view kParticleColour = "#D55E00";
inline constexpr std::string_view kSecondColour = "#444444";

/// A closed interval of an axis.
struct Range {
  double low = 0.0;
  double high = 1.0;
};

/// True for a number an axis can hold.
bool can_draw(double value, bool log_axis = false);

/// Gathers numbers and says which interval shows them all, with a margin; never empty, whatever was
/// gathered.
class RangeFinder {
 public:
  explicit RangeFinder(bool log_axis = false) : log_(log_axis) {}
  void add(double value);
  void add(const std::vector<double>& values);
  Range padded(double margin) const;

 private:
  bool log_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

/// Text as a gnuplot literal in which nothing is code: ASCII other than letters, digits and spaces
/// as octal escapes (a doubled quote at the start of a single-quoted literal ends it in
/// gnuplot 5.4); control characters become spaces.
std::string quote(std::string_view text);

/// A frame of the picture in shares of its size, from the lower left corner.
struct Frame {
  double left, right, bottom, top;
};

/// Which of at most `most` indices of `count` to draw: evenly spaced, or all of them.
std::vector<std::size_t> thin(std::size_t count, std::size_t most);

/// A gnuplot program under construction.
class Script {
 public:
  /// Starts with the terminal and the common look.
  Script(std::string_view terminal, int width, int height);

  /// Adds one line.
  template <class... Args>
  void add(fmt::format_string<Args...> line, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), line, std::forward<Args>(args)...);
    text_ += '\n';
  }
  /// Adds rows of numbers as a named block and returns its name. An empty row is a gap.
  std::string add_data(const std::vector<std::vector<double>>& rows);
  void set_frame(const Frame& frame);
  /// The title above the left end of the axes; the legend, of so many rows, stands between the
  /// two.
  void set_title(std::string_view title, int legend_rows = 1);
  /// A range with about so many tick marks.
  void set_axis(char axis, const Range& range, int ticks);
  void set_log_axis(char axis, const Range& range);
  /// `plot` of the layers, which may be none: the axes are drawn all the same.
  void plot(const std::vector<std::string>& layers);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int blocks_ = 0;
};

/// Runs gnuplot over the script, which writes to "picture", and returns what it drew. `title`
/// becomes the SVG's own title.
std::string run_gnuplot(const Script& script);
std::string run_gnuplot_svg(const Script& script, std::string_view title);

}  // namespace ergon::internal
