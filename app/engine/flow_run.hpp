#pragma once

#include "engine.hpp"

namespace ergon::app {

/// Carries out a fit of a flow and writes its folder. Throws InvalidInput and NumericalFailure.
EngineOutcome fit_flow(FitFlowRequest& request);

}  // namespace ergon::app
