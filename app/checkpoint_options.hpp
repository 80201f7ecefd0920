#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/option_json.hpp"
#include "ergon/density/target_options.hpp"

/// FOLDER/checkpoint/options.json: the settings of an unfinished run, with size and checksum of
/// every file that it reads, whichever command it is of.
namespace ergon::app {

/// Option and path of every file that a run reads; an empty path: none.
using InputPaths = std::vector<std::pair<std::string, std::string>>;

/// The files that a target's options name.
InputPaths input_paths(const TargetOptions& options);

/// The object called `name`. Throws InvalidInput naming `context`: there is none.
const Json& block(const Json& json, const char* name, const std::string& context);

/// The value called `name`. Throws InvalidInput naming `context`: missing, or of another kind.
template <class Value>
Value entry(const Json& json, const char* name, const std::string& context) {
  try {
    return json.at(name).get<Value>();
  } catch (const nlohmann::json::exception&) {
    fail("{}: the setting '{}' is missing or of the wrong kind", context, name);
  }
}

/// The checkpoint's file. Throws InvalidInput: no checkpoint, or not of this format.
Json read_checkpoint_options(const std::string& folder, const std::string& format);
/// Throws InvalidInput naming a file that is not what it was when the checkpoint was written.
void require_same_inputs(const Json& checkpoint,
                         const InputPaths& paths,
                         const std::string& folder);
/// Makes the folder and writes the file. Throws InvalidInput: cannot be written, or an input cannot
/// be read.
void write_checkpoint_options(const std::string& folder,
                              const std::string& format,
                              const Json& options,
                              const InputPaths& paths);

}  // namespace ergon::app
