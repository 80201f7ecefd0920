#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace ergon {

/// The user's input is at fault (an option, a file, a shape, a number). The message is one sentence
/// that says what is wrong, where, and what to do. The command line prints it and exits with
/// kExitInvalidInput.
class InvalidInput : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Numbers left the reals in more places than a run can bear (Run::nonfinite_share, truncation).
/// Exit kExitInvalidInput.
class NumericalFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A promise inside Ergon is broken: a defect of ours, with the values that show it.
class BrokenPromise : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitDefect = 1;
inline constexpr int kExitInvalidInput = 2;
inline constexpr int kExitInterrupted = 130;

/// Throws InvalidInput with the formatted message (fmt syntax) unless `holds`.
template <class... Args>
void require(bool holds, fmt::format_string<Args...> message, Args&&... args) {
  if (!holds) throw InvalidInput(fmt::format(message, std::forward<Args>(args)...));
}

/// Throws InvalidInput with the formatted message (fmt syntax).
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> message, Args&&... args) {
  throw InvalidInput(fmt::format(message, std::forward<Args>(args)...));
}

namespace internal {
[[noreturn]] void broken_promise(const char* file,
                                 int line,
                                 const char* condition,
                                 std::string detail);
}  // namespace internal

}  // namespace ergon

/// Throws BrokenPromise naming the place, the condition and a formatted detail unless `condition`
/// holds.
#define ERGON_CHECK(condition, ...)                                     \
  do {                                                                  \
    if (!(condition))                                                   \
      ::ergon::internal::broken_promise(__FILE__, __LINE__, #condition, \
                                        ::fmt::format(__VA_ARGS__));    \
  } while (false)
