#include <cstdio>
#include <optional>

#include "bench/gate.hpp"
#include "bench/plan.hpp"
#include "bench/records.hpp"
#include "bench/references.hpp"
#include "bench/table.hpp"
#include "command_line.hpp"
#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/figure.hpp"
#include "ergon/core/files.hpp"
#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

/// The gate found a violated bound, or no run finished at all.
constexpr int kExitRefuted = 1;

struct BenchOptions {
  std::string file;
  BenchChoice choice;
  std::string seeds;    ///< empty: the file's
  std::string budgets;  ///< empty: the file's
  std::string data_folder;
  int jobs = 1;
  bool json = false;
  bool quiet = false;
  bool dry_run = false;
};

template <class Value>
void add_field(CommandShape& shape, const char* name, Value& value, const char* help) {
  Field field = make_field(name, value);
  field.group = "Options";
  field.help = help;
  shape.fields.push_back(field);
}

CommandShape bench_shape(BenchOptions& options) {
  CommandShape shape;
  shape.name = "bench";
  shape.description =
      "Compares samplers at equal numbers of gradient evaluations, on the targets, samplers, "
      "budgets and seeds that a TOML file names. Every number comes from ordinary 'ergon sample' "
      "runs in folders of their own; finished ones are not computed again, so an interrupted "
      "benchmark is continued by the same command. Ends with status 1 when a bound on log Z "
      "exceeds a reference by more than its error, or when every run failed.";
  shape.positional = "FILE";
  shape.positional_help = "a TOML file, such as benchmarks/quick.toml (docs/guide/bench.md)";
  add_field(shape, "seeds", options.seeds, "seeds, e.g. 0-4 or 1,2,7 (default: the file's)");
  add_field(shape, "budgets", options.budgets,
            "evaluations of a run, separated by commas (default: the file's)");
  add_field(shape, "only", options.choice.only,
            "these targets, samplers or TARGET/SAMPLER alone, separated by commas");
  add_field(shape, "data-folder", options.data_folder,
            "folder of the data sets that targets read (default: the file's own)");
  add_field(shape, "jobs", options.jobs, "runs at the same time, each with one thread");
  add_field(shape, "out", options.choice.out,
            "folder of the runs, of table.md, table.csv, table.json and the pictures (default: "
            "out/bench/NAME)");
  add_field(shape, "dry-run", options.dry_run, "print the runs, and run nothing");
  add_field(shape, "json", options.json, "print table.json, and nothing else, on standard output");
  add_field(shape, "quiet", options.quiet, "no progress on standard error");
  shape.examples =
      "  ergon bench benchmarks/quick.toml --jobs 2\n"
      "  ergon bench benchmarks/full.toml --only funnel,hmc,nuts --seeds 0-1\n"
      "  ergon bench benchmarks/full.toml --dry-run\n";
  return shape;
}

BenchFile read_file_and_choices(const Words& words, BenchOptions& options) {
  const auto path = words.find("file");
  require(path != words.end(), "which benchmark? give a TOML file such as benchmarks/quick.toml");
  BenchFile file = read_bench_file(path->second, options.data_folder);
  if (!options.seeds.empty()) file.seeds = options.seeds;
  parse_seeds(file.seeds);  // refused now, not after the pilot runs
  if (!options.budgets.empty()) file.budgets = parse_budgets(options.budgets);
  if (options.choice.out.empty()) options.choice.out = "out/bench/" + file.name;
  return file;
}

/// The pairs, and the reference runs of their targets.
struct BenchPlan {
  std::vector<BenchPair> pairs;
  std::vector<Cell> references;
};

BenchPlan plan_bench(const BenchFile& file, const BenchChoice& choice) {
  BenchPlan plan;
  plan.pairs = plan_pairs(file, choice);
  plan.references = plan_references(file, choice, plan.pairs);
  return plan;
}

// ---- --dry-run
// ---------------------------------------------------------------------------------------------------

/// As a command that a shell would run.
void print_run(const Cell& cell) {
  fmt::print("{}\n", shell_line("sample", joined(cell.arguments, {{"--out", cell.folder}})));
}

bool waits_for_pilots(const BenchPair& pair) {
  for (const Cell& pilot : pair.pilots) {
    if (result_of(pilot).result.is_null()) return true;
  }
  return false;
}

int print_runs(const BenchPlan& plan, const BenchFile& file, const BenchOptions& options) {
  const std::vector<std::uint64_t> seeds = parse_seeds(file.seeds);
  for (const Cell& reference : plan.references) print_run(reference);
  for (const BenchPair& pair : plan.pairs) {
    const std::string name = fmt::format("{}/{}", pair.target.name, pair.sampler.name);
    for (const Cell& pilot : pair.pilots) print_run(pilot);
    const bool waits_for_reference = !pair.reference.failure.empty();
    if (waits_for_reference || waits_for_pilots(pair)) {
      fmt::print("# {}: {} runs, whose options follow from {} above\n", name,
                 file.budgets.size() * seeds.size(),
                 waits_for_reference ? "the reference run" : "what the pilot runs cost");
      continue;
    }
    for (const BenchLine& line : plan_lines({pair}, file, options.choice, seeds)) {
      if (line.cells.empty())
        fmt::print("# {} at {} is not run: {}\n", name, line.budget, line.skipped);
      for (const Cell& cell : line.cells) print_run(cell);
    }
  }
  return kExitOk;
}

// ---- the run
// -----------------------------------------------------------------------------------------------------

int say_interrupted() {
  fmt::print(stderr, "ergon: interrupted; the same command continues\n");
  return kExitInterrupted;
}

struct BenchResults {
  Json records = Json::array();
  Json references = Json::array();
  std::vector<CellGroup> groups;
  std::size_t finished = 0;
};

BenchResults read_results(const std::vector<BenchLine>& lines) {
  BenchResults results;
  for (const BenchLine& line : lines) {
    CellGroup group;
    for (const Cell& cell : line.cells) group.push_back(result_of(cell));
    results.records.push_back(record_of(line, group));
    results.finished += finished_of(group).size();
    if (!group.empty()) results.groups.push_back(std::move(group));
  }
  return results;
}

/// References, pilots and all cells, in this order; nothing: interrupted.
std::optional<BenchResults> run_bench(BenchPlan& plan,
                                      const BenchFile& file,
                                      const BenchOptions& options) {
  if (!run_cells(plan.references, {options.jobs, options.quiet, "references"}).complete) return {};
  publish_draws(plan.references);
  give_references(file, plan.references, plan.pairs);
  if (!run_cells(pilots_of(plan.pairs), {options.jobs, options.quiet, "pilots"}).complete)
    return {};
  const std::vector<BenchLine> lines =
      plan_lines(plan.pairs, file, options.choice, parse_seeds(file.seeds));
  const CellsEnd end = run_cells(cells_of(lines), {options.jobs, options.quiet, "evaluations",
                                                   [](const Cell& cell) { return cell.length; }});
  if (!end.complete) return {};
  if (!end.failed_logs.empty())
    fmt::print(stderr, "ergon: {} of the runs failed, as the table says\n", end.failed_logs.size());
  BenchResults results = read_results(lines);
  results.references = reference_records(plan.references);
  return results;
}

/// Writes tables and pictures; returns what is printed.
std::string write_tables(const BenchFile& file,
                         const BenchOptions& options,
                         const BenchResults& results,
                         const GateVerdict& verdict,
                         const std::string& command) {
  Json json;
  json["schema"] = "ergon-bench/1";
  json["name"] = file.name;
  json["description"] = file.description;
  json["command"] = command;
  json["seeds"] = parse_seeds(file.seeds);
  json["budgets"] = file.budgets;
  json.update(origin_of(results.groups));
  json["gate"] = {{"passed", verdict.violations.empty()},
                  {"checked", verdict.checked},
                  {"violations", verdict.violations},
                  {"flags", verdict.flags}};
  if (have_gnuplot()) {
    json["pictures"] = draw_bench(results.records, options.choice.out);
  } else {
    fmt::print(stderr, "ergon: no pictures: install gnuplot (Debian: gnuplot-nox)\n");
    json["pictures"] = Json::array();
  }
  json["references"] = results.references;
  json["rows"] = results.records;
  const std::string text = json.dump(2) + "\n";
  const std::string page =
      bench_markdown(file, file.seeds, results.records, results.references, verdict);
  write_file(options.choice.out + "/table.md", page);
  write_file(options.choice.out + "/table.csv", csv_of(results.records));
  write_file(options.choice.out + "/table.json", text);
  return options.json ? text : page;
}

int finish(const BenchFile& file,
           const BenchOptions& options,
           const BenchResults& results,
           const std::string& command) {
  const GateVerdict verdict = judge(results.records);
  std::fputs(write_tables(file, options, results, verdict, command).c_str(), stdout);
  for (const auto& violation : verdict.violations) fmt::print(stderr, "ergon: {}\n", violation);
  if (results.finished == 0) fmt::print(stderr, "ergon: no run finished, as the table says\n");
  return verdict.violations.empty() && results.finished > 0 ? kExitOk : kExitRefuted;
}

}  // namespace

int run_bench_command(const std::vector<std::string>& arguments) {
  BenchOptions options;
  const CommandShape shape = bench_shape(options);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  const BenchFile file = read_file_and_choices(words, options);
  BenchPlan plan = plan_bench(file, options.choice);
  if (options.dry_run) {
    give_references(file, plan.references, plan.pairs);
    return print_runs(plan, file, options);
  }
  require_writable_folder(options.choice.out);
  const std::optional<BenchResults> results = run_bench(plan, file, options);
  if (!results) return say_interrupted();
  return finish(file, options, *results, shell_line("bench", arguments));
}

}  // namespace ergon::app
