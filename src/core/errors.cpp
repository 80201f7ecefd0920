#include "ergon/core/errors.hpp"

namespace ergon::internal {

void broken_promise(const char* file, int line, const char* condition, std::string detail) {
  throw BrokenPromise(fmt::format("{}:{}: broken promise: {}: {}", file, line, condition, detail));
}

}  // namespace ergon::internal
