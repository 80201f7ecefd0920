#pragma once

#include "engine_outcome.hpp"
#include "rl/render_request.hpp"

/// The entry of `ergon rl render`; never throws.
extern "C" void ergon_rl_engine_render(ergon::app::RenderRequest* request,
                                       ergon::app::EngineOutcome* outcome);
