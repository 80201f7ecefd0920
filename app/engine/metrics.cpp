#include "metrics.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/estimate/mmd.hpp"
#include "ergon/estimate/mode_coverage.hpp"
#include "ergon/estimate/optimal_transport.hpp"
#include "ergon/estimate/stein_discrepancy.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kFewestDraws = 25;
constexpr double kFarOut = 1e100;  // its square is a number

/// `count` rows of (n, D), evenly spaced.
Tensor thinned(const Tensor& draws, std::int64_t count) {
  const Tensor index = (at::arange(count, at::kDouble) + 0.5) *
                       (static_cast<double>(draws.size(0)) / static_cast<double>(count));
  return draws.index_select(0, index.floor().to(at::kLong));
}

/// At most `most` rows in the shares of their weights, by systematic resampling: as many as the
/// weights are worth, so that few are copies of each other.
Tensor by_weight(const Tensor& draws,
                 const Tensor& log_weight,
                 std::int64_t most,
                 Generator generator) {
  const Tensor weight = log_weight.to(at::kDouble).softmax(0);
  const double worth = 1 / weight.square().sum().item<double>();
  const std::int64_t count = std::clamp(static_cast<std::int64_t>(worth), kFewestDraws, most);
  const Tensor start = draw::uniform_like(at::empty({1}, at::kDouble), std::move(generator));
  const Tensor places = (at::arange(count, at::kDouble) + start) / static_cast<double>(count);
  const Tensor cumulative = weight.cumsum(0);
  const Tensor index = at::searchsorted(cumulative / cumulative[-1], places, /*out_int32=*/false,
                                        /*right=*/true);
  return draws.index_select(0, index.clamp_max(weight.size(0) - 1));
}

/// The run's draws (n, D) float64, as many as are asked for at most.
Tensor draws_of(const Session& session, const RunSettings& settings, Generator generator) {
  const State& state = session.run().state();
  const std::int64_t dim = state.particles.size(-1);
  const std::int64_t most = settings.metrics.draws;
  const SamplerKind kind = settings.sampler.kind;
  Tensor all = state.particles.reshape({-1, dim}).to(at::kDouble);
  if (draws_independently(kind) || anneals(kind)) {
    const Tensor log_weight = anneals(kind) ? state.log_weight : state.log_density - state.log_q;
    return by_weight(all, log_weight.flatten(), std::max(kFewestDraws, std::min(most, all.size(0))),
                     std::move(generator));
  }
  if (session.run().chains().defined()) {
    all = session.run().chains().reshape({-1, dim});
  } else if (kind == SamplerKind::kSteinFlow && session.flow() && session.flow()->estimates) {
    all = session.flow()->estimates->draws_x.to(at::kDouble);
  } else if (state.alive.defined()) {
    all = all.index({state.alive.reshape({-1})});
  }
  all = all.index({all.isfinite().all(1)});
  return thinned(all, std::min(most, all.size(0)));
}

/// (n, D) float64 draws of a file: `draws` or `samples`, (…, D), or the numbers of a CSV.
Tensor draws_of_file(const std::string& path, std::int64_t dim) {
  const bool table = path.size() > 4 && path.compare(path.size() - 4, 4, ".csv") == 0;
  Tensor found;
  if (table) {
    found = to_tensor(read_csv(path));
  } else {
    for (const auto& [name, tensor] : load_tensors(path)) {
      if (name == "draws" || name == "samples") found = tensor;
    }
    require(found.defined(), "--reference-draws: {} holds no array 'draws' or 'samples'", path);
  }
  require(found.dim() >= 2 && found.size(-1) == dim,
          "--reference-draws: {} holds points of {} coordinates, the target has {}", path,
          found.dim() >= 1 ? found.size(-1) : 0, dim);
  found = found.reshape({-1, dim}).to(at::kDouble);
  require(found.isfinite().all().item<bool>(),
          "--reference-draws: {} holds a number that is not finite", path);
  return found;
}

/// Two independent samples of the target of n draws each; undefined where there is no way to them.
struct Reference {
  Tensor a, b;
  std::string origin;
};

Reference reference_of(const RunSettings& settings,
                       const Target& target,
                       std::int64_t n,
                       Generator generator) {
  if (settings.metrics.reference.empty()) {
    const auto exact = target.sample(2 * n, std::move(generator));
    if (!exact) return {};
    return {exact->narrow(0, 0, n), exact->narrow(0, n, n), "exact draws"};
  }
  const Tensor all = draws_of_file(settings.metrics.reference, target.dim());
  require(all.size(0) >= 2 * n,
          "--reference-draws: {} holds {} draws, twice --metric-draws ({}) are needed",
          settings.metrics.reference, all.size(0), 2 * n);
  const Tensor some = thinned(all, 2 * n);  // the halves are of different chains
  return {some.narrow(0, 0, n), some.narrow(0, n, n), "draws of a file"};
}

Tensor energies(const Target& target, const Tensor& draws) {
  return -target.log_density(draws).to(at::kDouble);
}

void add_distances(const Target& target,
                   const Tensor& draws,
                   const Reference& reference,
                   std::vector<Metric>& found) {
  const auto n = draws.size(0);
  Metric w2{"w2"};
  w2.value = wasserstein_2(draws, reference.a).distance;
  w2.floor = wasserstein_2(reference.b, reference.a).distance;
  w2.method = fmt::format("exact assignment of {} draws to {}", n, reference.origin);
  found.push_back(w2);
  const Tensor there = energies(target, reference.a);
  Metric energy{"energy_w2"};
  energy.value = wasserstein_2_1d(energies(target, draws), there);
  energy.floor = wasserstein_2_1d(energies(target, reference.b), there);
  energy.method = fmt::format("energies of {} draws against those of {}", n, reference.origin);
  found.push_back(energy);
  const auto mmd = maximum_mean_discrepancy(draws, reference.a);
  found.push_back({"mmd2", mmd.squared.value, mmd.squared.standard_error, 0.0,
                   fmt::format("{}, bandwidth {:.4g}", mmd.squared.method, mmd.bandwidth)});
}

void add_stein_discrepancy(const Target& target, const Tensor& draws, std::vector<Metric>& found) {
  const Tensor score = target.log_density_and_score(draws).score.to(at::kDouble);
  if (!score.isfinite().all().item<bool>()) return;
  const auto ksd = stein_discrepancy(draws, score);
  found.push_back(
      {"ksd2", ksd.u_statistic.value, ksd.u_statistic.standard_error, 0.0,
       fmt::format("{}, length scale {:.4g}", ksd.u_statistic.method, ksd.length_scale)});
}

/// Weights of modes that are not equal are told by where the reference's draws are.
void add_mode_coverage(const Target& target,
                       const Tensor& draws,
                       const Reference& reference,
                       std::vector<Metric>& found) {
  const auto modes = target.modes();
  if (!modes || !reference.a.defined()) return;
  const Tensor exact = at::cat({reference.a, reference.b});
  ModeCoverageOptions options;
  options.weights = at::bincount(nearest_modes(exact, *modes), {}, modes->size(0))
                        .to(at::kDouble)
                        .add(0.5);  // no mode is taken as impossible
  const ModeCoverage coverage = mode_coverage(draws, *modes, options);
  const auto count = static_cast<double>(coverage.modes);
  const std::string method =
      fmt::format("{} draws by the nearest of {} modes", draws.size(0), coverage.modes);
  Metric hit{"modes_hit", static_cast<double>(coverage.modes_hit), std::nan(""), count, method};
  found.push_back(hit);
  found.push_back({"mode_coverage", coverage.entropic.value, coverage.entropic.standard_error,
                   coverage.entropic_of_weights, method});
  found.push_back({"mode_total_variation", coverage.total_variation.value,
                   coverage.total_variation.standard_error, coverage.total_variation_floor,
                   method});
}

}  // namespace

void check_reference(const MetricOptions& metrics, std::int64_t dim) {
  if (metrics.metrics && !metrics.reference.empty()) draws_of_file(metrics.reference, dim);
}

std::vector<Metric> metrics_of(const Session& session,
                               const RunSettings& settings,
                               const Target& target) {
  const at::NoGradGuard no_grad;
  if (!settings.metrics.metrics) return {};
  const Seed seed = Seed(settings.seed).child("metrics");
  const Tensor all = draws_of(session, settings, seed.child("draws").generator());
  const Tensor near = (all.abs() < kFarOut).all(1).logical_and(energies(target, all).isfinite());
  const Tensor draws = all.index({near});
  std::vector<Metric> found;
  if (draws.size(0) < kFewestDraws) return found;
  const Reference reference =
      reference_of(settings, target, draws.size(0), seed.child("reference").generator());
  const bool all_equal = (draws == draws[0]).all().item<bool>();
  if (reference.a.defined()) add_distances(target, draws, reference, found);
  if (!all_equal) add_stein_discrepancy(target, draws, found);
  add_mode_coverage(target, draws, reference, found);
  return found;
}

}  // namespace ergon::app
