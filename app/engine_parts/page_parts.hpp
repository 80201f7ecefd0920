#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/figure.hpp"
#include "ergon/core/option_json.hpp"
#include "ergon/core/report.hpp"

/// What the pictures and reports of all engines are made of; free of libtorch.
namespace ergon::app {

/// A picture of the run's folder.
struct Picture {
  std::string file;     ///< "particles.svg"
  std::string caption;  ///< one sentence for the report
  std::string bytes;    ///< SVG, PNG or GIF
};

/// Pictures, and why one could not be drawn (gnuplot is missing or failed), in a sentence: no
/// reason to lose a run.
struct Gallery {
  std::vector<Picture> pictures;
  std::vector<std::string> failures;
};

/// Draws one picture into the gallery, or says why not.
template <class Render>
void draw(Gallery& gallery, const char* file, const char* caption, const Render& render) {
  try {
    gallery.pictures.push_back({file, caption, render()});
  } catch (const InvalidInput& error) {
    gallery.failures.push_back(fmt::format("{} could not be drawn: {}", file, error.what()));
  }
}

using Cells = std::vector<std::pair<std::string, std::string>>;
using Rows = std::vector<std::vector<std::string>>;

/// Six digits, the text itself, or a dash.
std::string text_of(const Json& value);

/// A block of the result as rows of names and values; blocks inside are left out.
Cells cells_of(const Json& block);

/// By its file's name: SVG, PNG or GIF.
void add_picture(Report& report, const Picture& picture);

/// The blocks `options`, `versions` and `machine`.
void add_settings_and_origin(Report& report, const Json& result);

}  // namespace ergon::app
