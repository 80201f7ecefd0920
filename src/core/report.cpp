#include "ergon/core/report.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "ergon/core/errors.hpp"
#include "markup.hpp"

namespace ergon {
namespace {

using internal::escape_markup;

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light; }
body { margin: 2.5rem auto; padding: 0 1.25rem; max-width: 62rem; color: #1c1e21; background: #fff;
  font: 16px/1.55 system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1.2rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .7rem; padding-bottom: .25rem; border-bottom: 1px solid #dfe3e8; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #eceff2; }
th { font-weight: 600; color: #4a5058; }
td { overflow-wrap: anywhere; }
pre { padding: .7rem .9rem; background: #f5f7f9; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #4a5058; font-size: .92rem; }
.warning { padding: .6rem .9rem; background: #fff4e5; border-left: 4px solid #d55e00; }
)css";

/// RFC 4648.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kLetters[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

}  // namespace

Report::Report(std::string title) : title_(std::move(title)) {}

Report& Report::heading(std::string_view text) {
  body_ += fmt::format("<h2>{}</h2>\n", escape_markup(text));
  return *this;
}

Report& Report::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escape_markup(text));
  return *this;
}

Report& Report::warning(std::string_view text) {
  body_ += fmt::format("<p class=\"warning\" role=\"note\"><strong>Warning.</strong> {}</p>\n",
                       escape_markup(text));
  return *this;
}

Report& Report::verbatim(std::string_view text) {
  body_ += fmt::format("<pre>{}</pre>\n", escape_markup(text));
  return *this;
}

Report& Report::table(const std::vector<std::pair<std::string, std::string>>& rows) {
  body_ += "<table>\n";
  for (const auto& [name, value] : rows) {
    body_ += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape_markup(name),
                         escape_markup(value));
  }
  body_ += "</table>\n";
  return *this;
}

Report& Report::table(const std::vector<std::string>& columns,
                      const std::vector<std::vector<std::string>>& rows) {
  std::string text = "<table>\n<tr>";
  for (const std::string& column : columns) {
    text += fmt::format("<th scope=\"col\">{}</th>", escape_markup(column));
  }
  text += "</tr>\n";
  for (const std::vector<std::string>& row : rows) {
    require(row.size() == columns.size(),
            "a row of the report's table has {} cells where there are {} columns", row.size(),
            columns.size());
    text += "<tr>";
    for (const std::string& cell : row) text += fmt::format("<td>{}</td>", escape_markup(cell));
    text += "</tr>\n";
  }
  body_ += text + "</table>\n";
  return *this;
}

Report& Report::image(std::string_view media_type,
                      std::string_view bytes,
                      std::string_view caption) {
  body_ += fmt::format(
      "<figure><img alt=\"{0}\" "
      "src=\"data:{1};base64,{2}\"><figcaption>{0}</figcaption></figure>\n",
      escape_markup(caption), media_type, base64(bytes));
  return *this;
}

Report& Report::figure(std::string_view svg, std::string_view caption) {
  return image("image/svg+xml", svg, caption);
}

Report& Report::animation(std::string_view gif, std::string_view caption) {
  return image("image/gif", gif, caption);
}

Report& Report::photograph(std::string_view png, std::string_view caption) {
  return image("image/png", png, caption);
}

std::string Report::html() const {
  const std::string title = escape_markup(title_);
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n", title, kStyle);
  return page + fmt::format("<body>\n<h1>{}</h1>\n{}</body>\n</html>\n", title, body_);
}

}  // namespace ergon
