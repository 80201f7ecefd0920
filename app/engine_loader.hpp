#pragma once

#include "fit_flow_request.hpp"
#include "sample_request.hpp"

namespace ergon::app {

/// Each loads the engine (the library that links libtorch) and carries out the request; sets
/// request.out to the folder it used. Returns the exit status; what went wrong was said on stderr.
/// Throws InvalidInput when the engine cannot be loaded.
int run_engine(SampleRequest& request);
int run_engine(FitFlowRequest& request);

}  // namespace ergon::app
