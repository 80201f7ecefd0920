#include "ergon/core/csv.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "ergon/core/files.hpp"
#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;

CsvTable parse(const std::string& text) {
  const TemporaryFolder folder;
  write_file(folder.file("table.csv"), text);
  return read_csv(folder.file("table.csv"));
}

std::string refusal(const std::string& text) {
  return message_of([&] { parse(text); });
}

TEST(CoreCsv, AFirstLineWithWordsIsTheHeader) {
  const CsvTable table = parse("a,b\n1,2\n3,4.5\n");
  EXPECT_THAT(table.columns, ElementsAre("a", "b"));
  EXPECT_THAT(table.values, ElementsAre(1, 2, 3, 4.5));
  EXPECT_EQ(table.rows, 2U);
  EXPECT_EQ(table.cols, 2U);
  EXPECT_EQ(table.at(1, 1), 4.5);
}

TEST(CoreCsv, WithoutAHeaderColumnsAreNumbered) {
  const CsvTable table = parse("1,2\n3,4");
  EXPECT_THAT(table.columns, ElementsAre("1", "2"));
  EXPECT_EQ(table.rows, 2U);
}

TEST(CoreCsv, SemicolonsTabsQuotesCommentsAndBlankLinesAreUnderstood) {
  const CsvTable semicolons =
      parse("\xEF\xBB\xBF# made by hand\r\n\r\n\"a;1\" ; \"say \"\"b\"\"\"\r\n 1 ;\"-2e3\"\r\n");
  EXPECT_THAT(semicolons.columns, ElementsAre("a;1", "say \"b\""));
  EXPECT_THAT(semicolons.values, ElementsAre(1, -2000));
  EXPECT_THAT(parse("1\t+2\n  \n3\t.5\n").values, ElementsAre(1, 2, 3, 0.5));
  EXPECT_THAT(parse("x\n1\n2\n").values, ElementsAre(1, 2));
}

TEST(CoreCsv, ARaggedRowIsNamedByItsLine) {
  EXPECT_THAT(refusal("a,b\n1,2\n\n3\n"), AllOf(HasSubstr("line 4"), HasSubstr("1 field ")));
  EXPECT_THAT(refusal("1,2\n3,4,5\n"), AllOf(HasSubstr("line 2"), HasSubstr("3 fields")));
}

TEST(CoreCsv, AFieldThatIsNoFiniteNumberIsNamedByLineAndColumn) {
  EXPECT_THAT(refusal("a,b\n1,2\n1,red\n"),
              AllOf(HasSubstr("table.csv, line 3"), HasSubstr("'b'"), HasSubstr("'red'")));
  EXPECT_THAT(refusal("1,2\n1,2x\n"), AllOf(HasSubstr("line 2, column 2"), HasSubstr("'2x'")));
  for (const char* text : {"nan", "NaN", "-inf", "1e999"}) {
    EXPECT_THAT(refusal(std::string("a,b\n1,") + text + "\n"), HasSubstr("not a finite number"));
  }
  EXPECT_THAT(refusal("a,b\n1,\n"), AllOf(HasSubstr("line 2"), HasSubstr("empty")));
  EXPECT_THAT(refusal("a,b\n1,\"2\n"), HasSubstr("quote"));
}

TEST(CoreCsv, FilesWithoutNumbersAreRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("no data"));
  EXPECT_THAT(refusal("\n# nothing\n"), HasSubstr("no data"));
  EXPECT_THAT(refusal("a,b\n"), HasSubstr("no line of numbers"));
  EXPECT_THAT(message_of([] { read_csv("/no/such/table.csv"); }),
              AllOf(HasSubstr("/no/such/table.csv"), HasSubstr("No such file")));
}

TEST(CoreCsv, ColumnsAreFoundByNameOrByNumberFromEitherEnd) {
  const CsvTable table = parse("age,label,2\n1,2,3\n");
  EXPECT_EQ(table.column("label"), 1U);
  EXPECT_EQ(table.column("1"), 0U);
  EXPECT_EQ(table.column("2"), 2U) << "a name goes before a number";
  EXPECT_EQ(table.column("-1"), 2U);
  EXPECT_EQ(table.column("-3"), 0U);
  for (const char* wrong : {"0", "4", "-4", "", "lable", "1.0", "99999999999999999999"}) {
    EXPECT_THAT(message_of([&] { table.column(wrong); }),
                AllOf(HasSubstr(fmt::format("'{}'", wrong)), HasSubstr("age, label, 2")));
  }
  EXPECT_THAT(message_of([] { parse("a,a\n1,2\n").column("a"); }), HasSubstr("2 columns"));
}

TEST(CoreCsv, WrittenNumbersReadBackToTheSameBits) {
  const std::vector<double> row = {0.1,  -1.0 / 3.0,         1e-308, 5e-324, 1.7976931348623157e308,
                                   -0.0, 12345678901234567.0};
  const std::vector<std::string> columns = {"a", "b,c", "d", "e", "f \"g\"", "h", "i"};
  const CsvTable table = parse(to_csv(columns, {row, row}));
  EXPECT_EQ(table.columns, columns);
  ASSERT_EQ(table.values.size(), 14U);
  EXPECT_EQ(std::memcmp(table.values.data(), row.data(), 7 * sizeof(double)), 0);
}

TEST(CoreCsv, NanIsAnEmptyCellAndInfinityAWord) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(to_csv({"step", "x"}, {{0, std::nan("")}, {1, infinity}, {2, -infinity}}),
            "step,x\n0,\n1,inf\n2,-inf\n");
  EXPECT_EQ(to_csv({"x"}, {}), "x\n");
  EXPECT_THAT(message_of([] { to_csv({"x"}, {{1, 2}}); }), HasSubstr("row 1"));
}

}  // namespace
}  // namespace ergon
