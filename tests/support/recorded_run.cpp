#include "support/recorded_run.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/sampler/stein_samplers.hpp"

namespace ergon::testing {
namespace {

constexpr double kSafety = 0.95;

SamplerOptions svgd_options(const RunToRecord& run) {
  SamplerOptions options = sampler_preset(SamplerKind::kSvgd);
  options.particles = run.particles;
  options.sets = 1;
  options.bandwidth.rule = BandwidthRule::kFixed;
  options.bandwidth.value = run.bandwidth;
  options.step_size.rule = StepSizeRule::kFixed;
  return options;
}

}  // namespace

InitialDistribution initial_of(const RunToRecord& run, std::int64_t dim) {
  return {at::zeros({1, dim}, at::kDouble),
          at::full({1, dim}, std::log(run.initial_stddev), at::kDouble)};
}

std::vector<SteinStep> recorded_steps(const LogDensity& target,
                                      const RunToRecord& run,
                                      const Tensor& particles) {
  const at::NoGradGuard no_grad;
  SamplerOptions options = svgd_options(run);
  State state = Svgd(options).init(target, particles.unsqueeze(0), {});
  const Tensor bandwidth = at::full({1}, run.bandwidth, at::kDouble);
  std::vector<SteinStep> steps;
  for (std::int64_t l = 0; l < run.steps; ++l) {
    const double bound =
        1 / stein::lipschitz_bound({state.particles, state.score, bandwidth, {}}).item<double>();
    options.step_size.value = std::min(run.step_size, kSafety * bound);
    Transition next = Svgd(options).step(target, state, Seed(0).generator());
    steps.push_back(
        step_of_set(record_step(state, next.info.bandwidth, next.info.step_size, kSafety), 0));
    state = std::move(next.state);
  }
  return steps;
}

SteinFlow recorded_flow(const LogDensity& target,
                        const RunToRecord& run,
                        Seed seed,
                        SteinFlow::Method method) {
  const InitialDistribution initial = initial_of(run, target.dim());
  const Tensor particles = initial.sample(run.particles, seed.child("particles").generator());
  return SteinFlow(initial, recorded_steps(target, run, particles), {}, method);
}

}  // namespace ergon::testing
