#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ergon/core/runtime.hpp"
#include "ergon/learn/summary.hpp"
#include "session.hpp"

namespace ergon::app {

/// What is concluded from the last particles. Each where the sampler makes it possible.
struct Conclusions : RunSummary {
  std::optional<double> stein_residual;  ///< at the last step
  std::optional<double> acceptance;      ///< mean over the steps that accept or reject
};

Conclusions conclude(const Session& session, const SamplerOptions& options);

/// Everything a reader should know before trusting the numbers, in plain words.
std::vector<std::string> warnings(const Session& session,
                                  const Conclusions& conclusions,
                                  const RunSettings& settings,
                                  const Target& target,
                                  const Runtime& runtime);

/// result.json; its schema is docs/result_schema.md.
Json result_json(const Session& session,
                 const Conclusions& conclusions,
                 const RunSettings& settings,
                 const Target& target,
                 const Runtime& runtime);

}  // namespace ergon::app
