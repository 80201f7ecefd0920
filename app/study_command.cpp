#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "study.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

template <class Value>
void add_field(CommandShape& shape, const char* name, Value& value, const char* help) {
  Field field = make_field(name, value);
  field.group = "Options";
  field.help = help;
  shape.fields.push_back(field);
}

const Study& find_study(const std::string& name) {
  std::vector<std::string> names;
  for (const Study& study : all_studies()) {
    if (study.name == name) return study;
    names.emplace_back(study.name);
  }
  fail("unknown study '{}'{}; choose one of: {}", name, did_you_mean(name, names), join(names));
}

std::string list_of_studies() {
  std::string text;
  for (const Study& study : all_studies())
    text += fmt::format("  {:<18}{}\n", study.name, wrap(study.summary, 80, 20));
  return text;
}

CommandShape study_shape(StudyOptions& options) {
  CommandShape shape;
  shape.name = "study";
  shape.description =
      "Computes a table of docs/studies and prints it. Every number comes from ordinary 'ergon "
      "sample' and 'ergon fit-flow' runs in folders of their own; finished ones are not computed "
      "again, so an "
      "interrupted study is continued by the same command. Without NAME: the list of studies.";
  shape.positional = "[NAME]";
  shape.positional_help = "one of the studies";
  add_field(shape, "seeds", options.seeds, "seeds, e.g. 0-4 or 1,2,7 (default: the study's own)");
  add_field(shape, "only", options.only, "these rows alone, separated by commas");
  add_field(shape, "lengths", options.lengths,
            "entropy-accuracy: numbers of steps, separated by commas");
  add_field(shape, "data-folder", options.data_folder,
            "log-z, evidence: folder with the data sets; rows without theirs are left out");
  add_field(shape, "quick", options.quick,
            "tiny runs, to see that everything works; the numbers mean nothing");
  add_field(shape, "jobs", options.jobs, "runs at the same time, each with one thread");
  add_field(shape, "out", options.out,
            "folder of the runs and of table.md, table.csv, table.json (default: "
            "out/studies/NAME)");
  add_field(shape, "json", options.json, "print table.json, and nothing else, on standard output");
  add_field(shape, "quiet", options.quiet, "no progress on standard error");
  shape.examples =
      "  ergon study learned-entropy --jobs 2\n"
      "  ergon study calibration --quick\n"
      "  ergon study entropy-accuracy --only mixture-4 --lengths 50,100 --seeds 0-1\n";
  return shape;
}

std::string help_page(const Words& words) {
  StudyOptions options;
  CommandShape shape = study_shape(options);
  const auto name = words.find("name");
  if (name == words.end()) return help_text(shape) + "\nStudies\n" + list_of_studies();
  const Study& study = find_study(name->second);
  shape.name = fmt::format("study {}", study.name);
  shape.description = study.description;
  shape.positional.clear();
  shape.examples = fmt::format("  ergon study {} --jobs 2\n", study.name);
  return help_text(shape) +
         fmt::format("\nRows\n  {}\n\nSeeds\n  {}\n", wrap(join(study.rows()), 90, 2), study.seeds);
}

}  // namespace

int run_study_command(const std::vector<std::string>& arguments) {
  StudyOptions options;
  const CommandShape shape = study_shape(options);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_page(words).c_str(), stdout);
    return kExitOk;
  }
  if (words.count("name") == 0) {
    require(words.empty(), "which study? choose one of those that 'ergon study' lists");
    std::fputs(list_of_studies().c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  const Study& study = find_study(words.at("name"));
  const std::vector<Cell> cells = plan_study(study, options);
  require_writable_folder(options.out);
  if (study.prepare != nullptr) study.prepare(options);
  if (!compute_cells(study, cells, options)) {
    fmt::print(stderr, "ergon: interrupted; the same command continues\n");
    return kExitInterrupted;
  }
  std::fputs(finish_study(study, cells, options, shell_line("study", arguments)).c_str(), stdout);
  return kExitOk;
}

}  // namespace ergon::app
