// A normalizing flow trained on a density of one's own by path gradients: RealNVP learns a banana
// whose normaliser is known, and gives independent draws, log Z by importance weights, and a
// TorchScript file that Python reads. Prints the effective sample size before and after.
#include "ergon/flow/normalizing_flow.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>

#include "ergon/core/runtime.hpp"
#include "ergon/estimate/importance.hpp"
#include "ergon/learn/normalizing_flow_fit.hpp"

namespace {

/// p̄(x) = exp(-x₁²/2 - 2 (x₂ - x₁²/2)²); Z = 2π / 2 = π.
class Banana : public ergon::LogDensity {
 public:
  std::int64_t dim() const override { return 2; }
  ergon::Tensor log_density(const ergon::Tensor& x) const override {
    const auto x1 = x.select(-1, 0);
    const auto x2 = x.select(-1, 1);
    return -0.5 * x1.square() - 2 * (x2 - 0.5 * x1.square()).square();
  }
};

ergon::WeightedDraws weighted(const ergon::NormalizingFlow& flow, const ergon::LogDensity& target) {
  const at::NoGradGuard no_grad;
  const ergon::Draws draws = flow.sample_with_log_prob(20'000, ergon::Seed(5).generator());
  const auto log_density = target.log_density(draws.particles);
  return {log_density - draws.log_q, log_density};
}

}  // namespace

int main() {
  ergon::start_runtime(/*threads=*/1);
  const Banana banana;
  const ergon::Seed seed(1);
  const auto options = ergon::normalizing_flow_preset(ergon::FlowArchitecture::kRealNvp);
  ergon::NormalizingFlow flow(options, banana.dim(), at::kFloat, seed.child("flow").generator());
  const double ess_before = ergon::importance_estimates(weighted(flow, banana)).ess_share;

  ergon::NormalizingFlowFitOptions fit_options;  // the fast path gradient of the reverse KL
  fit_options.iterations = 300;
  fit_options.batch = 200;
  ergon::NormalizingFlowFit fit(flow, &banana, std::nullopt, fit_options, seed.child("fit"));
  while (!fit.finished()) fit.step();
  flow.set_parameters(fit.best_parameters(), "the fit");

  const auto after = ergon::importance_estimates(weighted(flow, banana));
  fmt::print("effective sample size {:.2f} of the draws before, {:.2f} after\n", ess_before,
             after.ess_share);
  fmt::print("log Z {:.4f} +- {:.4f}, exactly {:.4f}\n", after.log_z.value,
             after.log_z.standard_error, std::log(M_PI));
  ergon::export_torchscript(flow, "banana_flow.pt");
}
