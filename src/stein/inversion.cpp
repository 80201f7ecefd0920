#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "pair_function.hpp"

namespace ergon::stein {
namespace {

constexpr std::int64_t kLargestNewtonDim = 64;
constexpr std::int64_t kFewPoints = 64;  // of a set, to solve all sets together
constexpr char kWhat[] = "stein::invert";

// Points still on their way: one set's, or those of all R sets.
struct Work {
  PairInputs in;      // in.x: (R, k, D) the current guesses
  Tensor y;           // (R, k, D)
  Tensor scale;       // (R, k)  1 + ‖y‖
  Tensor row;         // (k)  their places, where R = 1
  Tensor difference;  // (R, k, D)  T(x) - y
  Tensor residual;    // (R, k)
};

Work start(const PairInputs& in) {
  Work work;
  work.in = in;
  work.y = in.x;
  work.scale = 1 + at::linalg_vector_norm(work.y, 2, {-1});
  work.row = at::arange(in.x.size(1), in.x.options().dtype(at::kLong));
  return work;
}

struct Settings {
  double rate;  // α
  double tolerance;
  bool newton;
};

void evaluate(Work& work) {
  const Tensor at_x = pair_result(work.in, PairQuantity::kField).field;
  work.difference = work.in.x + work.in.step.reshape({-1, 1, 1}) * at_x - work.y;
  work.residual = at::linalg_vector_norm(work.difference, 2, {-1}) / work.scale;
}

Work selected(const Work& work, const Tensor& index) {
  Work rest = work;
  rest.in.x = work.in.x.index_select(1, index);
  rest.y = work.y.index_select(1, index);
  rest.scale = work.scale.index_select(1, index);
  rest.row = work.row.index_select(0, index);
  rest.difference = work.difference.index_select(1, index);
  rest.residual = work.residual.index_select(1, index);
  return rest;
}

// x ← y - ε φ(x) = x - (T(x) - y), which reduces the residual by the factor α for certain.
void fixed_point_step(Work& work) {
  work.in.x = work.in.x - work.difference;
  evaluate(work);
}

// Newton's step where it reduces the residual by α too, the fixed-point step elsewhere. (28)
void newton_step(Work& work, double rate) {
  const PairInverse at_x = pair_inverse(work.in);
  Work trial = work;
  trial.in.x = work.in.x - at::matmul(at_x.inverse, work.difference.unsqueeze(-1)).squeeze(-1);
  evaluate(trial);
  const Tensor worse = (trial.residual <= rate * work.residual).logical_not();
  work.in.x = at::where(worse.unsqueeze(-1), work.in.x, trial.in.x);
  const Tensor fallback = worse[0].nonzero().squeeze(-1);
  Work other = selected(work, fallback);
  work.difference = trial.difference;
  work.residual = trial.residual;
  if (fallback.numel() == 0) return;
  fixed_point_step(other);
  work.in.x.index_copy_(1, fallback, other.in.x);
  work.difference.index_copy_(1, fallback, other.difference);
  work.residual.index_copy_(1, fallback, other.residual);
}

// Iterations after which a residual of at most `residual` is below the tolerance, with some to
// spare for rounding.
std::int64_t promised_iterations(double residual, const Settings& settings) {
  if (!(residual > settings.tolerance)) return 1;
  if (settings.rate <= 0) return 4;
  const double needed = std::log(settings.tolerance / residual) / std::log(settings.rate);
  return 10 + static_cast<std::int64_t>(std::min(1.5 * needed, 1e7));
}

[[noreturn]] void throw_not_converged(const Work& work, std::int64_t done, double tolerance) {
  throw NumericalFailure(fmt::format(
      "{}: {} points keep a residual of up to {} after {} iterations, above the tolerance {}; the "
      "step size may be too near the certified bound, or the tolerance below the rounding error",
      kWhat, work.residual.numel(), work.residual.max().item<double>(), done, tolerance));
}

// Solves one set into out (n, D); returns the iterations of the slowest point.
std::int64_t solve(Work work, const Settings& settings, const Tensor& out, const Tensor& residual) {
  evaluate(work);
  const std::int64_t limit = promised_iterations(work.residual.max().item<double>(), settings);
  for (std::int64_t done = 0;; ++done) {
    const Tensor finished = (work.residual[0] <= settings.tolerance);
    const Tensor ended = finished.nonzero().squeeze(-1);
    out.index_copy_(0, work.row.index_select(0, ended), work.in.x[0].index_select(0, ended));
    residual.index_copy_(0, work.row.index_select(0, ended),
                         work.residual[0].index_select(0, ended));
    if (ended.numel() == work.row.numel()) return done;
    if (ended.numel() > 0) work = selected(work, finished.logical_not().nonzero().squeeze(-1));
    if (done >= limit) throw_not_converged(work, done, settings.tolerance);
    if (settings.newton) {
      newton_step(work, settings.rate);
    } else {
      fixed_point_step(work);
    }
  }
}

// The guess `a` at rows where `chosen` (R, k), else `b`.
Work merged(const Tensor& chosen, const Work& a, const Work& b) {
  Work work = a;
  work.in.x = at::where(chosen.unsqueeze(-1), a.in.x, b.in.x);
  work.difference = at::where(chosen.unsqueeze(-1), a.difference, b.difference);
  work.residual = at::where(chosen, a.residual, b.residual);
  return work;
}

// Many small sets: every pass is over all of them, and points that have arrived stay where they
// are. rate: (R).
Work solve_together(const PairInputs& in, const Tensor& rate, Settings settings, Inverted& found) {
  Work work = start(in);
  evaluate(work);
  settings.rate = rate.max().item<double>();
  const std::int64_t limit = promised_iterations(work.residual.max().item<double>(), settings);
  for (std::int64_t done = 0;; ++done) {
    const Tensor finished = work.residual <= settings.tolerance;
    found.iterations = done;
    if (finished.all().item<bool>()) return work;
    if (done >= limit) throw_not_converged(work, done, settings.tolerance);
    Work next = work;
    if (settings.newton) {
      const PairInverse at_x = pair_inverse(work.in);
      next.in.x = work.in.x - at::matmul(at_x.inverse, work.difference.unsqueeze(-1)).squeeze(-1);
      evaluate(next);
    }
    const Tensor good = next.residual <= rate.unsqueeze(-1) * work.residual;
    if (!settings.newton || !good.logical_or(finished).all().item<bool>()) {
      Work safe = work;
      fixed_point_step(safe);
      next = settings.newton ? merged(good, next, safe) : safe;
    }
    work = merged(finished, work, next);
  }
}

PairInputs set_of(const PairInputs& in, std::int64_t set) {
  PairInputs one{in.x.narrow(0, set, 1),    in.points.narrow(0, set, 1), in.score.narrow(0, set, 1),
                 in.beta.narrow(0, set, 1), in.step.narrow(0, set, 1),   in.alive};
  if (in.alive.defined()) one.alive = in.alive.narrow(0, set, 1);
  return one;
}

}  // namespace

Inverted invert(const Support& support,
                const Tensor& step_size,
                const Tensor& y,
                double tolerance) {
  const at::NoGradGuard no_grad;
  const PairInputs in = pair_inputs(support, step_size, y, kWhat);
  require_certified(in, kWhat);
  const double ulp = in.x.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                       : std::numeric_limits<float>::epsilon();
  const Tensor lipschitz = lipschitz_bound({in.points, in.score, in.beta.pow(-0.5), in.alive});
  const Tensor rate = at::where(in.step == 0, at::zeros_like(lipschitz), in.step.abs() * lipschitz);
  require((rate < 1).all().item<bool>(),
          "{}: the step size times the Lipschitz bound is {}: it must be below 1 for an inverse to "
          "be found; take a smaller step size",
          kWhat, rate.max().item<double>());
  Tensor solution = in.x.clone();
  Tensor residual = at::zeros({in.x.size(0), in.x.size(1)}, in.x.options());
  Inverted found;
  Settings settings{0.0, std::max(tolerance, 16 * ulp), in.x.size(2) <= kLargestNewtonDim};
  if (in.x.size(0) > 1 && in.x.size(1) > 0 && in.x.size(1) <= kFewPoints) {
    const Work work = solve_together(in, rate, settings, found);
    solution = work.in.x;
    residual = work.residual;
  } else {
    for (std::int64_t set = 0; set < in.x.size(0) && in.x.size(1) > 0; ++set) {
      settings.rate = rate[set].item<double>();
      const auto iterations = solve(start(set_of(in, set)), settings, solution[set], residual[set]);
      found.iterations = std::max(found.iterations, iterations);
    }
  }
  found.points = solution.reshape(y.sizes());
  found.residual = residual.reshape(y.sizes().slice(0, y.dim() - 1));
  found.log_det = push_forward(support, step_size, found.points).log_det;
  return found;
}

}  // namespace ergon::stein
