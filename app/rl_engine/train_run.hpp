#pragma once

#include "engine_outcome.hpp"
#include "rl/train_request.hpp"

namespace ergon::app {

/// Carries out a training and writes its folder; sets request.out to it. Throws InvalidInput and
/// NumericalFailure.
EngineOutcome train(TrainRequest& request);

}  // namespace ergon::app
