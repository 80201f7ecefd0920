#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "ergon/flow/options.hpp"
#include "ergon/learn/options.hpp"
#include "ergon/sampler/option_fields.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

CommandShape samplers_shape(bool& json) {
  CommandShape shape;
  shape.name = "samplers";
  shape.description =
      "Lists the samplers, or prints the published configuration of the one that is named, option "
      "by option. Every option can be changed in 'ergon sample'.";
  shape.positional = "[NAME]";
  shape.positional_help = "one sampler; all of them without it";
  Field field = make_field("json", json);
  field.group = "Output";
  field.help = "print JSON";
  shape.fields.push_back(field);
  shape.examples = "  ergon samplers met-svgd\n";
  return shape;
}

Json to_json(const SamplerDescription& sampler) {
  return {{"name", to_name(sampler.kind)},
          {"summary", sampler.summary},
          {"reference", sampler.reference},
          {"options", sampler_to_json(sampler_preset(sampler.kind))}};
}

std::vector<SamplerDescription> chosen_samplers(const std::string& name) {
  if (name.empty()) return sampler_catalogue();
  std::vector<std::string> names;
  for (const auto& sampler : sampler_catalogue()) {
    if (to_name(sampler.kind) == name) return {sampler};
    names.emplace_back(to_name(sampler.kind));
  }
  fail("unknown sampler '{}'{}; choose one of: {}", name, did_you_mean(name, names), join(names));
}

std::string no_group(const std::string&) { return ""; }

void print_field(const Field& field) {
  fmt::print("    --{:<24}{:<24}{}\n", field.name,
             field.default_text.empty() ? "-" : field.default_text, wrap(field.help, 54, 54));
}

/// Of the sampler `flow`: its architecture and how it is fitted.
void print_flow_options() {
  NormalizingFlowOptions flow = normalizing_flow_preset(FlowArchitecture::kRealNvp);
  FitOptions fit = fit_preset(SamplerKind::kFlow);
  std::vector<Field> fields;
  visit_normalizing_flow_fields(flow, FieldCollector(fields, no_group));
  visit_fit_fields(fit, FieldCollector(fields, no_group));
  for (const auto& field : fields) {
    if (field.name != "fit-particles" && field.name != "fit-sets") print_field(field);
  }
  fmt::print("  --flow is one of\n");
  for (const FlowDescription& architecture : flow_catalogue()) {
    fmt::print("    {:<26}{} ({})\n", to_name(architecture.architecture), architecture.summary,
               architecture.reference);
  }
}

void print_options(SamplerKind kind) {
  SamplerOptions options = sampler_preset(kind);
  std::vector<Field> fields;
  visit_sampler_fields(options, FieldCollector(fields, no_group));
  for (const auto& field : fields) {
    if (takes_option(kind, field.name)) print_field(field);
  }
  if (kind == SamplerKind::kFlow) print_flow_options();
}

}  // namespace

int run_samplers_command(const std::vector<std::string>& arguments) {
  bool json = false;
  const CommandShape shape = samplers_shape(json);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  const auto name = words.find("name");
  const auto samplers = chosen_samplers(name == words.end() ? "" : name->second);
  if (json) {
    Json list = Json::array();
    for (const auto& sampler : samplers) list.push_back(to_json(sampler));
    fmt::print("{}\n", list.dump(2));
    return kExitOk;
  }
  for (const auto& sampler : samplers) {
    fmt::print("{}\n  {}\n  {}\n", to_name(sampler.kind), wrap(std::string(sampler.summary), 96, 2),
               sampler.reference);
    if (samplers.size() == 1) print_options(sampler.kind);
  }
  return kExitOk;
}

}  // namespace ergon::app
