#include "engine_parts/page_parts.hpp"

namespace ergon::app {
namespace {

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
