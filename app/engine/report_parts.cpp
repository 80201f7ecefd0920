#include "report_parts.hpp"

#include "sample_request.hpp"

namespace ergon::app {
namespace {

std::string interval_text(const Json& interval) {
  if (!interval.is_array()) return "–";
  return fmt::format("{} to {}", text_of(interval[0]), text_of(interval[1]));
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::string text_of(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return value.dump();
}

void append_estimate(const std::string& label,
                     const Json& estimate,
                     const Json& known,
                     Rows& rows) {
  if (!estimate.is_object()) return;
  rows.push_back({label, text_of(estimate.at("estimate")), text_of(estimate.at("standard_error")),
                  interval_text(estimate.at("interval")), text_of(known),
                  standardized_error(estimate, known), text_of(estimate.at("method"))});
}

void append_estimates(const Json& estimates,
                      const Json& target,
                      const std::string& suffix,
                      Rows& rows) {
  const std::pair<const char*, const char*> names[] = {
      {"log Z", "log_z"}, {"entropy", "entropy"}, {"ELBO", "elbo"}, {"EUBO", "eubo"}};
  for (const auto& [label, key] : names) {
    append_estimate(label + suffix, estimates.value(key, Json(nullptr)),
                    target.value(key, Json(nullptr)), rows);
  }
}

Cells cells_of(const Json& block) {
  Cells cells;
  for (const auto& [key, value] : block.items()) {
    if (!value.is_object() && !value.is_null()) cells.emplace_back(key, text_of(value));
  }
  return cells;
}

void add_picture(Report& report, const Picture& picture) {
  if (ends_with(picture.file, ".gif")) {
    report.animation(picture.bytes, picture.caption);
  } else if (ends_with(picture.file, ".png")) {
    report.photograph(picture.bytes, picture.caption);
  } else {
    report.figure(picture.bytes, picture.caption);
  }
}

void add_settings_and_origin(Report& report, const Json& result) {
  report.heading("Settings");
  for (const auto& [name, block] : result.at("options").items())
    report.paragraph(name).table(cells_of(block));
  report.heading("Made with")
      .table(cells_of(result.at("versions")))
      .table(cells_of(result.at("machine")));
}

}  // namespace ergon::app
