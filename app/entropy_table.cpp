#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>

#include "command_line.hpp"
#include "commands.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "ergon/core/progress.hpp"
#include "process.hpp"

namespace ergon::app {
namespace {

// ---- the settings of the table
// -------------------------------------------------------------------------------------

/// A row: a target whose entropy is known, and the start that both samplers share.
struct Row {
  const char* name;
  std::vector<std::string> target;  ///< arguments of `ergon sample`
  std::vector<std::string> shared;  ///< options of both samplers
  std::vector<std::string> p_svgd;  ///< of P-SVGD alone
  std::vector<std::string> met_svgd;
};

/// Starts as in the published quick start (q0 = N(2 1, I) learned, sigma from 1) and in the worked
/// example (q0 from N(0, 6 I)); 20 steps, 200 Adam iterations. What is left at its default is
/// shared.
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"gaussian-worked",
       {"gaussian-worked"},
       {"--initial-stddev", "2.4495", "--particles", "200", "--steps", "20", "--fit", "200"},
       {},
       {}},
      {"standard-normal-10",
       {"standard-normal", "--dim", "10"},
       {"--initial-mean", "2", "--particles", "100", "--steps", "20", "--fit", "200"},
       {},
       {}},
      {"standard-normal-20",
       {"standard-normal", "--dim", "20"},
       {"--initial-mean", "2", "--particles", "100", "--steps", "20", "--fit", "200"},
       {},
       {}},
      {"mixture-4",
       {"mixture-4"},
       {"--particles", "100", "--steps", "20", "--fit", "200"},
       {"--initial-stddev", "3", "--step-size-value", "0.3"},
       {"--initial", "mixture", "--initial-stddev", "1.5", "--initial-spread", "3"}},
      {"mixture-4-gaussian-q0",
       {"mixture-4"},
       {"--initial-stddev", "3", "--particles", "200", "--steps", "20", "--fit", "200",
        "--step-size-value", "0.3"},
       {},
       {}},
  };
  return table;
}

constexpr SamplerKind kColumns[] = {SamplerKind::kPSvgd, SamplerKind::kMetSvgd};

// ---- cells
// ---------------------------------------------------------------------------------------------------------

struct TableOptions {
  std::string out = "out/entropy-table";
  std::string seeds = "0-4";
  std::string only;
  std::int64_t fit = 0;
  int jobs = 1;
  bool json = false;
  bool quiet = false;
};

/// One run: a row, a sampler, a seed.
struct Cell {
  const Row* row;
  SamplerKind kind;
  std::uint64_t seed;
  std::string folder;
  std::vector<std::string> arguments;  ///< of `ergon sample`, without its folder
};

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  std::string part;
  for (const char c : text + ",") {
    if (c != ',') {
      part += c;
      continue;
    }
    const auto dash = part.find('-');
    const std::uint64_t first = parse_seed("seeds", part.substr(0, dash));
    const std::uint64_t last =
        dash == std::string::npos ? first : parse_seed("seeds", part.substr(dash + 1));
    require(first <= last && last - first < 1000, "--seeds: '{}' is not a range such as 0-4", part);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      require(std::find(seeds.begin(), seeds.end(), seed) == seeds.end(),
              "--seeds: {} is given twice; every seed counts once", seed);
      seeds.push_back(seed);
    }
    part.clear();
  }
  return seeds;
}

std::vector<std::string> cell_arguments(const TableOptions& options,
                                        const Row& row,
                                        SamplerKind kind,
                                        std::uint64_t seed) {
  std::vector<std::string> arguments = row.target;
  const auto add = [&](const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
  };
  add({"--sampler", std::string(to_name(kind))});
  add(row.shared);
  add(kind == SamplerKind::kPSvgd ? row.p_svgd : row.met_svgd);
  if (options.fit > 0) add({"--fit", std::to_string(options.fit)});
  add({"--seed", std::to_string(seed), "--sets", "64", "--no-figures"});
  return arguments;
}

std::vector<Cell> all_cells(const TableOptions& options) {
  std::vector<std::string> names;
  for (const Row& row : rows()) names.emplace_back(row.name);
  require(
      options.only.empty() || std::find(names.begin(), names.end(), options.only) != names.end(),
      "--only: unknown row '{}'; choose one of: {}", options.only, fmt::join(names, ", "));
  std::vector<Cell> cells;
  for (const Row& row : rows()) {
    if (!options.only.empty() && options.only != row.name) continue;
    for (const SamplerKind kind : kColumns) {
      for (const std::uint64_t seed : parse_seeds(options.seeds)) {
        cells.push_back(
            {&row, kind, seed,
             fmt::format("{}/{}/{}/seed-{}", options.out, row.name, to_name(kind), seed),
             cell_arguments(options, row, kind, seed)});
      }
    }
  }
  return cells;
}

enum class CellState { kMissing, kInterrupted, kOtherSettings, kFinished };

/// A cell counts as finished when its folder holds a result made with the very settings of the
/// table.
CellState state_of(const Cell& cell) {
  const Json wanted = to_json(sample_settings(cell.arguments));
  try {
    if (file_exists(result_path(cell.folder))) {
      return read_json_file(result_path(cell.folder)).at("options") == wanted
                 ? CellState::kFinished
                 : CellState::kOtherSettings;
    }
    if (!file_exists(checkpoint_options_path(cell.folder))) return CellState::kMissing;
    return to_json(read_checkpoint_settings(cell.folder)) == wanted ? CellState::kInterrupted
                                                                    : CellState::kOtherSettings;
  } catch (const std::exception&) {
    return CellState::kOtherSettings;  // damaged: computed again
  }
}

Job job_for(const Cell& cell, CellState state) {
  Job job;
  job.log = cell.folder + ".log";
  job.arguments = {"sample"};
  if (state == CellState::kInterrupted) {
    job.arguments.insert(job.arguments.end(), {"--resume", cell.folder});
  } else {
    job.arguments.insert(job.arguments.end(), cell.arguments.begin(), cell.arguments.end());
    job.arguments.insert(job.arguments.end(), {"--out", cell.folder, "--overwrite"});
  }
  job.arguments.insert(job.arguments.end(), {"--json", "--quiet"});
  return job;
}

/// Computes what is missing. False: interrupted.
bool compute(const std::vector<Cell>& cells, const TableOptions& options) {
  std::vector<Job> jobs;
  std::vector<const Cell*> owners;
  for (const Cell& cell : cells) {
    const CellState state = state_of(cell);
    if (state == CellState::kFinished) continue;
    if (state == CellState::kOtherSettings) {
      fmt::print(stderr, "ergon: {} was made with other settings and is computed again\n",
                 cell.folder);
    }
    make_folder(cell.folder.substr(0, cell.folder.rfind('/')));
    jobs.push_back(job_for(cell, state));
    owners.push_back(&cell);
  }
  const auto finished_before = static_cast<std::int64_t>(cells.size() - jobs.size());
  const InterruptGuard guard;
  Progress progress("runs", static_cast<std::int64_t>(cells.size()),
                    options.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic,
                    finished_before);
  std::int64_t done = finished_before;
  std::vector<std::string> failures;
  const bool complete = run_jobs(jobs, options.jobs, [&](const JobEnd& end) {
    if (end.exit_status == kExitOk) progress.update(++done);
    if (end.exit_status != kExitOk && !interrupt_requested())
      failures.push_back(owners[end.job]->folder + ".log");
  });
  progress.finish();
  require(failures.empty(), "{} runs failed; the first one's message is in {}", failures.size(),
          failures.empty() ? "" : failures[0]);
  return complete;
}

// ---- the table
// -----------------------------------------------------------------------------------------------------

/// A row and a sampler, over the seeds.
struct Summary {
  std::string row;
  std::string sampler;
  double exact = 0.0;
  double mean = 0.0;
  double standard_error = 0.0;  ///< of the mean, over seeds; NaN for one seed
  double seconds = 0.0;         ///< mean
  std::size_t seeds = 0;
};

Summary summarize(const std::vector<const Cell*>& cells) {
  Summary summary;
  summary.row = cells.front()->row->name;
  summary.sampler = to_name(cells.front()->kind);
  summary.seeds = cells.size();
  std::vector<double> values;
  for (const Cell* cell : cells) {
    const Json result = read_json_file(result_path(cell->folder));
    summary.exact = result.at("target").at("entropy").get<double>();
    summary.seconds += result.at("seconds").get<double>() / static_cast<double>(cells.size());
    values.push_back(result.at("entropy").at("estimate").get<double>());
    summary.mean += values.back() / static_cast<double>(cells.size());
  }
  double squares = 0.0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  const auto n = static_cast<double>(values.size());
  summary.standard_error = n > 1 ? std::sqrt(squares / (n - 1) / n) : std::nan("");
  return summary;
}

std::vector<Summary> summarize_all(const std::vector<Cell>& cells) {
  std::vector<Summary> summaries;
  for (std::size_t i = 0; i < cells.size();) {
    std::vector<const Cell*> group;
    for (; i < cells.size() &&
           (group.empty() || (cells[i].row == group[0]->row && cells[i].kind == group[0]->kind));
         ++i) {
      group.push_back(&cells[i]);
    }
    summaries.push_back(summarize(group));
  }
  return summaries;
}

/// "14.06 ± 0.02", or the number alone where one seed leaves no standard error.
std::string with_error(const Summary& summary) {
  const std::string text = fmt::format("{:.4f}", summary.mean);
  return summary.seeds > 1 ? fmt::format("{} ± {:.4f}", text, summary.standard_error) : text;
}

std::string markdown(const std::vector<Summary>& summaries) {
  std::string text =
      "| target | exact entropy | P-SVGD | error | MET-SVGD | error |\n"
      "|---|---:|---:|---:|---:|---:|\n";
  for (std::size_t i = 0; i + 1 < summaries.size(); i += 2) {
    const Summary& p_svgd = summaries[i];
    const Summary& met_svgd = summaries[i + 1];
    text += fmt::format("| {} | {:.4f} | {} | {:+.4f} | {} | {:+.4f} |\n", p_svgd.row, p_svgd.exact,
                        with_error(p_svgd), p_svgd.mean - p_svgd.exact, with_error(met_svgd),
                        met_svgd.mean - met_svgd.exact);
  }
  const std::size_t seeds = summaries.front().seeds;
  return text + fmt::format("\nLearned entropies in nats: mean{} over {} seed{}.\n",
                            seeds > 1 ? " and standard error" : "", seeds, seeds > 1 ? "s" : "");
}

std::string csv(const std::vector<Summary>& summaries) {
  std::string text = "target,sampler,exact_entropy,entropy,standard_error,seeds,mean_seconds\n";
  for (const Summary& s : summaries) {
    text += fmt::format("{},{},{},{},{},{},{:.3f}\n", s.row, s.sampler, s.exact, s.mean,
                        s.standard_error, s.seeds, s.seconds);
  }
  return text;
}

Json table_json(const std::vector<Summary>& summaries) {
  Json list = Json::array();
  for (const Summary& s : summaries) {
    list.push_back({{"target", s.row},
                    {"sampler", s.sampler},
                    {"exact_entropy", s.exact},
                    {"entropy", s.mean},
                    {"standard_error",
                     std::isfinite(s.standard_error) ? Json(s.standard_error) : Json(nullptr)},
                    {"seeds", s.seeds},
                    {"mean_seconds", s.seconds}});
  }
  return {{"schema", "ergon-entropy-table/1"}, {"rows", list}};
}

template <class Value>
void add_field(CommandShape& shape, const char* name, Value& value, const char* help) {
  Field field = make_field(name, value);
  field.group = "Options";
  field.help = help;
  shape.fields.push_back(field);
}

CommandShape table_shape(TableOptions& options) {
  CommandShape shape;
  shape.name = "entropy-table";
  shape.description =
      "Fits P-SVGD and MET-SVGD to targets of known entropy, once per seed, and prints the learned "
      "entropies beside the exact ones "
      "with standard errors over the seeds. Every cell is an ordinary 'ergon sample' run in a "
      "folder of its own; finished ones "
      "are not computed again, so an interrupted table is continued by the same command.";
  add_field(shape, "seeds", options.seeds, "seeds, e.g. 0-4 or 1,2,7");
  add_field(shape, "jobs", options.jobs, "runs at the same time, each with one thread");
  add_field(shape, "only", options.only, "one row of the table alone");
  add_field(shape, "fit", options.fit,
            "iterations of every fit, for a quick look (0: those of the table)");
  add_field(shape, "out", options.out, "folder of the runs and of table.md, table.csv, table.json");
  add_field(shape, "json", options.json, "print table.json, and nothing else, on standard output");
  add_field(shape, "quiet", options.quiet, "no progress on standard error");
  shape.examples =
      "  ergon entropy-table --jobs 2\n  ergon entropy-table --only mixture-4 --seeds 0-1\n";
  return shape;
}

}  // namespace

int run_entropy_table_command(const std::vector<std::string>& arguments) {
  TableOptions options;
  const CommandShape shape = table_shape(options);
  const Words words = parse_words(shape, arguments);
  if (words.count("help") > 0) {
    std::fputs(help_text(shape).c_str(), stdout);
    return kExitOk;
  }
  apply_words(shape, words);
  require(options.fit >= 0, "--fit must not be negative, got {}", options.fit);
  const std::vector<Cell> cells = all_cells(options);
  require_writable_folder(options.out);
  if (!compute(cells, options)) {
    fmt::print(stderr, "ergon: interrupted; the same command continues\n");
    return kExitInterrupted;
  }
  const std::vector<Summary> summaries = summarize_all(cells);
  const std::string json = table_json(summaries).dump(2) + "\n";
  write_file(options.out + "/table.md", markdown(summaries));
  write_file(options.out + "/table.csv", csv(summaries));
  write_file(options.out + "/table.json", json);
  std::fputs((options.json ? json : markdown(summaries)).c_str(), stdout);
  return kExitOk;
}

}  // namespace ergon::app
