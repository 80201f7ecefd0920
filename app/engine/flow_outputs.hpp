#pragma once

#include <string>

#include "ergon/core/runtime.hpp"
#include "flow_session.hpp"

namespace ergon::app {

/// What a session was made from.
struct FlowRunParts {
  const FitFlowSettings& settings;
  const FlowInput& input;
  const Runtime& runtime;
};

/// Writes what a finished fit leaves behind (docs/guide/flows.md lists the files). result.json
/// comes last: a folder that has it is complete. Each file is written whole or not at all. Throws
/// InvalidInput: read-only folder, full disk.
void write_flow_outputs(const FlowSession& session,
                        const FlowRunParts& parts,
                        const std::string& folder);

}  // namespace ergon::app
