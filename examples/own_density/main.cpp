// A density of your own: write two functions, and every sampler and estimator takes it.
//
// The density here is that of two independent logistic variables, log p(x) = Σ_d [ -x_d - 2 log(1 +
// exp(-x_d)) ], whose normaliser (log Z = 0) and entropy (2 for each variable) are known, so that
// the printed estimates can be judged.
#include <ATen/ATen.h>

#include <cstdio>
#include <ergon/core/runtime.hpp>
#include <ergon/learn/reverse_kl.hpp>
#include <ergon/learn/summary.hpp>
#include <ergon/sampler/parameters.hpp>
#include <ergon/sampler/run.hpp>

class Logistic final : public ergon::LogDensity {
 public:
  std::int64_t dim() const override { return 2; }

  // (..., n, 2) -> (..., n); the gradient comes from automatic differentiation.
  ergon::Tensor log_density(const ergon::Tensor& x) const override {
    return (-x - 2 * at::softplus(-x)).sum(-1);
  }
};

int main() try {
  ergon::start_runtime(/*threads=*/1);
  const Logistic target;
  const ergon::Seed seed(1);

  ergon::SamplerOptions options = ergon::sampler_preset(ergon::SamplerKind::kMetSvgd);
  options.steps.steps = 5;
  ergon::FitOptions fit_options;
  fit_options.iterations = 100;

  auto parameters = ergon::starting_parameters(options, target.dim(), seed.child("parameters"));
  ergon::ReverseKlFit fit(target, options, fit_options, parameters,
                          {seed.child("fit"), seed.child("run")});
  while (!fit.finished()) fit.step();

  ergon::Run run(target, options, fit.best_parameters(), seed.child("run"));
  while (run.status() == ergon::RunStatus::kRunning) run.step();

  const ergon::RunSummary summary = ergon::summarize(run, options);
  std::printf("log Z    %7.3f +- %.3f  (exactly 0)\n", summary.log_z->value,
              summary.log_z->standard_error);
  std::printf("entropy  %7.3f +- %.3f  (exactly 4)\n", summary.entropy->value,
              summary.entropy->standard_error);
  return 0;
} catch (const ergon::InvalidInput& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
