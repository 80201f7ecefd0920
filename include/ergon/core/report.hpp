#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergon {

/// One self-contained HTML page: everything, pictures included, is inside the file, and nothing is
/// fetched when it is read. Text is shown as it stands (escaped). Sections appear in the order of
/// the calls, each of which returns the report.
class Report {
 public:
  explicit Report(std::string title);

  Report& heading(std::string_view text);
  Report& paragraph(std::string_view text);
  /// A paragraph that must not be missed.
  Report& warning(std::string_view text);
  /// Text in a fixed-width font with its line breaks: a command, a message.
  Report& verbatim(std::string_view text);
  /// A table of names and values.
  Report& table(const std::vector<std::pair<std::string, std::string>>& rows);
  /// A table with a header line. Throws InvalidInput when a row has not one cell per column.
  Report& table(const std::vector<std::string>& columns,
                const std::vector<std::vector<std::string>>& rows);
  /// A picture: the bytes of an SVG (render_svg), embedded as an image of its own, so that the ids
  /// inside never clash.
  Report& figure(std::string_view svg, std::string_view caption);
  /// An animation: the bytes of a GIF (render_gif).
  Report& animation(std::string_view gif, std::string_view caption);
  /// A picture of pixels: the bytes of a PNG (encode_png).
  Report& photograph(std::string_view png, std::string_view caption);

  /// The page.
  std::string html() const;

 private:
  Report& image(std::string_view media_type, std::string_view bytes, std::string_view caption);
  std::string title_;
  std::string body_;
};

}  // namespace ergon
