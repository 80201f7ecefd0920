#pragma once

#include <string>

#include "sample_request.hpp"

namespace ergon::app {

/// How a request ended.
struct EngineOutcome {
  int exit_status = 0;
  std::string message;  ///< one sentence for stderr, empty when all went well
};

using EngineFunction = void (*)(SampleRequest* request, EngineOutcome* outcome);
inline constexpr const char* kEngineSymbol = "ergon_engine_sample";

}  // namespace ergon::app

/// The engine's one entry: carries out a run and writes its folder. Never throws. Prints progress
/// on stderr and nothing else.
extern "C" void ergon_engine_sample(ergon::app::SampleRequest* request,
                                    ergon::app::EngineOutcome* outcome);
