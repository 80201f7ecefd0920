#pragma once

#include <string>
#include <vector>

#include "ergon/core/option_json.hpp"
#include "flow_outputs.hpp"

namespace ergon::app {

/// Everything a reader should know before trusting the numbers, in plain words.
std::vector<std::string> flow_warnings(const FlowSession& session, const FlowRunParts& parts);

/// result.json; its schema is docs/fit_flow_result_schema.md.
Json flow_result_json(const FlowSession& session, const FlowRunParts& parts);

}  // namespace ergon::app
