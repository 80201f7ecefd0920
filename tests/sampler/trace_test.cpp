#include "ergon/sampler/trace.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace ergon::testing {
namespace {

TEST(SamplerTrace, ARowHasANumberForEveryColumnAndComesBackFromThem) {
  std::vector<double> numbers(trace_columns().size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i + 1);
  EXPECT_EQ(to_numbers(trace_row_from_numbers(numbers.data())), numbers);
}

TEST(SamplerTrace, WhatAStepDoesNotSayIsNotANumber) {
  const std::vector<double> numbers = to_numbers(TraceRow());
  ASSERT_EQ(numbers.size(), trace_columns().size());
  EXPECT_EQ(numbers[0], 0.0);
  EXPECT_TRUE(std::isnan(numbers[1]));
}

}  // namespace
}  // namespace ergon::testing
