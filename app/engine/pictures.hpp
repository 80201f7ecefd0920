#pragma once

#include <string>
#include <vector>

#include "session.hpp"

namespace ergon::app {

/// A picture of the run's folder.
struct Picture {
  std::string file;     ///< "particles.svg"
  std::string caption;  ///< one sentence for the report
  std::string bytes;    ///< SVG or GIF
};

/// Pictures, and why one could not be drawn (gnuplot is missing or failed), in a sentence: no
/// reason to lose a run.
struct Gallery {
  std::vector<Picture> pictures;
  std::vector<std::string> failures;
};

/// The particles and the draws of the flows (over the density's contours in two dimensions, as
/// pairs of coordinates otherwise), what happened along the steps, the fit, and the animation when
/// asked for; nothing under --no-figures.
Gallery draw_pictures(const Session& session, const RunSettings& settings, const Target& target);

}  // namespace ergon::app
