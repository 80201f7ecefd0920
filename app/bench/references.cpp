#include "bench/references.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "commands.hpp"
#include "ergon/core/crc32c.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDrawsPrefix = "draws-";

/// The run's own draws.
std::string chains_path(const Cell& reference) { return reference.folder + "/chains.npz"; }

/// The same draws under a name that tells their content.
std::string draws_path(const Cell& reference) {
  return fmt::format("{}/{}{:08x}.npz", reference.folder, kDrawsPrefix,
                     crc32c(read_file(chains_path(reference))));
}

bool is_finished(const CellResult& run) {
  return !run.result.is_null() && file_exists(chains_path(run.cell));
}

Cell plan_reference(const BenchFile& file,
                    const BenchChoice& choice,
                    const BenchTarget& target,
                    const BenchReference& reference) {
  std::vector<std::string> arguments =
      joined({target.target, "--sampler=" + reference.sampler},
             {without_metrics(last_word({target.options, reference.options})), {"--no-figures"}});
  const RunSettings settings =
      checked_settings(file, "[references." + target.name + "]", arguments);
  require(makes_chains(settings.sampler.kind),
          "{}: [references.{}]: {} keeps no chains; take a sampler that does, such as "
          "parallel-tempering or nuts",
          file.path, target.name, reference.sampler);
  return {target.name,
          reference.sampler,
          0,
          settings.seed,
          fmt::format("{}/{}/{}", choice.out, target.name, kReferenceFolder),
          std::move(arguments)};
}

void refuse_second_reference(const BenchFile& file, const BenchPair& pair) {
  require(pair.settings.metrics.reference.empty(),
          "{}: {}/{}: reference-draws stands beside [references.{}]; leave one of them out",
          file.path, pair.target.name, pair.sampler.name, pair.target.name);
}

void require_enough_draws(const BenchFile& file, const BenchPair& pair, const Json& result) {
  const double draws = number_at(result, "/chains/draws") * number_at(result, "/chains/chains");
  const std::int64_t wanted = 2 * pair.settings.metrics.draws;
  require(draws >= static_cast<double>(wanted),
          "{}: {}/{}: the reference run keeps {:.0f} draws, twice metric-draws, {}, are needed; "
          "raise chain-draws and steps in [references.{}], or lower metric-draws",
          file.path, pair.target.name, pair.sampler.name, draws, wanted, pair.target.name);
}

void give_reference(const BenchFile& file, const CellResult& run, BenchPair& pair) {
  ReferenceOfPair& reference = pair.reference;
  if (!is_finished(run) || !file_exists(draws_path(run.cell))) {
    reference.failure = fmt::format(
        "the reference run of its target failed: {}",
        run.failure.empty() ? "it left no draws; run the benchmark again" : run.failure);
    return;
  }
  // Of one set of particles log Z has no standard error, and nothing can be held against it.
  const double error = number_at(run.result, "/log_z/standard_error");
  if (error > 0) {
    reference.log_z = number_at(run.result, "/log_z/estimate");
    reference.log_z_error = error;
  }
  if (!pair.settings.metrics.metrics) return;
  require_enough_draws(file, pair, run.result);
  reference.draws = draws_path(run.cell);
}

}  // namespace

std::vector<Cell> plan_references(const BenchFile& file,
                                  const BenchChoice& choice,
                                  const std::vector<BenchPair>& pairs) {
  std::vector<Cell> cells;
  for (const BenchPair& pair : pairs) {
    const auto found = file.references.find(pair.target.name);
    if (found == file.references.end() || !pair.excluded.empty()) continue;
    refuse_second_reference(file, pair);
    if (cells.empty() || cells.back().row != pair.target.name)
      cells.push_back(plan_reference(file, choice, pair.target, found->second));
  }
  return cells;
}

void publish_draws(const std::vector<Cell>& references) {
  for (const Cell& reference : references) {
    if (!is_finished(result_of(reference))) continue;
    const std::string path = draws_path(reference);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(reference.folder, error)) {
      const std::string name = entry.path().filename().string();
      if (name.rfind(kDrawsPrefix, 0) == 0 && entry.path() != fs::path(path))
        fs::remove(entry.path(), error);
    }
    if (file_exists(path)) continue;
    fs::create_hard_link(chains_path(reference), path, error);
    if (error) write_file(path, read_file(chains_path(reference)));  // no links on this disk
  }
}

void give_references(const BenchFile& file,
                     const std::vector<Cell>& references,
                     std::vector<BenchPair>& pairs) {
  for (const Cell& cell : references) {
    const CellResult run = result_of(cell);
    for (BenchPair& pair : pairs) {
      if (pair.target.name == cell.row && pair.excluded.empty()) give_reference(file, run, pair);
    }
  }
}

Json reference_records(const std::vector<Cell>& references) {
  Json records = Json::array();
  for (const Cell& cell : references) {
    const CellResult run = result_of(cell);
    const bool finished = is_finished(run);
    const Json& result = run.result;
    const double r_hat = number_at(result, "/chains/r_hat_max");
    Json record;
    record["target"] = cell.row;
    record["sampler"] = cell.method;
    record["seed"] = cell.seed;
    record["finished"] = finished;
    record["failure"] = finished ? Json(nullptr) : Json(run.failure);
    record["chains"] = finite(number_at(result, "/chains/chains"));
    record["draws"] = finite(number_at(result, "/chains/draws"));
    record["r_hat"] = finite(r_hat);
    record["converged"] = r_hat <= kMostReferenceRHat;  // an R̂ that does not exist is not small
    record["bulk_ess"] = finite(number_at(result, "/chains/bulk_ess_min"));
    record["evaluations"] = finite(finished ? evaluations_of(result) : std::nan(""));
    record["seconds"] = finite(number_at(result, "/seconds"));
    record["log_z"] = finite(number_at(result, "/log_z/estimate"));
    record["log_z_standard_error"] = finite(number_at(result, "/log_z/standard_error"));
    records.push_back(record);
  }
  return records;
}

}  // namespace ergon::app
