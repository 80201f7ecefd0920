#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"

/// Runs of `ergon rl train` that take a fraction of a second, for what reads them.
namespace ergon::testing {

inline Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

inline Words short_training(const std::string& environment, const Words& more) {
  return joined({"rl",        "train",
                 environment, "--steps",
                 "200",       "--random-steps",
                 "50",        "--update-after",
                 "50",        "--update-every",
                 "10",        "--actor-hidden",
                 "16,16",     "--critic-hidden",
                 "16,16",     "--batch",
                 "32",        "--evaluate-every",
                 "100",       "--evaluation-episodes",
                 "2",         "--max-episode-steps",
                 "40",        "--no-figures",
                 "--quiet"},
                more);
}

inline void train(const Workspace& here, const std::string& environment, const Words& more) {
  const Outcome outcome = here.run(short_training(environment, more));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
}

/// Pendulum with the seeds 0 and 1 in runs/seed-0 and runs/seed-1, made once.
inline const Workspace& two_seeds() {
  static const struct Trained {
    Trained() { train(here, "Pendulum-v1", {"--seeds", "0-1", "--out", "runs"}); }
    Workspace here;
  } trained;
  return trained.here;
}

/// A CSV file of numbers without its header; an empty cell is 0.
inline std::vector<std::vector<double>> numbers_of(const std::string& text) {
  std::vector<std::vector<double>> rows;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');)
      rows.back().push_back(cell.empty() ? 0.0 : std::stod(cell));
  }
  return rows;
}

/// Every key of the object, but those of options, stands in the page as `key`.
inline void expect_documented(const Json& json, const std::string& page) {
  if (json.is_array() && !json.empty()) expect_documented(json[0], page);
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items()) {
    EXPECT_THAT(page, ::testing::HasSubstr("`" + key + "`"));
    if (key != "options") expect_documented(value, page);
  }
}

}  // namespace ergon::testing
