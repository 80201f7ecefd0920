#pragma once

#include <string>

#include "ergon/core/runtime.hpp"
#include "session.hpp"

namespace ergon::app {

/// Writes what a finished run leaves behind (docs/guide/sample.md lists the files). result.json
/// comes last: a folder that has it is complete. Each file is written whole or not at all. Throws
/// InvalidInput: read-only folder, full disk.
void write_outputs(const Session& session,
                   const RunSettings& settings,
                   const Target& target,
                   const Runtime& runtime,
                   const std::string& folder);

}  // namespace ergon::app
