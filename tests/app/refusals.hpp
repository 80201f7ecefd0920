#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "program.hpp"

namespace ergon::testing {

/// One clear sentence on stderr, nothing on stdout, status 2.
inline void expect_refused(const Outcome& outcome, const Words& says) {
  EXPECT_EQ(outcome.status, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, ::testing::StartsWith("ergon: "));
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "more than a line: " << outcome.err;
  for (const auto& part : says) EXPECT_THAT(outcome.err, ::testing::HasSubstr(part));
}

struct Fault {
  Words words;
  Words says;
};

/// All refused, and nothing left behind.
inline void expect_all_refused(const Workspace& here, const std::vector<Fault>& faults) {
  const Words before = here.list();
  for (const Fault& fault : faults) {
    SCOPED_TRACE(::testing::PrintToString(fault.words));
    expect_refused(here.run(fault.words), fault.says);
    EXPECT_EQ(here.list(), before) << "something was left behind";
  }
}

}  // namespace ergon::testing
