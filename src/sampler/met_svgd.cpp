#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/moves.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/stein_mh.hpp"
#include "ergon/sampler/stein_samplers.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/joint.hpp"
#include "ergon/stein/metropolis.hpp"
#include "ergon/stein/step_bound.hpp"
#include "ergon/stein/velocity.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kExactNormDim = 16;
constexpr std::int64_t kExactJointSize = 512;      // where auto goes over to the series
constexpr std::int64_t kLargestJointSize = 10000;  // 800 MB a matrix
constexpr double kSeriesTolerance = 0.01;  // of log det, for the last term of the power series

// What one step knows about the velocity field at its particles.
struct Field {
  Tensor bandwidth;  // (...)
  stein::Support support;
  Tensor count;           // (...)              live particles
  Tensor velocity;        // (..., M, D)
  Tensor trace;           // (..., M)           tr A_i as the density takes it
  Tensor stein_trace;     // (..., M)           the same over 1/M, as in Stein's identity
  Tensor hessian;         // (..., M, D, D)     where something needs it whole, else undefined
  Tensor probes;          // (P, ..., M, D)     of the Hutchinson trace, else undefined
  Tensor probe_products;  // (P, ..., M, D)     H v
  Tensor norm_products;   // (P, ..., M, D)     A v of the norm's probes, else undefined
};

Tensor draw_probes(const Tensor& particles, std::int64_t count, ProbeLaw law, Generator generator) {
  std::vector<std::int64_t> shape = particles.sizes().vec();
  shape.insert(shape.begin(), count);
  const Tensor like = at::empty(shape, particles.options().requires_grad(false));
  return law == ProbeLaw::kRademacher ? draw::rademacher_like(like, generator)
                                      : draw::normal_like(like, generator);
}

// H v for probes (P, ..., M, D), in one call of the target.
Tensor probe_hessian(const LogDensity& target, const Tensor& particles, const Tensor& probes) {
  return target.hessian_vector_product(particles.unsqueeze(0).expand_as(probes), probes);
}

bool needs_whole_hessian(const SamplerOptions& options) {
  return options.hessian.trace == HessianTrace::kExact ||
         (options.hessian.trace != HessianTrace::kOff &&
          options.density.method != DensityMethod::kFirstOrder);
}

// tr H_i, or undefined when the term is off.
Tensor hessian_trace(const LogDensity& target,
                     const SamplerOptions& options,
                     const Tensor& particles,
                     Generator generator,
                     Field& field) {
  if (options.hessian.trace == HessianTrace::kOff) return {};
  if (needs_whole_hessian(options)) field.hessian = target.hessian(particles);
  if (options.hessian.trace == HessianTrace::kExact) {
    return field.hessian.diagonal(0, -2, -1).sum(-1);
  }
  field.probes = draw_probes(particles, options.hessian.probes, options.hessian.law, generator);
  field.probe_products = field.hessian.defined()
                             ? at::matmul(field.hessian, field.probes.unsqueeze(-1)).squeeze(-1)
                             : probe_hessian(target, particles, field.probes);
  return (field.probes * field.probe_products).sum(-1).mean(0);
}

// How the bound obtains its norm.
NormMethod norm_method(const SamplerOptions& options, const State& state) {
  if (options.bound.norm != NormMethod::kAuto) return options.bound.norm;
  return state.particles.size(-1) <= kExactNormDim ? NormMethod::kExact : NormMethod::kHutchinson;
}

// Whether the bound takes products A v, which come with velocity and trace in one pass.
bool takes_norm_probes(const SamplerOptions& options, const State& state) {
  const bool norm =
      options.bound.bound == StepBound::kFrobenius || options.bound.bound == StepBound::kEigenvalue;
  return norm && norm_method(options, state) == NormMethod::kHutchinson;
}

// Velocity, drift trace and, where the bound wants it, A v of fresh probes.
Tensor drift_trace(const LogDensity& target,
                   const SamplerOptions& options,
                   const State& state,
                   Generator generator,
                   Field& field) {
  if (!takes_norm_probes(options, state)) {
    const auto both = stein::velocity_and_trace(field.support);
    field.velocity = both.velocity;
    return both.drift_trace_sum;
  }
  const Tensor probes =
      draw_probes(state.particles, options.bound.probes, ProbeLaw::kRademacher, generator);
  const auto all = stein::velocity_trace_and_products(field.support, probes);
  field.velocity = all.velocity;
  field.norm_products = all.products.detach();
  if (options.hessian.trace != HessianTrace::kOff) {
    const at::NoGradGuard no_grad;
    field.norm_products = field.norm_products + probe_hessian(target, state.particles, probes) /
                                                    field.count.unsqueeze(-1).unsqueeze(-1);
  }
  return all.drift_trace_sum;
}

Field evaluate_field(const LogDensity& target,
                     const SamplerOptions& options,
                     const State& state,
                     const Tensor& bandwidth,
                     Generator generator) {
  Field field;
  field.bandwidth = bandwidth;
  field.support = support_of(state, bandwidth);
  field.count =
      state.alive.defined()
          ? state.alive.sum(-1).to(bandwidth.scalar_type())
          : at::full_like(bandwidth.detach(), static_cast<double>(state.particles.size(-2)));
  const Tensor hessian = hessian_trace(target, options, state.particles, generator, field);
  const Tensor drift = drift_trace(target, options, state, generator, field);
  const Tensor count = field.count.unsqueeze(-1);  // (..., 1)
  const bool minus_one = options.density.normalization == TraceNormalization::kParticlesMinusOne;
  field.trace = drift / (minus_one ? count - 1 : count);
  field.stein_trace = minus_one ? drift / count : field.trace;
  if (hessian.defined()) {
    field.trace = field.trace + hessian / count;
    field.stein_trace = field.stein_trace + hessian / count;
  }
  return field;
}

// σ_max(A_i) from below by power iteration on AᵀA.
Tensor power_iteration(const LogDensity& target,
                       const SamplerOptions& options,
                       const State& state,
                       const Field& field,
                       Generator generator) {
  const bool with_hessian = options.hessian.trace != HessianTrace::kOff;
  const auto hessian_product = [&](const Tensor& v) {
    return with_hessian ? target.hessian_vector_product(state.particles, v) : Tensor();
  };
  Tensor vector = draw::normal_like(state.particles, generator);
  Tensor norm;
  for (std::int64_t round = 0; round < options.bound.probes; ++round) {
    vector = vector / vector.norm(2, {-1}, true).clamp_min(1e-30);
    const Tensor image =
        stein::jacobian_vector_product(field.support, vector, hessian_product(vector));
    norm = image.norm(2, {-1});
    if (round + 1 == options.bound.probes) break;
    vector =
        stein::transposed_jacobian_vector_product(field.support, image, hessian_product(image));
  }
  return norm;
}

// ‖A_i‖_F² or, for the spectral bound, σ_max(A_i)²; (..., M).
Tensor squared_norm(const LogDensity& target,
                    const SamplerOptions& options,
                    const State& state,
                    const Field& field,
                    Generator generator) {
  const bool spectral = options.bound.bound == StepBound::kSpectral;
  const bool with_hessian = options.hessian.trace != HessianTrace::kOff;
  const NormMethod method = norm_method(options, state);
  if (method == NormMethod::kExact) {
    Tensor hessian = field.hessian;
    if (with_hessian && !hessian.defined()) hessian = target.hessian(state.particles);
    return spectral ? stein::spectral_norm(stein::velocity_jacobian(field.support, hessian)).pow(2)
                    : stein::frobenius_squared(field.support, hessian);
  }
  if (method == NormMethod::kPublished) {
    const auto norm =
        stein::frobenius_squared_published(field.support, field.probes[0], field.probe_products[0]);
    return at::maximum(norm.squared, norm.drift);  // the estimate can be negative
  }
  if (spectral) return power_iteration(target, options, state, field, generator).pow(2);
  return field.norm_products.pow(2).sum(-1).mean(0);
}

// The bound of (15), (16) or (22), without a graph; undefined when there is none.
Tensor step_bound(const LogDensity& target,
                  const SamplerOptions& options,
                  const State& state,
                  const Field& field,
                  Generator generator) {
  if (options.bound.bound == StepBound::kNone) return {};
  const at::NoGradGuard no_grad;
  if (options.bound.bound == StepBound::kCertified) {
    return options.bound.safety / stein::lipschitz_bound(support_of(state, field.bandwidth));
  }
  const Tensor squared = squared_norm(target, options, state, field, generator);
  if (options.bound.bound == StepBound::kEigenvalue) {
    return stein::eigenvalue_bound(field.trace, squared, state.particles.size(-1),
                                   options.bound.safety, state.alive);
  }
  return stein::norm_bound(squared.sqrt(), options.bound.safety, state.alive);
}

// log |det| of a step per particle, and how many determinants were not those of an invertible map.
struct StepDeterminant {
  Tensor log_det;  // (..., M)
  std::int64_t noninvertible = 0;
};

std::int64_t count_false(const Tensor& flags) {
  return flags.numel() - flags.sum().item<std::int64_t>();
}

StepDeterminant joint_determinant(const SamplerOptions& options,
                                  const State& state,
                                  const Field& field,
                                  const Tensor& step_size,
                                  Generator generator) {
  const Tensor& x = state.particles;
  const DensityOptions& density = options.density;
  const bool exact =
      density.joint == JointMethod::kExact ||
      (density.joint == JointMethod::kAuto && x.size(-2) * x.size(-1) <= kExactJointSize);
  Tensor joint, valid;
  if (exact) {
    const auto det = stein::joint_log_determinant(
        stein::joint_jacobian(field.support, field.hessian), step_size);
    joint = det.log_abs_det;
    valid = det.positive;
  } else {
    const auto series = stein::joint_log_determinant_series(
        field.support, field.hessian, step_size,
        draw_probes(x, density.series_probes, ProbeLaw::kRademacher, generator),
        density.series_terms);
    joint = series.log_det;
    valid = series.last_term.abs() <= kSeriesTolerance * series.log_det.abs().clamp_min(1);
  }
  const auto count = static_cast<double>(x.size(-2));
  return {(joint / count).unsqueeze(-1).expand_as(state.log_density), count_false(valid)};
}

// As the density method defines it.
StepDeterminant step_determinant(const SamplerOptions& options,
                                 const State& state,
                                 const Field& field,
                                 const Tensor& step_size,
                                 Generator generator) {
  switch (options.density.method) {
    case DensityMethod::kFirstOrder:
      return {step_size.unsqueeze(-1) * field.trace};
    case DensityMethod::kBlock: {
      const Tensor jacobian = stein::velocity_jacobian(field.support, field.hessian);
      const auto det = stein::block_log_determinant(jacobian, step_size);
      return {det.log_abs_det, count_false(det.positive)};
    }
    case DensityMethod::kJoint:
      return joint_determinant(options, state, field, step_size, generator);
  }
  ERGON_CHECK(false, "density method {}", static_cast<int>(options.density.method));
}

// log |det| of the forward move x + εφ and of the move x - εφ, (..., M).
struct MoveDeterminants {
  Tensor forward;
  Tensor backward;  // -forward to first order
};

// The accept-reject step (17), (18). `displacement` is ε φ.
Transition metropolis(const LogDensity& target,
                      const ControlOptions& control,
                      const State& state,
                      const Tensor& displacement,
                      const MoveDeterminants& det,
                      Generator generator) {
  const Tensor plain = at::empty_like(state.log_density.detach());
  const Tensor applied =  // (..., 1): sets whose step is accepted or rejected at all
      draw::uniform_like(plain.narrow(-1, 0, 1), generator) < control.probability;
  const bool both = control.moves == MetropolisMoves::kBothDirections;
  Tensor direction = both ? draw::rademacher_like(plain, generator) : at::ones_like(plain);
  direction = at::where(applied, direction, at::ones_like(direction));
  const Tensor uniform = draw::uniform_like(plain, generator);

  const Tensor forward = direction > 0;
  const Tensor move = direction.unsqueeze(-1) * displacement;
  State proposal = evaluate(target, state.particles + move);
  Transition result;
  result.info.nonfinite = reject_nonfinite(proposal);
  const Tensor own_det = at::where(forward, det.forward, det.backward);
  const Tensor own = stein::log_acceptance(proposal.log_density, state.log_density, own_det);
  Tensor log_q = stein::mixed_log_density(state.log_q, own, own_det);
  if (both) {
    const Tensor other_det = at::where(forward, det.backward, det.forward);
    const Tensor opposite = target.log_density(state.particles - move);
    const Tensor other = stein::log_acceptance(opposite, state.log_density, other_det);
    log_q = at::logaddexp(log_q, stein::mixed_log_density(state.log_q, other, other_det)) - M_LN2;
  }
  proposal.log_q = at::where(applied, log_q, state.log_q - det.forward);
  State stayed = state;
  stayed.log_q = at::where(applied, log_q, state.log_q);
  const Tensor accepted = (uniform < own.detach().exp()).logical_or(applied.logical_not());
  result.state = select(accepted, proposal, stayed);
  keep_finite(state, result.state);
  const Tensor not_applied = at::full_like(plain, std::numeric_limits<double>::quiet_NaN());
  result.info.acceptance =
      live_mean(at::where(applied, own.detach().exp(), not_applied), state.alive);
  return result;
}

Transition unconditional(const LogDensity& target,
                         const State& state,
                         const Tensor& displacement,
                         const Tensor& log_det) {
  Transition result{evaluate(target, state.particles + displacement), {}};
  result.state.log_q = state.log_q - log_det;
  result.info.nonfinite = keep_finite(state, result.state);
  return result;
}

// Freezes the particles dropped before this step and drops those that have left q⁰'s truncation.
void truncate(const InitialDistribution& initial, double width, const State& state, State& next) {
  next = select(state.alive, next, state);
  next.alive = state.alive.logical_and(initial.within(next.particles.detach(), width));
  const auto fewest = next.alive.sum(-1).min().item<std::int64_t>();
  if (fewest < 2) {
    throw NumericalFailure(fmt::format(
        "truncation left {} particle(s) of a set within {} standard deviations of the initial "
        "distribution at step {}; widen "
        "--initial-stddev or --control-truncation, take a smaller step, or use another --control",
        fewest, width, state.step + 1));
  }
}

}  // namespace

MetSvgd::MetSvgd(SamplerOptions options, NamedTensors parameters)
    : options_(std::move(options)), parameters_(std::move(parameters)) {
  options_.validate();
}

State MetSvgd::init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const {
  require(log_q.defined() && log_q.sizes() == particles.sizes().slice(0, particles.dim() - 1),
          "log q of the initial particles must have one number per particle");
  const auto joint_size = particles.size(-2) * particles.size(-1);
  require(options_.density.method != DensityMethod::kJoint ||
              options_.density.joint != JointMethod::kExact || joint_size <= kLargestJointSize,
          "--density-joint exact needs matrices of M D = {} rows, more than {}; take "
          "--density-joint series, or fewer --particles",
          joint_size, kLargestJointSize);
  State state = initial_state(target, particles);
  state.log_q = log_q;
  if (options_.control.control == DivergenceControl::kTruncation) {
    state.alive = at::ones_like(log_q, at::kBool);
    const auto initial = InitialDistribution::from_parameters(parameters_);
    State start = state;
    start.step = -1;
    truncate(initial, options_.control.truncation, start, state);
  }
  return state;
}

Transition MetSvgd::step(const LogDensity& target, const State& state, Generator generator) const {
  const Tensor bandwidth = bandwidth_at(options_.bandwidth, parameters_, state);
  const Field field = evaluate_field(target, options_, state, bandwidth, generator);
  const Tensor bound = step_bound(target, options_, state, field, generator);
  const Tensor wanted = step_size_at(options_, parameters_, state, bound);
  const Tensor step_size = bounded_step_size(options_, wanted, bound);

  const Tensor displacement = step_size.unsqueeze(-1).unsqueeze(-1) * field.velocity;
  const StepDeterminant det = step_determinant(options_, state, field, step_size, generator);
  Transition result;
  if (options_.control.control == DivergenceControl::kMetropolisHastings) {
    const bool both = options_.control.moves == MetropolisMoves::kBothDirections;
    const Tensor backward =  // no such move is proposed otherwise
        both ? step_determinant(options_, state, field, -step_size, generator).log_det
             : det.log_det;
    result = metropolis(target, options_.control, state, displacement, {det.log_det, backward},
                        generator);
  } else {
    result = unconditional(target, state, displacement, det.log_det);
  }
  result.info.noninvertible = det.noninvertible;
  if (options_.control.control == DivergenceControl::kTruncation) {
    truncate(InitialDistribution::from_parameters(parameters_), options_.control.truncation, state,
             result.state);
  }
  result.state.step = state.step + 1;
  result.info.bandwidth = bandwidth.detach();
  result.info.step_bound = bound;
  result.info.step_size = step_size.detach();
  result.info.velocity_norm = root_mean_square(field.velocity, state.alive);
  result.info.stein_residual =
      stein::stein_residual(field.velocity, state.score, field.stein_trace, state.alive).detach();
  return result;
}

}  // namespace ergon
