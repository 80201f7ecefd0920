#pragma once

#include <string>

namespace ergon::app {

/// How a request ended.
struct EngineOutcome {
  int exit_status = 0;
  std::string message;  ///< one sentence for stderr, empty when all went well
};

/// An entry of an engine.
template <class Request>
using EngineFunction = void (*)(Request* request, EngineOutcome* outcome);

}  // namespace ergon::app
