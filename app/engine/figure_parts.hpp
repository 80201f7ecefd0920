#pragma once

#include <string>
#include <vector>

#include "engine_parts/page_parts.hpp"
#include "ergon/density/log_density.hpp"

/// What the pictures of all commands are made of.
namespace ergon::app {

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

}  // namespace ergon::app
