#pragma once

#include <string>
#include <vector>

namespace ergon::app {

/// The candidate that a mistyped word most likely meant, by edit distance; empty when none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

/// " (did you mean --steps?)" or "" for the message about an unknown word.
std::string did_you_mean(const std::string& word,
                         const std::vector<std::string>& candidates,
                         const std::string& prefix = "");

/// "a, b, c".
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace ergon::app
