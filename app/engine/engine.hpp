#pragma once

#include "engine_outcome.hpp"
#include "fit_flow_request.hpp"
#include "sample_request.hpp"

namespace ergon::app {

inline constexpr const char* kSampleSymbol = "ergon_engine_sample";
inline constexpr const char* kFitFlowSymbol = "ergon_engine_fit_flow";

}  // namespace ergon::app

/// The engine's entries: each carries out a run and writes its folder. They never throw, and print
/// progress on stderr and nothing else.
extern "C" void ergon_engine_sample(ergon::app::SampleRequest* request,
                                    ergon::app::EngineOutcome* outcome);
extern "C" void ergon_engine_fit_flow(ergon::app::FitFlowRequest* request,
                                      ergon::app::EngineOutcome* outcome);
