#pragma once

#include <string>
#include <vector>

#include "conclusions.hpp"
#include "session.hpp"

namespace ergon::app {

/// Adds the reasons to distrust the estimates of log Z, entropy and ELBO (of the flow or at the
/// particles) and the chains.
void warn_about_estimates(const Session& session,
                          const Conclusions& conclusions,
                          const RunSettings& settings,
                          std::vector<std::string>& texts);

}  // namespace ergon::app
