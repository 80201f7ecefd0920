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

LaplaceFit finish(const Tensor& mode, const Local& local, std::int64_t iterations) {
  const Tensor lower = factor(local.curvature, 0.0);
  if (!lower.defined()) {
    throw NumericalFailure(
        "the curvature at the mode is not that of a peak (minus the Hessian is not positive "
        "definite), so that no Gaussian fits there; use another sampler, or start elsewhere with "
        "--initial-mean");
  }
  LaplaceFit fit;
  fit.mode = mode;
  // P = R Rᵀ; L = chol(P⁻¹) keeps the scale lower triangular.
  fit.scale = at::linalg_cholesky(at::cholesky_inverse(lower));
  fit.log_density = local.log_density;
  fit.log_z = local.log_density + 0.5 * static_cast<double>(mode.size(0)) * std::log(2 * M_PI) +
              fit.scale.diagonal().log().sum().item<double>();
  fit.iterations = iterations;
  return fit;
}

}  // namespace

LaplaceFit fit_laplace(const LogDensity& target, const Tensor& start) {
  const at::NoGradGuard no_grad;
  require(start.dim() == 1 && start.size(0) == target.dim(),
          "the search for a mode starts at one point of {} coordinates", target.dim());
  Tensor x = start.to(at::kDouble).clone();
  double damping = 0.0;
  double best = value(target, x);
  if (!std::isfinite(best)) {
    throw NumericalFailure(
        "the log-density is not finite where the search for a mode starts; move --initial-mean to "
        "where it is");
  }
  for (std::int64_t iteration = 0; iteration < kMostSteps; ++iteration) {
    const Local local = look(target, x);
    // Damps until a step goes up by a share of what it promises; then trusts a little more again.
    for (;; damping = std::max(4 * damping, kLeastDamping)) {
      const NewtonStep newton = newton_step(local, damping);
      if (damping == 0.0 && newton.step.defined() && newton.decrement <= kDecrement) {
        const Tensor mode = x + newton.step;  // squares what error there is
        return finish(mode, look(target, mode), iteration + 1);
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
      if (damping > kMostDamping) return finish(x, local, iteration);  // rounding ends the climb
    }
  }
  throw NumericalFailure(
      fmt::format("no mode was found in {} Newton steps: the density grows without end, or very "
                  "slowly; use another sampler, or start elsewhere with --initial-mean",
                  kMostSteps));
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
