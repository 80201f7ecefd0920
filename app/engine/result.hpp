#pragma once

#include <string>
#include <vector>

#include "conclusions.hpp"
#include "ergon/core/runtime.hpp"
#include "session.hpp"

namespace ergon::app {

/// Everything a reader should know before trusting the numbers, in plain words.
std::vector<std::string> warnings(const Session& session,
                                  const Conclusions& conclusions,
                                  const RunSettings& settings,
                                  const Target& target,
                                  const Runtime& runtime);

/// result.json; its schema is docs/result_schema.md.
Json result_json(const Session& session,
                 const Conclusions& conclusions,
                 const RunSettings& settings,
                 const Target& target,
                 const Runtime& runtime);

}  // namespace ergon::app
