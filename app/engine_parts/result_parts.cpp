#include "engine_parts/result_parts.hpp"

#include <cmath>
#include <ctime>

#include "ergon/core/machine.hpp"

namespace ergon::app {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Json machine_json() {
  const Machine machine = describe_machine();
  return {{"cpu", machine.cpu},
          {"cores", machine.cores},
          {"memory_gib", machine.memory_gib},
          {"system", machine.system}};
}

Json ergon_versions_json() { return {{"ergon", ergon_version()}, {"revision", ergon_revision()}}; }

}  // namespace ergon::app
