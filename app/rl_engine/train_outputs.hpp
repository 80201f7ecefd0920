#pragma once

#include <string>

#include "engine_parts/page_parts.hpp"
#include "rl_engine/train_session.hpp"

namespace ergon::app {

/// Writes what a finished training leaves behind beside its tables and events
/// (docs/rl_result_schema.md lists the files). result.json comes last: a folder that has it is
/// complete. Each file is written whole or not at all. Throws InvalidInput: read-only folder, full
/// disk.
void write_train_outputs(const TrainSession& session,
                         const TrainSettings& settings,
                         const std::string& folder);

/// learning_curve.svg.
Gallery draw_train_pictures(const TrainSession& session, const TrainSettings& settings);

/// report.html: the numbers of result.json and the pictures on one self-contained page.
std::string train_report_html(const Json& result, const std::vector<Picture>& pictures);

/// result.json; its schema is docs/rl_result_schema.md.
Json train_result_json(const TrainSession& session, const TrainSettings& settings);

}  // namespace ergon::app
