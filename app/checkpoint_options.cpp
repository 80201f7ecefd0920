#include "checkpoint_options.hpp"

#include <type_traits>

#include "ergon/core/crc32c.hpp"
#include "ergon/core/files.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

/// Size and checksum by option.
Json input_files(const InputPaths& paths) {
  Json files = Json::object();
  for (const auto& [name, path] : paths) {
    if (path.empty()) continue;
    const std::string bytes = read_file(path);
    files[name] = {{"bytes", bytes.size()}, {"crc32c", crc32c(bytes)}};
  }
  return files;
}

}  // namespace

InputPaths input_paths(const TargetOptions& options) {
  InputPaths paths;
  visit_target_fields(options, [&paths](const std::string& name, const auto& value, const char*) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      if (names_a_file(name)) paths.emplace_back(name, value);
    }
  });
  return paths;
}

const Json& block(const Json& json, const char* name, const std::string& context) {
  require(json.is_object() && json.contains(name) && json.at(name).is_object(),
          "{}: lacks the block '{}'; it was not written by this program", context, name);
  return json.at(name);
}

Json read_checkpoint_options(const std::string& folder, const std::string& format) {
  const std::string path = checkpoint_options_path(folder);
  require(file_exists(path),
          "{}: holds no checkpoint to resume (there is no checkpoint/options.json)", folder);
  Json json = read_json_file(path);
  require(json.is_object() && json.value("format", "") == format,
          "{}: is not a checkpoint of this version of ergon (expected format {})", path, format);
  return json;
}

void require_same_inputs(const Json& checkpoint,
                         const InputPaths& paths,
                         const std::string& folder) {
  const std::string context = checkpoint_options_path(folder);
  const Json& before = block(checkpoint, "inputs", context);
  const Json now = input_files(paths);
  for (const auto& [name, path] : paths) {
    if (!now.contains(name)) continue;
    require(before.contains(name) && before.at(name) == now.at(name),
            "{}: has changed since the run began ({}): put the former file back, or start the run "
            "anew",
            path, context);
  }
}

void write_checkpoint_options(const std::string& folder,
                              const std::string& format,
                              const Json& options,
                              const InputPaths& paths) {
  make_folder(checkpoint_folder(folder));
  Json json;
  json["format"] = format;
  json["options"] = options;
  json["inputs"] = input_files(paths);
  write_file(checkpoint_options_path(folder), json.dump(2) + "\n");
}

}  // namespace ergon::app
