// A density known up to its normaliser, a Stein flow fitted to it, and what the flow gives: log Z
// with a standard error, fresh independent draws with their exact log-density, and the log-density
// of any point.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "ergon/core/runtime.hpp"
#include "ergon/learn/flow_estimates.hpp"
#include "ergon/learn/reverse_kl.hpp"
#include "ergon/sampler/parameters.hpp"

namespace {

/// x1 ~ N(0, 2²), x2 ~ N(x1²/4, 1), times 10: log Z = log 10.
class Bent final : public ergon::LogDensity {
 public:
  std::int64_t dim() const override { return 2; }
  ergon::Tensor log_density(const ergon::Tensor& x) const override {
    const auto x1 = x.select(-1, 0), x2 = x.select(-1, 1);
    return -x1.pow(2) / 8 - (x2 - x1.pow(2) / 4).pow(2) / 2 - std::log(2 * M_PI * 2) +
           std::log(10.0);
  }
};

}  // namespace

int main() {
  ergon::start_runtime(/*threads=*/1);
  const Bent target;
  const ergon::Seed seed(1);

  ergon::SamplerOptions options = ergon::sampler_preset(ergon::SamplerKind::kSteinFlow);
  options.steps.steps = 10;
  options.particles = 50;
  options.initial.stddev = 2;
  ergon::FitOptions fit_options;
  fit_options.iterations = 100;
  ergon::ReverseKlFit fit(target, options, fit_options,
                          ergon::starting_parameters(options, 2, seed.child("parameters")),
                          {seed.child("fit"), seed.child("run")});
  while (!fit.finished()) fit.step();

  const ergon::FlowOptions flow_options;
  ergon::Run run(target, options, fit.best_parameters(), seed.child("run"), {flow_options.safety});
  while (run.status() == ergon::RunStatus::kRunning) run.step();
  const auto flows = ergon::flows_of(run, flow_options);
  const auto estimates =
      ergon::estimate_with_flows(flows, target, flow_options, seed.child("draws"));
  fmt::print("log Z {:.4f} +- {:.4f}, exactly {:.4f}; ESS {:.0f} % of {} draws, k-hat {:.2f}\n",
             estimates.log_z.value, estimates.log_z.standard_error, std::log(10.0),
             100 * estimates.ess_share, estimates.draws, estimates.pareto_k);
  for (const auto& reason : ergon::reasons_for_distrust(estimates)) fmt::print("{}\n", reason);

  const auto draws = flows[0].sample_with_log_prob(3, seed.child("more").generator());
  const auto again = flows[0].log_prob(draws.particles);  // by inversion
  fmt::print("log q of three draws differs by {:.1e} from that by inversion\n",
             (draws.log_q - again).abs().max().item<double>());
}
