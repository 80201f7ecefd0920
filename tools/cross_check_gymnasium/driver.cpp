// Plays commands from the standard input on one environment and prints what it shows, in
// hexadecimal floating-point numbers: the other half of cross_check.py, which builds and runs it.
//   driver NAME
//     reset SEED      seeds and begins an episode     prints the observation
//     begin           begins the next episode         prints the observation
//     step A1 A2 …    one step                        prints reward, terminated, truncated,
//     observation
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "ergon/env/environment.hpp"

namespace {

void print(const std::vector<double>& numbers) {
  for (double number : numbers) std::printf(" %a", number);
  std::printf("\n");
}

void play(ergon::Environment& environment, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "reset") {
    std::uint64_t seed = 0;
    words >> seed;
    environment.seed(seed);
  }
  if (command != "step") {
    environment.reset();
    return print(environment.observation());
  }
  std::vector<double> action;
  for (std::string word; words >> word;) action.push_back(std::stod(word));
  const ergon::StepResult result = environment.step(action.data());
  std::printf("%a %d %d", result.reward, result.terminated, result.truncated);
  print(environment.observation());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: driver NAME < commands\n", stderr);
    return 2;
  }
  try {
    const auto environment = ergon::make_environment({argv[1], 0});
    for (std::string line; std::getline(std::cin, line);) play(*environment, line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
