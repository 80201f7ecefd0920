#include "ergon/learn/flow_estimates.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "ergon/core/errors.hpp"
#include "ergon/density/student_t.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kChunk = 16384;      // draws that are made at once
constexpr std::int64_t kPushed = 2048;      // and pushed, between two calls of the observer
constexpr std::int64_t kPilotDraws = 1000;  // for the moments of the wide proposal
constexpr std::int64_t kPilotDrawsPerDimension = 20;
constexpr double kRidge = 1e-9;          // of the pilot's variances
constexpr double kDegreesOfFreedom = 4;  // of Student's t
constexpr std::int64_t kFewestOfStratum = 2;
constexpr std::int64_t kDrawsPerControl = 20;  // so that a regression's own error is small

Draws sample_in_chunks(const Distribution& distribution, std::int64_t count, Generator generator) {
  std::vector<Tensor> particles, log_q;
  for (std::int64_t done = 0; done < count; done += kChunk) {
    Draws part = distribution.sample_with_log_prob(std::min(kChunk, count - done), generator);
    particles.push_back(part.particles);
    log_q.push_back(part.log_q);
  }
  return {at::cat(particles), at::cat(log_q)};
}

Tensor log_prob_in_chunks(const Distribution& distribution, const Tensor& x) {
  std::vector<Tensor> parts;
  for (const Tensor& part : x.split(kChunk)) parts.push_back(distribution.log_prob(part));
  return at::cat(parts);
}

// Independent Gaussian coordinates with the moments of pilot draws, the deviations times `scale`.
std::unique_ptr<Distribution> wide_gaussian(const SteinFlow& flow, double scale, Seed seed) {
  const Tensor pilot = flow.sample(kPilotDraws, seed.child("pilot").generator());
  const Tensor mean = pilot.mean(0, true);
  const Tensor log_stddev = (scale * pilot.std(0, true, true)).log();
  require(log_stddev.isfinite().all().item<bool>(),
          "--defensive wide: the flow's draws do not spread in some coordinate, or are not finite");
  return std::make_unique<InitialDistribution>(mean, log_stddev);
}

// Student's t with the pilot's mean and covariance, the scale times `scale`.
std::unique_ptr<Distribution> student_t(const SteinFlow& flow, double scale, Seed seed) {
  const std::int64_t count = std::max(kPilotDraws, kPilotDrawsPerDimension * flow.dim());
  const Tensor pilot = flow.sample(count, seed.child("pilot").generator()).to(at::kDouble);
  const Tensor centred = pilot - pilot.mean(0);
  Tensor covariance = at::mm(centred.t(), centred) / static_cast<double>(count - 1);
  covariance.diagonal().mul_(1 + kRidge);
  require(
      covariance.isfinite().all().item<bool>() && (covariance.diagonal() > 0).all().item<bool>(),
      "--defensive student-t: the flow's draws do not spread in some coordinate, or are not "
      "finite");
  const Tensor lower = scale * at::linalg_cholesky(covariance);
  const auto type = flow.initial().mean().scalar_type();
  return std::make_unique<StudentT>(AffineMap(pilot.mean(0).to(type), lower.to(type)),
                                    kDegreesOfFreedom);
}

// Draws of one stratum with their control variates, if any, and the flow's own log-density at
// draws of the flow, undefined for those of a defensive proposal.
struct Stratum {
  Draws draws;
  Tensor control;
  Tensor flow_log_q;
  double squared_way = 0.0;  // summed over draws and coordinates, in variances of q⁰
};

// Counts draws towards an observer.
class Tally {
 public:
  explicit Tally(const DrawObserver& observer) : observer_(observer) {}
  void add(std::int64_t draws) {
    done_ += draws;
    if (observer_) observer_(done_);
  }

 private:
  const DrawObserver& observer_;
  std::int64_t done_ = 0;
};

// Stein's identity of q⁰ at its own draws z: ∂_d log q⁰ and 1 + z_d ∂_d log q⁰ have mean zero
// (37b), (n, 2D).
Tensor controls_at(const InitialDistribution& initial, const Tensor& z) {
  const Tensor score = initial.log_density_and_score(z).score;
  return at::cat({score, 1 + z * score}, 1);
}

// Σ ‖x - x⁰‖² of draws before and after the steps, in the variance of x⁰.
double squared_way(const SteinFlow& flow, const Tensor& z, const Tensor& x) {
  const Tensor start = flow.affine() ? flow.affine()->forward(z).points : z;
  const double spread = std::max(start.var(0).mean().item<double>(), 1e-300);
  return (x - start).square().sum().item<double>() / spread;
}

Stratum sample_flow(
    const SteinFlow& flow, std::int64_t count, bool exact, Generator generator, Tally& tally) {
  if (!exact) {
    const Draws draws = sample_in_chunks(flow, count, generator);
    tally.add(count);
    return {draws, {}, draws.log_q, std::nan("")};
  }
  std::vector<Tensor> x, log_q, control;
  double way = 0.0;
  for (std::int64_t done = 0; done < count; done += kChunk) {
    const Draws start =
        flow.initial().sample_with_log_prob(std::min(kChunk, count - done), generator);
    const auto z = start.particles.split(kPushed);
    const auto log_q0 = start.log_q.split(kPushed);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const Mapped mapped = flow.forward(z[i]);
      x.push_back(mapped.points);
      log_q.push_back(log_q0[i] - mapped.log_det);
      if (z[i].size(0) > 1) way += squared_way(flow, z[i], mapped.points);
      tally.add(z[i].size(0));
    }
    control.push_back(controls_at(flow.initial(), start.particles));
  }
  return {{at::cat(x), at::cat(log_q)}, at::cat(control), at::cat(log_q), way};
}

// A flow, alone or mixed with a defensive proposal.
class Proposal {
 public:
  Proposal(const SteinFlow& flow, const FlowOptions& options, Seed seed)
      : flow_(flow), exact_(options.determinant != FlowDeterminant::kSeries) {
    if (options.defensive == DefensiveProposal::kNone) return;
    share_ = options.defensive_share;
    if (options.defensive == DefensiveProposal::kStudentT) {
      defensive_ = student_t(flow, options.defensive_scale, seed);
    } else if (options.defensive == DefensiveProposal::kWide) {
      defensive_ = wide_gaussian(flow, options.defensive_scale, seed);
    } else {
      defensive_ = std::make_unique<SteinFlow>(flow.initial(), std::vector<SteinStep>{},
                                               flow.affine(), SteinFlow::Method{});
    }
  }

  // By strata: first those of the flow, then those of the defensive proposal.
  std::vector<Stratum> sample(std::int64_t count, Seed seed, Tally& tally) {
    if (!defensive_)
      return {sample_flow(flow_, count, exact_, seed.child("flow").generator(), tally)};
    const auto share = static_cast<std::int64_t>(std::llround(share_ * static_cast<double>(count)));
    const std::int64_t other =
        std::clamp<std::int64_t>(share, kFewestOfStratum, count - kFewestOfStratum);
    share_ = static_cast<double>(other) / static_cast<double>(count);
    Stratum own = sample_flow(flow_, count - other, exact_, seed.child("flow").generator(), tally);
    Draws wide = sample_in_chunks(*defensive_, other, seed.child("defensive").generator());
    own.draws.log_q = mixed(own.draws.log_q, defensive_->log_prob(own.draws.particles));
    wide.log_q = mixed(log_prob_in_chunks(flow_, wide.particles), wide.log_q);
    tally.add(other);
    const Tensor none = own.control.defined()
                            ? at::zeros({other, own.control.size(1)}, own.control.options())
                            : Tensor();
    return {own, {wide, none, {}}};
  }

  Tensor log_prob(const Tensor& x) const {
    const Tensor own = log_prob_in_chunks(flow_, x);
    return defensive_ ? mixed(own, defensive_->log_prob(x)) : own;
  }

 private:
  Tensor mixed(const Tensor& own, const Tensor& other) const {
    return at::logaddexp(own + std::log1p(-share_), other + std::log(share_));
  }

  const SteinFlow& flow_;
  bool exact_;  // determinants
  std::unique_ptr<Distribution> defensive_;
  double share_ = 0.0;
};

// log p̄ at the draws; what is not a number counts as zero density.
Tensor evaluate_in_chunks(const LogDensity& density, const Tensor& x, std::int64_t& nonfinite) {
  std::vector<Tensor> parts;
  for (const Tensor& part : x.split(kChunk)) {
    parts.push_back(density.log_density(part).to(at::kDouble));
  }
  const Tensor values = at::cat(parts);
  const Tensor broken = values.isnan().logical_or(values.isposinf());
  nonfinite += broken.sum().item<std::int64_t>();
  return values.masked_fill(broken, -std::numeric_limits<double>::infinity());
}

// Throws NumericalFailure: an inversion, or log p̄ at a draw of its own.
Estimate upper_bound(const std::vector<Proposal>& proposals,
                     const LogDensity& density,
                     const Tensor& exact) {
  const auto parts = exact.chunk(static_cast<std::int64_t>(proposals.size()));
  std::vector<Tensor> log_weights;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    log_weights.push_back(density.log_density(parts[i]).to(at::kDouble) -
                          proposals[i].log_prob(parts[i]).to(at::kDouble));
  }
  return evidence_upper_bound(at::cat(log_weights));
}

// Everything that was drawn, flow by flow.
struct Collected {
  std::vector<Tensor> x, log_q, stratum, control;
  std::vector<Tensor> flow_log_q;  // NaN at draws of a defensive proposal
  double squared_way = 0.0;

  void add(const Stratum& part) {
    const auto label = static_cast<std::int64_t>(stratum.size());
    const Tensor log_q_double = part.draws.log_q.to(at::kDouble);
    x.push_back(part.draws.particles);
    log_q.push_back(log_q_double);
    stratum.push_back(at::full({log_q_double.size(0)}, label, at::kLong));
    flow_log_q.push_back(part.flow_log_q.defined() ? part.flow_log_q.to(at::kDouble)
                                                   : at::full_like(log_q_double, std::nan("")));
    squared_way += part.squared_way;
    if (part.control.defined()) control.push_back(part.control);
  }
};

// The mean of log p̄ - log q over the draws of the flows alone: a defensive proposal's draws are
// where the flow is thin, and would make the bound a poor one.
Estimate flow_elbo(const WeightedDraws& all, const Tensor& flow_log_q) {
  const Tensor own = flow_log_q.isnan().logical_not();
  WeightedDraws draws;
  draws.log_density = all.log_density.masked_select(own);
  draws.log_weight = draws.log_density - flow_log_q.masked_select(own);
  draws.stratum = all.stratum.masked_select(own);
  return importance_estimates(draws).elbo;
}

}  // namespace

std::vector<SteinFlow> flows_of(const Run& run, const FlowOptions& options) {
  const SteinFlow::Method method{options.determinant, options.series_terms, options.series_probes};
  std::vector<SteinFlow> flows;
  const std::int64_t sets = run.state().particles.size(0);
  for (std::int64_t set = 0; set < sets; ++set) {
    std::vector<SteinStep> steps;
    for (const SteinStep& step : run.recorded_steps()) steps.push_back(step_of_set(step, set));
    flows.emplace_back(run.initial(), std::move(steps), run.affine(), method);
  }
  return flows;
}

FlowEstimates estimate_with_flows(const std::vector<SteinFlow>& flows,
                                  const LogDensity& density,
                                  const FlowOptions& options,
                                  Seed seed,
                                  const Tensor& exact,
                                  const DrawObserver& observer) {
  ERGON_CHECK(!flows.empty(), "no flow to draw from");
  options.validate();
  const at::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(flows.size());
  const std::int64_t each = std::max<std::int64_t>(2, options.draws / count);
  const bool mixed = options.defensive != DefensiveProposal::kNone;
  require(!mixed || each >= 2 * kFewestOfStratum,
          "--draws {} leaves {} for each of {} sets: a defensive proposal needs at least {}; take "
          "more --draws or --defensive none",
          options.draws, each, count, 2 * kFewestOfStratum);
  std::vector<Proposal> proposals;
  Collected drawn;
  Tally tally(observer);
  for (std::int64_t i = 0; i < count; ++i) {
    const Seed own = seed.child("flow", static_cast<std::uint64_t>(i));
    proposals.emplace_back(flows[static_cast<std::size_t>(i)], options, own);
    for (const Stratum& part : proposals.back().sample(each, own, tally)) drawn.add(part);
  }
  FlowEstimates result;
  result.draws_x = at::cat(drawn.x);
  result.weighted.stratum = at::cat(drawn.stratum);
  result.weighted.log_density = evaluate_in_chunks(density, result.draws_x, result.nonfinite);
  const std::int64_t controls = drawn.control.empty() ? 0 : drawn.control[0].size(1);
  if (controls > 0 && kDrawsPerControl * controls <= result.draws_x.size(0)) {
    result.weighted.control = at::cat(drawn.control);
  }
  result.weighted.log_weight = result.weighted.log_density - at::cat(drawn.log_q);
  static_cast<ImportanceEstimates&>(result) = importance_estimates(result.weighted);
  result.flow_log_q = at::cat(drawn.flow_log_q);
  if (mixed) result.elbo = flow_elbo(result.weighted, result.flow_log_q);
  const double coordinates =
      result.flow_log_q.isfinite().sum().item<double>() * static_cast<double>(flows[0].dim());
  result.displacement = std::sqrt(drawn.squared_way / std::max(coordinates, 1.0));
  if (!exact.defined()) return result;
  try {
    result.eubo = upper_bound(proposals, density, exact);
  } catch (const NumericalFailure& failure) {
    result.eubo_failure = failure.what();  // the other estimates do not need it
  }
  return result;
}

}  // namespace ergon
