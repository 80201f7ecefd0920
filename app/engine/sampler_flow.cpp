#include "sampler_flow.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/importance.hpp"
#include "ergon/learn/normalizing_flow_fit.hpp"
#include "ergon/sampler/parameters.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kMostRows = 5000;  // through the flow's networks at once

AffineMap whitening(const SamplerOptions& sampler, std::int64_t dim) {
  return *precondition_map(starting_parameters(sampler, dim, Seed(0)));
}

NormalizingFlowFitOptions to_flow_fit(const FitOptions& options) {
  NormalizingFlowFitOptions flow;
  flow.gradient = FlowGradient::kReversePath;
  flow.iterations = options.iterations;
  flow.batch = options.draws;
  flow.learning_rate = options.learning_rate;
  flow.final_learning_rate = options.final_learning_rate;
  flow.gradient_clip = options.gradient_clip;
  flow.evaluate_every = options.evaluate_every;
  return flow;
}

at::ScalarType type_of(Precision precision) {
  return precision == Precision::kDouble ? at::kDouble : at::kFloat;
}

NormalizingFlow checked_flow(const std::string& path, std::int64_t dim, Precision precision) {
  NormalizingFlow flow = NormalizingFlow::load(path);
  require(flow.dim() == dim, "{}: is a flow in {} dimensions, the target has {}", path, flow.dim(),
          dim);
  require(flow.layers().context_dim() == 0,
          "{}: is a conditional flow, which says nothing of a target without its context", path);
  require(flow.type() == type_of(precision),
          "{}: is not a flow of --precision {}; leave the option out", path, to_name(precision));
  return flow;
}

}  // namespace

SamplerFlow::SamplerFlow(const RunSettings& settings, const LogDensity& density, Seed seed)
    : map_(whitening(settings.sampler, density.dim())),
      target_(density, map_),
      flow_(std::make_shared<NormalizingFlow>(settings.normalizing_flow,
                                              density.dim(),
                                              type_of(settings.sampler.precision),
                                              seed.generator())) {}

SamplerFlow::SamplerFlow(const RunSettings& settings,
                         const LogDensity& density,
                         const std::string& path)
    : map_(whitening(settings.sampler, density.dim())),
      target_(density, map_),
      flow_(std::make_shared<NormalizingFlow>(
          checked_flow(path, density.dim(), settings.sampler.precision))) {}

std::shared_ptr<const Bijection> SamplerFlow::map() const {
  const NormalizingFlow& flow = *flow_;
  return {flow_, &flow.layers()};
}

std::unique_ptr<Fit> SamplerFlow::make_fit(const FitOptions& options, Seed seed) {
  return std::make_unique<NormalizingFlowFit>(*flow_, &target_, std::nullopt, to_flow_fit(options),
                                              seed);
}

UpperBound SamplerFlow::bound_from_above(const Tensor& exact) const {
  const at::NoGradGuard no_grad;
  UpperBound bound;
  try {
    std::vector<Tensor> log_weights;
    for (const Tensor& rows : map_.inverse(exact.to(flow_->type())).points.split(kMostRows))
      log_weights.push_back(target_.log_density(rows) - flow_->log_prob(rows));
    bound.eubo = evidence_upper_bound(at::cat(log_weights));
  } catch (const InvalidInput& error) {
    bound.failure = error.what();
  } catch (const NumericalFailure& failure) {
    bound.failure = failure.what();
  }
  return bound;
}

}  // namespace ergon::app
