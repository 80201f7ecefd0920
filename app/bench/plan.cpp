#include "bench/plan.hpp"

#include <algorithm>
#include <cmath>

#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "studies/statistics.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

/// Pilots fit without evaluations on held-out draws but the first and the last one, so that two of
/// them tell the cost of an iteration from that of such an evaluation.
constexpr const char* kPilotEvaluations = "--fit-evaluate-every=1000";
constexpr std::uint64_t kPilotSeed = 0;

// ---- which pairs
// -------------------------------------------------------------------------------------------------

/// What --only names.
struct Selection {
  std::vector<std::string> targets, samplers, pairs;

  static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  bool takes(const std::string& target, const std::string& sampler) const {
    if (has(pairs, target + "/" + sampler)) return true;
    if (targets.empty() && samplers.empty()) return pairs.empty();
    return (targets.empty() || has(targets, target)) &&
           (samplers.empty() || has(samplers, sampler));
  }
};

Selection parse_selection(const BenchFile& file, const std::string& only) {
  std::vector<std::string> targets, samplers, pairs, all;
  for (const BenchTarget& target : file.targets) targets.push_back(target.name);
  for (const BenchSampler& sampler : file.samplers) samplers.push_back(sampler.name);
  for (const auto& target : targets) {
    for (const auto& sampler : samplers) pairs.push_back(fmt::format("{}/{}", target, sampler));
  }
  all = joined(targets, {samplers});
  Selection selection;
  if (only.empty()) return selection;
  for (const std::string& name : split_words(only)) {
    const bool pair = name.find('/') != std::string::npos;
    require(Selection::has(pair ? pairs : all, name),
            "--only: there is no target, sampler or TARGET/SAMPLER '{}'{} in {}; choose among: {}",
            name, did_you_mean(name, pair ? pairs : all), file.path, join(all));
    if (pair) selection.pairs.push_back(name);
    if (Selection::has(targets, name)) selection.targets.push_back(name);
    if (Selection::has(samplers, name)) selection.samplers.push_back(name);
  }
  return selection;
}

// ---- one pair
// ----------------------------------------------------------------------------------------------------

/// What the budget decides under each rule.
std::vector<std::string> decided_options(BudgetRule rule) {
  switch (rule) {
    case BudgetRule::kStop:
      return {"evaluations", "steps", "fit"};
    case BudgetRule::kFit:
      return {"evaluations", "fit"};
    case BudgetRule::kParticles:
    case BudgetRule::kDraws:
      return {"particles"};
    case BudgetRule::kTemperatures:
      return {"steps"};
  }
  return {};
}

std::string pair_name(const BenchPair& pair) {
  return fmt::format("{}/{}", pair.target.name, pair.sampler.name);
}

void refuse_decided_options(const BenchFile& file,
                            const BenchPair& pair,
                            const std::vector<std::string>& names) {
  for (const std::string& name : decided_options(pair.rule)) {
    require(std::find(names.begin(), names.end(), name) == names.end(),
            "{}: {}: '{}' follows from the budget for --sampler {}; leave it out{}", file.path,
            pair_name(pair), name, pair.sampler.sampler, name == "fit" ? ", or set fit-share" : "");
  }
}

/// The pilots' settings, beside the pair's own; none: the rule needs no pilot.
std::vector<std::vector<std::string>> pilot_arguments(BudgetRule rule) {
  switch (rule) {
    case BudgetRule::kFit:
      return {{"--fit=1", kPilotEvaluations}, {"--fit=2", kPilotEvaluations}};
    case BudgetRule::kParticles:
      return {{fmt::format("--particles={}", kPilotParticles)}};
    case BudgetRule::kTemperatures:
      return {{fmt::format("--steps={}", kPilotTemperatures)}};
    case BudgetRule::kStop:
    case BudgetRule::kDraws:
      return {};
  }
  return {};
}

void add_pilots(const BenchFile& file, const BenchChoice& choice, BenchPair& pair) {
  for (const auto& extra : pilot_arguments(pair.rule)) {
    const auto number = static_cast<std::int64_t>(pair.pilots.size() + 1);
    const std::vector<std::string> arguments =
        joined(without_metrics(pair.arguments), {extra, {fmt::format("--seed={}", kPilotSeed)}});
    checked_settings(file, pair_name(pair), arguments);
    pair.pilots.push_back({pair.target.name, pair.sampler.name, number, kPilotSeed,
                           fmt::format("{}/{}/pilot-{}", choice.out, pair_name(pair), number),
                           arguments});
  }
}

BenchPair plan_pair(const BenchFile& file,
                    const BenchChoice& choice,
                    const BenchTarget& target,
                    const BenchSampler& sampler) {
  BenchPair pair{target, sampler, "", {}, {}, BudgetRule::kStop, 1.0, {}, {}};
  const std::string name = pair_name(pair);
  const auto excluded = file.exclusions.find(name);
  if (excluded != file.exclusions.end()) {
    pair.excluded = excluded->second.empty() ? "excluded" : excluded->second;
    return pair;
  }
  BenchOptionsTable override;
  if (const auto found = file.overrides.find(name); found != file.overrides.end())
    override = found->second;
  pair.arguments =
      joined({target.target, "--sampler=" + sampler.sampler},
             {last_word({target.options, sampler.options, override}), {"--no-figures"}});
  if (file.metrics) pair.arguments.emplace_back("--metrics");
  pair.settings = checked_settings(file, name, pair.arguments);
  const auto share = override.fit_share ? override.fit_share : sampler.options.fit_share;
  require(
      !share || can_be_fitted(pair.settings.sampler.kind),
      "{}: {}: fit-share needs a sampler that can be fitted: stein-flow, met-svgd, p-svgd or flow",
      file.path, name);
  pair.fit_share = share.value_or(1.0);
  require(pair.fit_share > 0 || pair.settings.sampler.kind != SamplerKind::kFlow,
          "{}: {}: --sampler flow is nothing without its fit; take a fit-share above 0", file.path,
          name);
  pair.rule = budget_rule(pair.settings.sampler, pair.fit_share);
  refuse_decided_options(file, pair,
                         joined(target.options.names, {sampler.options.names, override.names}));
  add_pilots(file, choice, pair);
  return pair;
}

// ---- what a budget buys
// ------------------------------------------------------------------------------------------

double particles_of(const SamplerOptions& sampler) {
  return static_cast<double>(sampler.particles) * static_cast<double>(sampler.sets);
}

Allotment too_small(const std::string& least, double cost) {
  return {{}, fmt::format("{} would cost {:.0f}", least, cost)};
}

Allotment allot_stop(const SamplerOptions& sampler, std::int64_t budget) {
  const bool replicas = sampler.kind == SamplerKind::kParallelTempering;
  const double points =
      particles_of(sampler) * (replicas ? static_cast<double>(sampler.tempering.replicas) : 1.0);
  const double least = static_cast<double>(kLeastGradients) * points;
  if (static_cast<double>(budget) < least)
    return too_small(fmt::format("{} gradients for each of {:.0f} particles{}", kLeastGradients,
                                 points, replicas ? " and replicas" : ""),
                     least);
  // Every step asks for a gradient at every particle at least.
  const auto steps =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(budget) / particles_of(sampler)));
  return {{fmt::format("--evaluations={}", budget), fmt::format("--steps={}", steps)}, ""};
}

/// Of a fit with held-out evaluations at the start, every so many iterations, and at the end.
double fit_cost(const PilotCosts& costs, std::int64_t iterations, std::int64_t every) {
  const std::int64_t evaluations = 1 + (iterations + every - 1) / every;
  return costs.iteration * static_cast<double>(iterations) +
         costs.held_out * static_cast<double>(evaluations);
}

Allotment allot_fit(const BenchPair& pair, std::int64_t budget, const PilotCosts& costs) {
  const std::int64_t every = pair.settings.fit.evaluate_every;
  const auto whole = static_cast<double>(budget);
  const double available = std::min(pair.fit_share * whole, whole - costs.run);
  const double least = fit_cost(costs, kLeastIterations, every);
  if (available < least) {
    const double share = pair.fit_share > 0 ? least / pair.fit_share : 0.0;
    return too_small(fmt::format("a fit of {} iterations and a run", kLeastIterations),
                     std::max(least + costs.run, share));
  }
  const double slope = costs.iteration + costs.held_out / static_cast<double>(every);
  auto iterations =
      slope > 0 ? static_cast<std::int64_t>((available - costs.held_out) / slope) : budget;
  while (iterations > kLeastIterations && fit_cost(costs, iterations, every) > available)
    --iterations;
  return {{fmt::format("--fit={}", iterations)}, ""};
}

/// `pilot` of something cost `cost`; the least number of it that makes sense.
Allotment allot_by_pilot(
    std::int64_t budget, double cost, std::int64_t pilot, std::int64_t least, const char* option) {
  const double each = std::max(cost / static_cast<double>(pilot), 1e-9);
  const auto count = static_cast<std::int64_t>(static_cast<double>(budget) / each);
  if (count < least)
    return too_small(fmt::format("{} {}", least, option), each * static_cast<double>(least));
  return {{fmt::format("--{}={}", option, count)}, ""};
}

Allotment allot_draws(const SamplerOptions& sampler, std::int64_t budget) {
  const std::int64_t draws = std::min(budget / sampler.sets, kMostDraws);
  if (draws < kLeastParticles)
    return too_small(fmt::format("{} draws in each of {} sets", kLeastParticles, sampler.sets),
                     static_cast<double>(kLeastParticles * sampler.sets));
  return {{fmt::format("--particles={}", draws)}, ""};
}

BenchLine plan_line(const BenchPair& pair,
                    std::int64_t budget,
                    const Allotment& allotment,
                    const BenchChoice& choice,
                    const std::vector<std::uint64_t>& seeds) {
  BenchLine line{pair, budget, {}, allotment.skipped, "", 0.0};
  if (!line.skipped.empty()) return line;
  std::vector<std::string> arguments = joined(pair.arguments, {allotment.arguments});
  if (!pair.reference.draws.empty())
    arguments.push_back("--reference-draws=" + pair.reference.draws);
  for (const std::uint64_t seed : seeds) {
    line.cells.push_back(
        {pair.target.name, pair.sampler.name, budget, seed,
         fmt::format("{}/{}/{}/seed-{}", choice.out, pair_name(pair), budget, seed),
         joined(arguments, {{fmt::format("--seed={}", seed)}}), pair.reference.draws});
  }
  return line;
}

}  // namespace

double evaluations_of(const Json& result) {
  return number_at(result, "/target_evaluations/gradient") +
         number_at(result, "/target_evaluations/hessian_vector");
}

std::vector<std::string> last_word(const std::vector<BenchOptionsTable>& tables) {
  std::vector<std::string> names, arguments;
  for (const BenchOptionsTable& table : tables) {
    for (std::size_t i = 0; i < table.names.size(); ++i) {
      const auto earlier = std::find(names.begin(), names.end(), table.names[i]);
      if (earlier != names.end()) {
        arguments.erase(arguments.begin() + (earlier - names.begin()));
        names.erase(earlier);
      }
      names.push_back(table.names[i]);
      arguments.push_back(table.arguments[i]);
    }
  }
  return arguments;
}

std::vector<std::string> without_metrics(std::vector<std::string> arguments) {
  const auto concerns = [](const std::string& argument) {
    return argument.rfind("--metric", 0) == 0 || argument.rfind("--reference-draws", 0) == 0;
  };
  arguments.erase(std::remove_if(arguments.begin(), arguments.end(), concerns), arguments.end());
  return arguments;
}

RunSettings checked_settings(const BenchFile& file,
                             const std::string& name,
                             const std::vector<std::string>& arguments) {
  try {
    return sample_settings(arguments);
  } catch (const InvalidInput& error) {
    fail("{}: {}: {}", file.path, name, error.what());
  }
}

BudgetRule budget_rule(const SamplerOptions& sampler, double fit_share) {
  if (can_be_fitted(sampler.kind) && fit_share > 0) return BudgetRule::kFit;
  if (sampler.kind == SamplerKind::kLaplace) return BudgetRule::kDraws;
  if (!anneals(sampler.kind)) return BudgetRule::kStop;
  return sampler.tempering.ladder == TemperatureLadder::kAdaptive ? BudgetRule::kParticles
                                                                  : BudgetRule::kTemperatures;
}

std::vector<BenchPair> plan_pairs(const BenchFile& file, const BenchChoice& choice) {
  const Selection selection = parse_selection(file, choice.only);
  std::vector<BenchPair> pairs;
  for (const BenchTarget& target : file.targets) {
    for (const BenchSampler& sampler : file.samplers) {
      if (selection.takes(target.name, sampler.name))
        pairs.push_back(plan_pair(file, choice, target, sampler));
    }
  }
  return pairs;
}

Allotment allot(const BenchPair& pair, std::int64_t budget, const PilotCosts& costs) {
  const SamplerOptions& sampler = pair.settings.sampler;
  switch (pair.rule) {
    case BudgetRule::kStop:
      return allot_stop(sampler, budget);
    case BudgetRule::kFit:
      return allot_fit(pair, budget, costs);
    case BudgetRule::kParticles:
      return allot_by_pilot(budget, costs.run, kPilotParticles, kLeastParticles, "particles");
    case BudgetRule::kTemperatures:
      return allot_by_pilot(budget, costs.run, kPilotTemperatures, kLeastTemperatures, "steps");
    case BudgetRule::kDraws:
      return allot_draws(sampler, budget);
  }
  return {};
}

PilotCosts pilot_costs(const BenchPair& pair, const std::vector<Json>& results) {
  PilotCosts costs;
  std::vector<double> fits;
  for (const Json& result : results) {
    costs.total += evaluations_of(result);
    fits.push_back(number_at(result, "/fit/target_evaluations/gradient") +
                   number_at(result, "/fit/target_evaluations/hessian_vector"));
  }
  if (pair.rule == BudgetRule::kFit) {
    // Fits of one and two iterations, each with two evaluations on held-out draws.
    costs.run = evaluations_of(results.at(0)) - fits.at(0);
    costs.iteration = fits.at(1) - fits.at(0);
    costs.held_out = (fits.at(0) - costs.iteration) / 2;
  } else if (!results.empty()) {
    costs.run = evaluations_of(results.at(0));
  }
  return costs;
}

std::vector<BenchLine> plan_lines(const std::vector<BenchPair>& pairs,
                                  const BenchFile& file,
                                  const BenchChoice& choice,
                                  const std::vector<std::uint64_t>& seeds) {
  std::vector<BenchLine> lines;
  for (const BenchPair& pair : pairs) {
    std::vector<Json> results;
    std::string failure = pair.reference.failure;
    for (const Cell& pilot : pair.pilots) {
      const CellResult found = result_of(pilot);
      if (found.result.is_null() && failure.empty()) failure = found.failure;
      results.push_back(found.result);
    }
    const PilotCosts costs = failure.empty() ? pilot_costs(pair, results) : PilotCosts{};
    for (const std::int64_t budget : file.budgets) {
      const bool runs = pair.excluded.empty() && failure.empty();
      const Allotment allotment =
          runs ? allot(pair, budget, costs) : Allotment{{}, pair.excluded + failure};
      lines.push_back(plan_line(pair, budget, allotment, choice, seeds));
      lines.back().earlier_failure = failure;
      lines.back().pilot_evaluations = costs.total;
    }
  }
  return lines;
}

std::vector<Cell> pilots_of(const std::vector<BenchPair>& pairs) {
  std::vector<Cell> cells;
  for (const BenchPair& pair : pairs)
    cells.insert(cells.end(), pair.pilots.begin(), pair.pilots.end());
  return cells;
}

std::vector<Cell> cells_of(const std::vector<BenchLine>& lines) {
  std::vector<Cell> cells;
  for (const BenchLine& line : lines)
    cells.insert(cells.end(), line.cells.begin(), line.cells.end());
  return cells;
}

}  // namespace ergon::app
