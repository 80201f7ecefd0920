#pragma once

#include "figure_parts.hpp"
#include "flow_outputs.hpp"

namespace ergon::app {

/// The training, and draws of the flow: over the contours of the flow and of the target in two
/// dimensions, as pairs of coordinates otherwise, as a sheet of pictures for images; with points it
/// learned from or exact draws beside. Nothing under --no-figures.
Gallery draw_flow_pictures(const FlowSession& session, const FlowRunParts& parts);

}  // namespace ergon::app
