#include <algorithm>
#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

CommandShape targets_shape(bool& json) {
  CommandShape shape;
  shape.name = "targets";
  shape.description =
      "Lists the densities that ship with ergon, or describes the one that is named: its formula, "
      "what is known exactly about it, and the options it takes.";
  shape.positional = "[NAME]";
  shape.positional_help = "one target; all of them without it";
  Field field = make_field("json", json);
  field.group = "Output";
  field.help = "print JSON";
  shape.fields.push_back(field);
  shape.examples = "  ergon targets funnel\n";
  return shape;
}

Json to_json(const TargetDescription& target) {
  return {{"name", target.name},
          {"dimension", target.dimension},
          {"definition", target.definition},
          {"known", target.known},
          {"options", target.options}};
}

std::vector<TargetDescription> chosen_targets(const std::string& name) {
  if (name.empty()) return target_catalogue();
  std::vector<std::string> names;
  for (const auto& target : target_catalogue()) {
    if (target.name == name) return {target};
    names.emplace_back(target.name);
  }
  fail("unknown target '{}'{}; choose one of: {}", name, did_you_mean(name, names), join(names));
}

void print_line(const char* label, const std::string& text) {
  fmt::print("  {:<12}{}\n", label, wrap(text, 86, 14));
}

void print_target(const TargetDescription& target, bool with_help) {
  fmt::print("{}\n", target.name);
  print_line("density", std::string(target.definition));
  print_line("dimension", std::string(target.dimension));
  print_line("known", std::string(target.known));
  if (target.options.empty()) return;
  std::string options;
  for (const auto& name : target.options) options += "--" + std::string(name) + " ";
  print_line("options", options);
  if (!with_help) return;
  TargetOptions defaults;
  std::vector<Field> fields;
  visit_target_fields(defaults, FieldCollector(fields, [](const std::string&) { return ""; }));
  for (const auto& field : fields) {
    const bool taken =
        std::find(target.options.begin(), target.options.end(), field.name) != target.options.end();
    if (taken) fmt::print("    --{:<18}{}\n", field.name, field.help);
  }
}

}  // namespace

int run_targets_command(const std::vector<std::string>& arguments) {
  bool json = false;
  const CommandShape shape = targets_shape(json);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  const auto name = words.find("name");
  const auto targets = chosen_targets(name == words.end() ? "" : name->second);
  if (json) {
    Json list = Json::array();
    for (const auto& target : targets) list.push_back(to_json(target));
    fmt::print("{}\n", list.dump(2));
    return kExitOk;
  }
  for (const auto& target : targets) print_target(target, targets.size() == 1);
  return kExitOk;
}

}  // namespace ergon::app
