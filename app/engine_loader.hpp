#pragma once

#include <cstdio>

#include "engine_outcome.hpp"
#include "fit_flow_request.hpp"
#include "sample_request.hpp"

namespace ergon::app {

/// The libraries that compute. The program loads one when there is work for it, so that help and
/// lists answer at once.
enum class EngineLibrary {
  kTensors,               ///< libergon_engine.so, which links libtorch
  kReinforcementLearning  ///< libergon_rl_engine.so, which links MuJoCo
};

/// Loads the library and finds the entry called `symbol`. Throws InvalidInput when this build has
/// no such library, or it cannot be loaded.
void* engine_entry(EngineLibrary library, const char* symbol);

/// Carries out a request by an entry, an EngineFunction<Request>. Returns the exit status; what
/// went wrong was said on stderr. Throws InvalidInput when the engine cannot be loaded.
template <class Request>
int run_engine(EngineLibrary library, const char* symbol, Request& request) {
  const auto function = reinterpret_cast<EngineFunction<Request>>(engine_entry(library, symbol));
  EngineOutcome outcome;
  function(&request, &outcome);
  if (!outcome.message.empty()) std::fputs(("ergon: " + outcome.message + "\n").c_str(), stderr);
  return outcome.exit_status;  // the library stays loaded: libtorch cannot be unloaded
}

/// The same for `ergon sample` and `ergon fit-flow`; sets request.out to the folder it used.
int run_engine(SampleRequest& request);
int run_engine(FitFlowRequest& request);

}  // namespace ergon::app
