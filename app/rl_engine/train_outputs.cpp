#include "rl_engine/train_outputs.hpp"

#include "ergon/core/files.hpp"
#include "sample_request.hpp"

namespace ergon::app {

void write_train_outputs(const TrainSession& session,
                         const TrainSettings& settings,
                         const std::string& folder) {
  const Gallery gallery = draw_train_pictures(session, settings);
  Json result = train_result_json(session, settings);
  for (const auto& failure : gallery.failures) result["warnings"].push_back(failure);

  save_policy_file(session.policy(), agent_path(folder));
  for (const Picture& picture : gallery.pictures)
    write_file(folder + "/" + picture.file, picture.bytes);
  if (settings.figures)
    write_file(folder + "/report.html", train_report_html(result, gallery.pictures));
  write_file(result_path(folder), result.dump(2) + "\n");
}

}  // namespace ergon::app
