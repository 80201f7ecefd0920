// Fitting MET-SVGD from C++: q0, bandwidths and step sizes are moved until the particles' own
// density matches the target. Prints the entropy before and after beside the exact one.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "ergon/core/runtime.hpp"
#include "ergon/density/target.hpp"
#include "ergon/estimate/estimate.hpp"
#include "ergon/learn/reverse_kl.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/run.hpp"

namespace {

ergon::Estimate entropy_of(const ergon::Target& target,
                           const ergon::SamplerOptions& options,
                           const ergon::NamedTensors& parameters,
                           ergon::Seed seed) {
  ergon::Run run(target, options, parameters, seed);
  while (run.status() == ergon::RunStatus::kRunning) run.step();
  return ergon::mean_over_sets(-run.state().log_q, run.state().alive);
}

}  // namespace

int main() {
  ergon::start_runtime(/*threads=*/1);
  ergon::TargetOptions target_options;
  target_options.name = "gaussian-worked";
  const auto target = ergon::make_target(target_options);
  const ergon::Seed seed(1);

  ergon::SamplerOptions options = ergon::sampler_preset(ergon::SamplerKind::kMetSvgd);
  options.steps.steps = 10;
  options.initial.stddev = 2.45;
  ergon::FitOptions fit_options;
  fit_options.iterations = 60;
  fit_options.particles = 40;

  const auto start = ergon::starting_parameters(options, target->dim(), seed.child("parameters"));
  ergon::ReverseKlFit fit(*target, options, fit_options, start,
                          {seed.child("fit"), seed.child("run")});
  while (!fit.finished()) fit.step();

  const auto before = entropy_of(*target, options, start, seed.child("run"));
  const auto after = entropy_of(*target, options, fit.best_parameters(), seed.child("run"));
  fmt::print("starting entropy {:.3f} +- {:.3f}\n", before.value, before.standard_error);
  fmt::print("learned entropy {:.3f} +- {:.3f}, exact {:.3f}\n", after.value, after.standard_error,
             *target->known().entropy);
}
