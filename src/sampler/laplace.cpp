#include "ergon/sampler/laplace.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/moves.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kMostSteps = 500;
constexpr double kDecrement = 1e-9;  // half the squared Newton decrement, in nats
constexpr double kRounding =
    1e-7;  // what may be left of it where rounding ends the climb, relative
constexpr double kLeastDamping = 1e-4;
constexpr double kMostDamping = 1e12;

// log p̄, its gradient and minus its Hessian at one point.
struct Local {
  double log_density;
  Tensor gradient;   // (D)
  Tensor curvature;  // (D, D)
};

Local look(const LogDensity& target, const Tensor& x) {
  const Tensor row = x.unsqueeze(0);
  const auto [log_density, score] = target.log_density_and_score(row);
  const Tensor hessian = target.hessian(row)[0];
  return {log_density.item<double>(), score[0].clone(), -(hessian + hessian.t()) / 2};
}

double value(const LogDensity& target, const Tensor& x) {
  const double found = target.log_density(x.unsqueeze(0)).item<double>();
  return std::isfinite(found) ? found : -std::numeric_limits<double>::infinity();
}

// The Cholesky factor of A + λ diag(max(|A|, 1e-12)), or an undefined tensor.
Tensor factor(const Tensor& curvature, double damping) {
  Tensor damped = curvature;
  if (damping > 0) {
    damped = curvature + at::diag(damping * curvature.diagonal().abs().clamp_min(1e-12));
  }
  if (!damped.isfinite().all().item<bool>()) return {};
  const auto [lower, info] = at::linalg_cholesky_ex(damped);
  return info.item<std::int64_t>() == 0 ? lower : Tensor();
}

// The damped Newton step and what it promises to gain, or an undefined step.
struct NewtonStep {
  Tensor step;  // (D)
  double decrement = 0.0;
};

NewtonStep newton_step(const Local& local, double damping) {
  const Tensor lower = factor(local.curvature, damping);
  if (!lower.defined()) return {};
  const Tensor step = at::cholesky_solve(local.gradient.unsqueeze(-1), lower).squeeze(-1);
  return {step, 0.5 * local.gradient.dot(step).item<double>()};
}

[[noreturn]] void throw_no_mode() {
  throw NumericalFailure(
      fmt::format("no mode was found in {} Newton steps: the density grows without end or very "
                  "slowly, or its peak is not smooth; use another sampler, or start elsewhere with "
                  "--initial-mean",
                  kMostSteps));
}

// The fit at the mode next to x: one more Newton step squares what error there is.
LaplaceFit finish(const LogDensity& target,
                  const Tensor& x,
                  const Local& local,
                  std::int64_t iterations) {
  const NewtonStep last = newton_step(local, 0.0);
  if (!last.step.defined()) {
    throw NumericalFailure(
        "the curvature at the mode is not that of a peak (minus the Hessian is not positive "
        "definite), so that no Gaussian fits there; use another sampler, or start elsewhere with "
        "--initial-mean");
  }
  if (!(last.decrement <= kRounding * (1 + std::abs(local.log_density)))) throw_no_mode();
  const Tensor mode = x + last.step;
  const Local there = look(target, mode);
  const Tensor lower = factor(there.curvature, 0.0);
  if (!lower.defined()) throw_no_mode();
  LaplaceFit fit;
  fit.mode = mode;
  // P = R Rᵀ; L = chol(P⁻¹) keeps the scale lower triangular.
  fit.scale = at::linalg_cholesky(at::cholesky_inverse(lower));
  fit.log_density = there.log_density;
  fit.log_z = there.log_density + 0.5 * static_cast<double>(mode.size(0)) * std::log(2 * M_PI) +
              fit.scale.diagonal().log().sum().item<double>();
  fit.iterations = iterations + 1;
  return fit;
}

}  // namespace

LaplaceFit fit_laplace(const LogDensity& target, const Tensor& start) {
  const at::NoGradGuard no_grad;
  require(start.dim() == 1 && start.size(0) == target.dim(),
          "the search for a mode starts at one point of {} coordinates", target.dim());
  Tensor x = start.to(at::kDouble).clone();
  double damping = 0.0;
  if (!std::isfinite(value(target, x))) {
    throw NumericalFailure(
        "the log-density is not finite where the search for a mode starts; move --initial-mean to "
        "where it is");
  }
  for (std::int64_t iteration = 0; iteration < kMostSteps; ++iteration) {
    const Local local = look(target, x);
    // Damps until a step goes up by a share of what it promises; then trusts a little more again.
    for (;; damping = std::max(4 * damping, kLeastDamping)) {
      const NewtonStep newton = newton_step(local, damping);
      // A damped step that promises nothing: a mode, a saddle, or a peak without a smooth top.
      if (newton.step.defined() && newton.decrement <= kDecrement) {
        return finish(target, x, local, iteration);
      }
      if (newton.step.defined()) {
        const Tensor candidate = x + newton.step;
        const double found = value(target, candidate);
        if (found >= local.log_density + 1e-4 * newton.decrement) {
          x = candidate;
          damping = damping <= kLeastDamping ? 0.0 : damping / 8;
          break;
        }
      }
      if (damping > kMostDamping) return finish(target, x, local, iteration);  // rounding
    }
  }
  throw_no_mode();
}

Laplace::Laplace(const SamplerOptions& options) { options.validate(); }

State Laplace::init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const {
  State state = initial_state(target, particles);
  state.log_q = log_q;
  return state;
}

Transition Laplace::step(const LogDensity& /*target*/,
                         const State& /*state*/,
                         Generator /*generator*/) const {
  ERGON_CHECK(false, "laplace takes no steps");
}

}  // namespace ergon
