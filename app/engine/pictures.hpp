#pragma once

#include "figure_parts.hpp"
#include "session.hpp"

namespace ergon::app {

/// The particles and the draws of the flows (over the density's contours in two dimensions, as
/// pairs of coordinates otherwise), what happened along the steps, the fit, and the animation when
/// asked for; nothing under --no-figures.
Gallery draw_pictures(const Session& session, const RunSettings& settings, const Target& target);

}  // namespace ergon::app
