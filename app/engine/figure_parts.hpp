#pragma once

#include <string>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/figure.hpp"
#include "ergon/density/log_density.hpp"

/// What the pictures of all commands are made of.
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

std::vector<double> to_vector(const Tensor& values);

struct Range {
  double low;
  double high;
};
/// Where the central 99 % of a coordinate's values are, with a margin. coordinate: (n) finite.
Range range_of(const Tensor& coordinate);

/// log p̄ on a regular grid over x times y, evaluated in `type`.
DensityGrid density_grid(const LogDensity& target,
                         const Range& x,
                         const Range& y,
                         at::ScalarType type);

/// Whether the grid has the density's hill on it, and not a flat or a single point of it.
bool shows_contours(const DensityGrid& grid);

/// points (n, 2).
PointSet points_of(const Tensor& points, const std::string& name);

/// Draws one picture into the gallery, or says why not.
template <class Render>
void draw(Gallery& gallery, const char* file, const char* caption, const Render& render) {
  try {
    gallery.pictures.push_back({file, caption, render()});
  } catch (const InvalidInput& error) {
    gallery.failures.push_back(fmt::format("{} could not be drawn: {}", file, error.what()));
  }
}

}  // namespace ergon::app
