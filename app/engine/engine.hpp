#pragma once

#include <string>

#include "fit_flow_request.hpp"
#include "sample_request.hpp"

namespace ergon::app {

/// How a request ended.
struct EngineOutcome {
  int exit_status = 0;
  std::string message;  ///< one sentence for stderr, empty when all went well
};

template <class Request>
using EngineFunction = void (*)(Request* request, EngineOutcome* outcome);
inline constexpr const char* kSampleSymbol = "ergon_engine_sample";
inline constexpr const char* kFitFlowSymbol = "ergon_engine_fit_flow";

}  // namespace ergon::app

/// The engine's entries: each carries out a run and writes its folder. They never throw, and print
/// progress on stderr and nothing else.
extern "C" void ergon_engine_sample(ergon::app::SampleRequest* request,
                                    ergon::app::EngineOutcome* outcome);
extern "C" void ergon_engine_fit_flow(ergon::app::FitFlowRequest* request,
                                      ergon::app::EngineOutcome* outcome);
