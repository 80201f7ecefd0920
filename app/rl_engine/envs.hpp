#pragma once

#include "engine_outcome.hpp"
#include "rl/envs_request.hpp"

/// The entry of `ergon envs`; never throws.
extern "C" void ergon_rl_engine_envs(ergon::app::EnvsRequest* request,
                                     ergon::app::EngineOutcome* outcome);
