#include "support/sampler_cases.hpp"

#include <ATen/ATen.h>

#include <utility>

#include "ergon/density/affine.hpp"

namespace ergon::testing {
namespace {

SamplerOptions small(SamplerKind kind) {
  SamplerOptions options = sampler_preset(kind);
  options.particles = 12;
  options.sets = 2;
  if (!draws_independently(kind)) options.steps.steps = 4;
  if (kind == SamplerKind::kSmc) options.steps.steps = 400;
  options.initial.stddev = 1.5;
  return options;
}

SamplerOptions in_single(SamplerKind kind) {
  SamplerOptions options = small(kind);
  options.precision = Precision::kSingle;
  return options;
}

// One case per alternative of a choice that `set` puts into MET-SVGD's options.
template <class Enum, class Set>
void add_alternatives(std::vector<SamplerCase>& cases, const std::string& field, Set&& set) {
  for (const auto& entry : EnumNames<Enum>::all()) {
    SamplerOptions options = small(SamplerKind::kMetSvgd);
    set(options, entry.value);
    cases.push_back({field + "=" + std::string(entry.name), options});
  }
}

void add_rules(std::vector<SamplerCase>& cases) {
  add_alternatives<InitialFamily>(cases, "initial", [](auto& o, auto v) { o.initial.family = v; });
  add_alternatives<InitialFitting>(cases, "fitting",
                                   [](auto& o, auto v) { o.initial.fitting = v; });
  add_alternatives<BandwidthRule>(cases, "bandwidth", [](auto& o, auto v) {
    o.bandwidth.rule = v;
    if (v == BandwidthRule::kPerStep) o.bandwidth.values = {0.5, 1.0};
  });
  add_alternatives<StepSizeRule>(cases, "step-size", [](auto& o, auto v) {
    o.step_size.rule = v;
    if (v == StepSizeRule::kPerStep) o.step_size.values = {0.2, 0.1};
    if (v == StepSizeRule::kAdapted) o = small(SamplerKind::kHmc);
  });
  add_alternatives<StepSizeSchedule>(cases, "schedule",
                                     [](auto& o, auto v) { o.step_size.schedule = v; });
  add_alternatives<Stopping>(cases, "stopping", [](auto& o, auto v) { o.steps.stopping = v; });
  add_alternatives<Precision>(cases, "precision", [](auto& o, auto v) { o.precision = v; });
}

void add_density_parts(std::vector<SamplerCase>& cases) {
  add_alternatives<HessianTrace>(cases, "hessian", [](auto& o, auto v) { o.hessian.trace = v; });
  add_alternatives<ProbeLaw>(cases, "law", [](auto& o, auto v) {
    o.hessian.law = v;
    o.hessian.probes = 3;
  });
  add_alternatives<StepBound>(cases, "bound", [](auto& o, auto v) { o.bound.bound = v; });
  add_alternatives<StepBound>(cases, "hutchinson-bound", [](auto& o, auto v) {
    o.bound.bound = v;
    o.bound.norm = NormMethod::kHutchinson;
  });
  add_alternatives<NormMethod>(cases, "norm", [](auto& o, auto v) { o.bound.norm = v; });
  add_alternatives<Clamp>(cases, "clamp", [](auto& o, auto v) {
    o.bound.clamp = v;
    o.step_size.value = 50;
  });
  add_alternatives<DensityMethod>(cases, "single-density", [](auto& o, auto v) {
    o.density.method = v;
    o.precision = Precision::kSingle;
  });
  add_alternatives<DensityMethod>(cases, "density", [](auto& o, auto v) { o.density.method = v; });
  add_alternatives<JointMethod>(cases, "joint", [](auto& o, auto v) {
    o.density.method = DensityMethod::kJoint;
    o.density.joint = v;
  });
  add_alternatives<TraceNormalization>(cases, "normalization",
                                       [](auto& o, auto v) { o.density.normalization = v; });
  add_alternatives<DivergenceControl>(cases, "control",
                                      [](auto& o, auto v) { o.control.control = v; });
  add_alternatives<MetropolisMoves>(cases, "moves", [](auto& o, auto v) {
    o.control.control = DivergenceControl::kMetropolisHastings;
    o.control.moves = v;
    o.control.probability = 0.5;
  });
}

// What belongs to the kinds whose steps are maps of all of R^D.
void add_maps(std::vector<SamplerCase>& cases) {
  for (const auto& entry : EnumNames<Precondition>::all()) {
    SamplerOptions options = small(SamplerKind::kSteinFlow);
    options.precondition = entry.value;
    cases.push_back({"precondition=" + std::string(entry.name), options});
  }
  for (const auto& entry : EnumNames<Halves>::all()) {
    SamplerOptions options = small(SamplerKind::kSteinMh);
    options.halves = entry.value;
    cases.push_back({"halves=" + std::string(entry.name), options});
  }
}

// What belongs to chains and to what anneals.
void add_dynamics(std::vector<SamplerCase>& cases) {
  for (const SamplerKind kind : {SamplerKind::kUla, SamplerKind::kMala, SamplerKind::kNuts,
                                 SamplerKind::kParallelTempering, SamplerKind::kSmc}) {
    for (const auto& entry : EnumNames<MassMatrix>::all()) {
      if (entry.value == MassMatrix::kDense && !anneals(kind)) continue;
      SamplerOptions options = small(kind);
      options.chain.mass = entry.value;
      cases.push_back({fmt::format("{}-mass={}", to_name(kind), entry.name), options});
    }
    cases.push_back({fmt::format("{}-precision=single", to_name(kind)), in_single(kind)});
  }
  cases.push_back({"flow-precision=single", in_single(SamplerKind::kFlow)});
  for (const auto& entry : EnumNames<PathLength>::all()) {
    SamplerOptions options = small(SamplerKind::kHmc);
    options.chain.path_length = entry.value;
    cases.push_back({"path-length=" + std::string(entry.name), options});
  }
  for (const auto& entry : EnumNames<TemperatureLadder>::all()) {
    SamplerOptions options = small(SamplerKind::kAis);
    options.tempering.ladder = entry.value;
    if (entry.value == TemperatureLadder::kAdaptive) options.steps.steps = 400;
    cases.push_back({"ladder=" + std::string(entry.name), options});
  }
}

}  // namespace

std::vector<SamplerCase> sampler_presets() {
  std::vector<SamplerCase> cases;
  for (const auto& entry : EnumNames<SamplerKind>::all()) {
    cases.push_back({std::string(entry.name), small(entry.value)});
  }
  return cases;
}

std::shared_ptr<const Bijection> map_of(const SamplerOptions& options, std::int64_t dim) {
  if (options.kind != SamplerKind::kFlow) return nullptr;
  const auto type = options.precision == Precision::kDouble ? at::kDouble : at::kFloat;
  const Tensor scale = 0.9 * at::eye(dim, type) + at::full({dim, dim}, 0.2, type).tril(-1);
  return std::make_shared<AffineMap>(at::full({dim}, -0.1, type), scale);
}

Run run_of(const LogDensity& target,
           const SamplerOptions& options,
           NamedTensors parameters,
           Seed seed) {
  auto map = map_of(options, target.dim());
  if (map) return {target, options, std::move(map), std::move(parameters), seed};
  return {target, options, std::move(parameters), seed};
}

const std::vector<SamplerCase>& sampler_cases() {
  static const std::vector<SamplerCase> all = [] {
    std::vector<SamplerCase> cases = sampler_presets();
    add_rules(cases);
    add_density_parts(cases);
    add_maps(cases);
    add_dynamics(cases);
    return cases;
  }();
  return all;
}

}  // namespace ergon::testing
