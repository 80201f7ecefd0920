#include "ergon/core/report.hpp"

#include <gmock/gmock.h>

#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using ::testing::StartsWith;

TEST(CoreReport, ThePageHoldsEverySectionInOrder) {
  const std::string page = Report("Run 7")
                               .heading("Result")
                               .paragraph("All went well.")
                               .warning("12 particles are lost.")
                               .table({{"entropy", "3.41"}, {"seed", "0"}})
                               .table({"d", "error"}, {{"10", "0.1"}, {"20", "0.2"}})
                               .verbatim("ergon sample\n  --seed 0")
                               .html();
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  std::size_t last = 0;
  for (const char* part :
       {"<title>Run 7</title>", "<h1>Run 7</h1>", "<h2>Result</h2>", "<p>All went well.</p>",
        "12 particles are lost.", "<th scope=\"row\">entropy</th><td>3.41</td>",
        "<th scope=\"col\">error</th>", "<tr><td>20</td><td>0.2</td></tr>",
        "<pre>ergon sample\n  --seed 0</pre>", "</html>"}) {
    const std::size_t at = page.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    EXPECT_GT(at, last) << part;
    last = at;
  }
}

TEST(CoreReport, TextIsEscapedEverywhere) {
  const std::string evil = "<script>alert(\"1\" & '2')</script>\x01";
  const std::string page = Report(evil)
                               .heading(evil)
                               .paragraph(evil)
                               .warning(evil)
                               .verbatim(evil)
                               .table({{evil, evil}})
                               .table({evil}, {{evil}})
                               .figure("<svg/>", evil)
                               .html();
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("<script")), Not(HasSubstr("\"1\"")), Not(HasSubstr("\x01"))));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)"));
}

TEST(CoreReport, PicturesAreInsideThePage) {
  const std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\"><circle id=\"gpDot\" r=\"1\"/></svg>";
  const std::string page = Report("r")
                               .figure(svg, "one")
                               .figure(svg, "two")
                               .animation("GIF89a", "three")
                               .photograph("\x89PNG", "four")
                               .html();
  EXPECT_THAT(page, HasSubstr("src=\"data:image/svg+xml;base64,PHN2ZyB4bWxucz0i"));
  EXPECT_THAT(page, HasSubstr("src=\"data:image/gif;base64,R0lGODlh\""));
  EXPECT_THAT(page, HasSubstr("src=\"data:image/png;base64,iVBORw==\""));
  EXPECT_THAT(page, HasSubstr("alt=\"one\""));
  EXPECT_THAT(page, Not(HasSubstr("gpDot"))) << "ids of two pictures would clash";
}

TEST(CoreReport, NothingIsFetched) {
  const std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
  const std::string page = Report("r").heading("h").figure(svg, "c").html();
  for (const char* reference : {"http:", "https:", "//", "url(", "@import", "<link", "<script"}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
}

TEST(CoreReport, Base64FollowsItsTestVectors) {
  // RFC 4648, section 10.
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"},
                                                                    {"\xFF\xFE\xFD", "//79"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_THAT(Report("r").animation(bytes, "c").html(), HasSubstr("base64," + text + "\""));
  }
}

TEST(CoreReport, ARowOfAnotherLengthIsRefused) {
  EXPECT_THAT(message_of([] { Report("r").table({"a", "b"}, {{"1"}}); }), HasSubstr("1 cells"));
}

}  // namespace
}  // namespace ergon
