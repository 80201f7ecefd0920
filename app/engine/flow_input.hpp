#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "ergon/density/target.hpp"
#include "ergon/learn/normalizing_flow_fit.hpp"
#include "fit_flow_request.hpp"

namespace ergon::app {

/// A point read as a picture, row-major.
struct ImageShape {
  std::int64_t channels = 1;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// What a flow is fitted to, read and split.
struct FlowInput {
  std::unique_ptr<Target> target;    ///< nullptr: none
  std::optional<TrainingData> data;  ///< for the forward estimators
  Tensor test;                       ///< (m, D)  --test-samples; undefined: none
  std::optional<ImageShape> image;   ///< of every point, where they are images
  std::int64_t dim = 0;              ///< D
};

/// Reads the files, draws and splits by the settings' seed, and settles in the settings what
/// follows from the points: the shape of images, and a batch of at most all points. Throws
/// InvalidInput: a file that is missing, damaged or of another kind; numbers that are not finite; a
/// column of one value; too few rows; dimensions that do not fit; a target without an exact
/// sampler.
FlowInput load_flow_input(FitFlowSettings& settings);

}  // namespace ergon::app
