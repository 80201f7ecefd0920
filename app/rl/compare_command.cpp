#include <cstdio>
#include <filesystem>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "field.hpp"
#include "rl/agent_source.hpp"
#include "rl/comparison.hpp"
#include "rl/rl_commands.hpp"
#include "run_folder.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

struct CompareOptions {
  ComparisonOptions comparison;
  bool no_published = false;
  std::string out;
  bool overwrite = false;
  bool json = false;
  bool no_figures = false;
};

CommandShape compare_shape(CompareOptions& options) {
  CommandShape shape;
  shape.name = "rl compare";
  shape.description =
      "Puts runs of 'ergon rl train' beside each other: runs that differ in their seed alone are a "
      "group, with the interquartile mean of their returns and its stratified bootstrap interval, "
      "at steps of a table and along a figure for each environment; between groups the probability "
      "of improvement. Unfinished runs count as far as they are.";
  shape.positional = "RUNS…";
  shape.positional_help =
      "folders of runs, or runs; NAME=FOLDER gives them a name and makes them one group";
  shape.fields = {
      option_field("Comparison", "at", options.comparison.at,
                   "steps of the table, which ends at the last one that all groups have (default: "
                   "quarters of that)"),
      option_field("Comparison", "no-published", options.no_published,
                   "leave out what others have published on the environment"),
      option_field("Output", "out", options.out,
                   "folder (default: out/rl-compare, -2, -3, … when taken)"),
      option_field("Output", "overwrite", options.overwrite,
                   "replace an earlier comparison in --out"),
      option_field("Output", "json", options.json,
                   "print compare.json, and nothing else, on standard output"),
      option_field("Output", "no-figures", options.no_figures, "no pictures")};
  shape.examples =
      "  ergon rl compare out/walker\n"
      "  ergon rl compare out/hopper-* --at 100000,200000,300000\n"
      "  ergon rl compare learned=out/auto fixed=out/fixed --no-published\n";
  return shape;
}

/// The folder of a comparison is none of those compared, whose files it would replace.
void require_other_folder(const std::string& out, const std::vector<CompareSubject>& subjects) {
  for (const CompareSubject& subject : subjects) {
    for (const std::string& folder : training_folders(subject.path)) {
      std::error_code error;
      require(out.empty() || !fs::equivalent(out, folder, error),
              "--out {} is the folder of a run, whose files would be replaced; choose another",
              out);
    }
  }
}

/// Nothing without gnuplot, which `warning` then says.
std::vector<std::string> drawn(const std::vector<EnvironmentComparison>& comparisons,
                               bool wanted,
                               std::string& warning) {
  std::vector<std::string> figures;
  if (!wanted) return figures;
  if (!have_gnuplot()) {
    warning = "there are no curves, since gnuplot is missing: install gnuplot-nox";
    return figures;
  }
  for (const EnvironmentComparison& comparison : comparisons)
    figures.push_back(render_svg(comparison_figure(comparison)));
  return figures;
}

/// Returns what is printed.
std::string write_comparison(const std::vector<EnvironmentComparison>& comparisons,
                             const CompareOptions& options) {
  std::string warning;
  const std::vector<std::string> figures = drawn(comparisons, !options.no_figures, warning);
  RunFolder folder(options.out, "out/rl-compare", options.overwrite);
  folder.keep();
  std::string files;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const std::string file = figure_file(comparisons, i);
    write_file(folder.path() + "/" + file, figures[i]);
    files += file + ", ";
  }
  write_file(folder.path() + "/report.html", comparison_report(comparisons, figures));
  const std::string json = to_json(comparisons).dump(2) + "\n";
  write_file(folder.path() + "/compare.json", json);
  if (options.json) return json;
  std::string text;
  for (const EnvironmentComparison& comparison : comparisons)
    text += comparison_table(comparison) + "\n";
  if (!warning.empty()) text += labelled_line("warning", warning);
  return text +
         fmt::format("{:<16}{}/{}report.html, compare.json\n", "files", folder.path(), files);
}

}  // namespace

int run_rl_compare(const std::vector<std::string>& arguments) {
  CompareOptions options;
  const CommandShape shape = compare_shape(options);
  const SplitArguments split = split_arguments(shape, arguments);
  const Words words = parse_words(shape, split.options);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  options.comparison.published = !options.no_published;
  for (const std::int64_t step : options.comparison.at)
    require(step >= 1, "--at: steps are at least 1, got {}", step);
  std::vector<CompareSubject> subjects;
  for (const std::string& word : split.subjects) subjects.push_back(compare_subject(word));
  const auto comparisons = compare_runs(subjects, options.comparison);
  require_other_folder(options.out, subjects);
  std::fputs(write_comparison(comparisons, options).c_str(), stdout);
  return kExitOk;
}

}  // namespace ergon::app
