#include "ergon/core/progress.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>

namespace ergon {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// A stream that is no terminal, and what was printed to it.
class Capture {
 public:
  std::FILE* stream() const { return file_.get(); }
  std::string text() const {
    std::string text(static_cast<std::size_t>(std::ftell(file_.get())), '\0');
    std::rewind(file_.get());
    text.resize(std::fread(text.data(), 1, text.size(), file_.get()));
    return text;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{std::tmpfile(), std::fclose};
};

TEST(CoreProgress, ABarShowsLabelShareRateAndNote) {
  const Capture capture;
  Progress progress("fit", 200, ProgressStyle::kBar, 0, capture.stream());
  progress.update(120, "loss 3.412");
  const std::string text = capture.text();
  EXPECT_THAT(text, HasSubstr("\rfit 120/200 [############--------] 60% "));
  EXPECT_THAT(text, ContainsRegex("/s .*left  loss 3.412"));
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

TEST(CoreProgress, ABarIsRedrawnAtMostTenTimesASecondAndEndedOnce) {
  const Capture capture;
  {
    Progress progress("fit", 100000, ProgressStyle::kBar, 0, capture.stream());
    for (int i = 1; i <= 100000; ++i) progress.update(i);
    progress.finish();
    progress.finish();
  }
  const std::string text = capture.text();
  EXPECT_LE(std::count(text.begin(), text.end(), '\r'), 30) << "100000 updates in well under 3 s";
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("100000/100000 [####################] 100%"));
}

TEST(CoreProgress, AnAbandonedBarEndsItsLine) {
  const Capture capture;
  {
    Progress progress("fit", 10, ProgressStyle::kBar, 0, capture.stream());
    progress.update(3);
  }
  const std::string text = capture.text();
  ASSERT_FALSE(text.empty());
  EXPECT_EQ(text.back(), '\n');
}

TEST(CoreProgress, AwayFromATerminalShortWorkIsOneLine) {
  const Capture capture;
  Progress progress("sample", 50, ProgressStyle::kAutomatic, 0, capture.stream());
  for (int i = 1; i <= 50; ++i) progress.update(i, "acceptance 0.93");
  progress.finish();
  const std::string text = capture.text();
  EXPECT_THAT(text, ContainsRegex("^sample 50/50 100% [^\r]*acceptance 0.93\n$"));
}

TEST(CoreProgress, QuietPrintsNothing) {
  const Capture capture;
  {
    Progress progress("fit", 10, ProgressStyle::kQuiet, 0, capture.stream());
    progress.update(5);
    progress.finish();
  }
  EXPECT_EQ(capture.text(), "");
}

TEST(CoreProgress, WorkDoneBeforeIsShownButDoesNotCountAsSpeed) {
  const Capture capture;
  Progress progress("fit", 200, ProgressStyle::kBar, 150, capture.stream());
  progress.update(150);
  const std::string text = capture.text();
  EXPECT_THAT(text, HasSubstr("150/200"));
  EXPECT_THAT(text, Not(HasSubstr("/s"))) << "nothing was done in this run";
}

TEST(CoreProgress, OddTotalsAreHarmless) {
  const Capture capture;
  Progress unknown("read", 0, ProgressStyle::kLines, 0, capture.stream());
  unknown.update(7);
  unknown.finish();
  Progress beyond("fit", 5, ProgressStyle::kBar, 0, capture.stream());
  beyond.update(9);
  beyond.finish();
  const std::string text = capture.text();
  EXPECT_THAT(text, HasSubstr("read 7 "));
  EXPECT_THAT(text, HasSubstr("9/5 [####################] 100%"));
}

}  // namespace
}  // namespace ergon
