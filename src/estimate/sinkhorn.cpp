#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/optimal_transport.hpp"
#include "pair_moments.hpp"

namespace ergon {
namespace {

constexpr double kCoarseTolerance = 0.1;  // of marginals while ε comes down
constexpr int kCoarseIterations = 20;

struct Plan {
  double value = 0;  // OT_ε
  double marginal_error = 0;
  std::int64_t iterations = 0;
};

// Iterations on dual potentials f (n) and g (m), (D18). Where both samples are the same the
// potentials are, and the mean of old and new converges fast.
class Sinkhorn {
 public:
  Sinkhorn(const Tensor& a, const Tensor& b, bool same)
      : costs_(at::cdist(a, b, 2.0, 2).square_()),
        f_(at::zeros({a.size(0)}, at::kDouble)),
        g_(at::zeros({b.size(0)}, at::kDouble)),
        same_(same) {}

  double largest_cost() const { return costs_.max().item<double>(); }

  /// One iteration with over-relaxation; returns the larger of Σ |row sums - 1/n| and the same of
  /// columns, each just before its potential moves.
  double iterate(double epsilon, double relaxation) {
    const Tensor f = soft_minimum(costs_, g_, epsilon);
    const double of_rows = deviation(f_, f, epsilon);
    if (same_) {
      f_ = g_ = (f_ + f) / 2;
      return of_rows;
    }
    f_ = f_ + relaxation * (f - f_);
    const Tensor g = soft_minimum(costs_.t(), f_, epsilon);
    const double of_columns = deviation(g_, g, epsilon);
    g_ = g_ + relaxation * (g - g_);
    return std::max(of_rows, of_columns);
  }

  /// The dual objective where the rows of the plan sum to 1/n exactly.
  double value(double epsilon) const {
    const Tensor f = soft_minimum(costs_, g_, epsilon);
    return (f.mean() + g_.mean()).item<double>();
  }

 private:
  // Σ |marginal - uniform| of a potential, by what the other potential asks it to be.
  static double deviation(const Tensor& potential, const Tensor& asked, double epsilon) {
    return ((potential - asked) / epsilon).expm1_().abs_().mean().item<double>();
  }

  // -ε log (1/m) Σ_j exp((g_j - C_ij)/ε) -> (rows of C)
  static Tensor soft_minimum(const Tensor& costs, const Tensor& g, double epsilon) {
    const double log_count = std::log(static_cast<double>(g.numel()));
    return -epsilon * (((g - costs) / epsilon).logsumexp(1) - log_count);
  }

  Tensor costs_, f_, g_;
  bool same_;
};

// Over-relaxation ω (Thibault et al. 2017) from how fast the error has fallen: near the solution
// one iteration multiplies it by μ with (μ + ω - 1)² = μ λ ω², λ the factor at ω = 1, and
// ω = 2 / (1 + √(1 - λ)) is best (Young's theory of successive over-relaxation). (D19)
class Relaxation {
 public:
  double value() const { return omega_; }
  void observe(double error) {
    if (++seen_ % kWindow != 0) return;
    const double factor = std::pow(error / previous_, 1.0 / kWindow);
    previous_ = error;
    settling_ = !settling_;  // a new ω changes the error by itself at first
    if (settling_) return;
    if (!(factor < 1)) {
      omega_ = 1;
      return;
    }
    const double root = (factor + omega_ - 1) / omega_;
    const double of_plain = std::min(root * root / factor, kSlowest);
    omega_ = 2 / (1 + std::sqrt(1 - of_plain));
  }

 private:
  static constexpr int kWindow = 20;
  static constexpr double kSlowest = 0.9999;
  double omega_ = 1, previous_ = 1;
  std::int64_t seen_ = 0;
  bool settling_ = false;
};

Plan solve(Sinkhorn& sinkhorn,
           const SinkhornOptions& options,
           const std::function<void()>& after_iteration) {
  Plan plan;
  Relaxation relaxation;
  double epsilon = std::max(sinkhorn.largest_cost(), options.epsilon);
  plan.marginal_error = 2;
  while (plan.iterations < options.max_iterations) {
    const bool coarse = epsilon > options.epsilon;
    const double tolerance = coarse ? kCoarseTolerance : options.marginal_tolerance;
    const auto limit =
        coarse ? std::min<std::int64_t>(plan.iterations + kCoarseIterations, options.max_iterations)
               : options.max_iterations;
    do {
      plan.marginal_error = sinkhorn.iterate(epsilon, relaxation.value());
      if (!coarse) relaxation.observe(plan.marginal_error);
      ++plan.iterations;
      after_iteration();
    } while (!(plan.marginal_error <= tolerance) && plan.iterations < limit);
    if (!coarse) break;
    epsilon = std::max(epsilon / 2, options.epsilon);
  }
  if (epsilon > options.epsilon || !(plan.marginal_error <= options.marginal_tolerance))
    throw NumericalFailure(fmt::format(
        "Sinkhorn's iterations for ε = {} left marginals off by {:.2g} after {} of them, more than "
        "{:.2g}: allow more iterations, or take a larger ε",
        options.epsilon, plan.marginal_error, plan.iterations, options.marginal_tolerance));
  plan.value = sinkhorn.value(options.epsilon);
  return plan;
}

}  // namespace

void SinkhornOptions::validate() const {
  require(epsilon > 0 && std::isfinite(epsilon), "a Sinkhorn divergence needs a positive ε, got {}",
          epsilon);
  require(marginal_tolerance > 0,
          "the marginal tolerance of a Sinkhorn divergence must be positive, got {}",
          marginal_tolerance);
  require(max_iterations >= 1, "a Sinkhorn divergence got {} iterations: allow at least 1",
          max_iterations);
}

SinkhornDivergence sinkhorn_divergence(const Tensor& a,
                                       const Tensor& b,
                                       const SinkhornOptions& options,
                                       const TransportProgress& progress) {
  options.validate();
  const Tensor x = checked_draws(a, "sinkhorn_divergence", 1);
  const Tensor y = checked_draws(b, "sinkhorn_divergence", 1);
  require(x.size(1) == y.size(1),
          "sinkhorn_divergence compares draws in as many dimensions, got {} and {}", x.size(1),
          y.size(1));
  const auto plan_of = [&](const Tensor& from, const Tensor& to, double done) {
    Sinkhorn sinkhorn(from, to, from.is_same(to));
    return solve(sinkhorn, options, [&] {
      if (progress) progress(done);
    });
  };
  const Plan within_a = plan_of(x, x, 0.0);
  const Plan within_b = plan_of(y, y, 0.25);
  const Plan across = plan_of(x, y, 0.5);
  if (progress) progress(1.0);
  SinkhornDivergence result;
  result.transport = across.value;
  result.value = across.value - within_a.value / 2 - within_b.value / 2;
  result.marginal_error =
      std::max({across.marginal_error, within_a.marginal_error, within_b.marginal_error});
  result.iterations = across.iterations + within_a.iterations + within_b.iterations;
  return result;
}

}  // namespace ergon
