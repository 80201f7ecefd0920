// Plain SVGD on a mixture of four Gaussians: step a sampler by hand, and count how many particles
// found each mode.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "ergon/core/runtime.hpp"
#include "ergon/density/target.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/stein_samplers.hpp"

int main() {
  ergon::start_runtime(/*threads=*/1);
  ergon::TargetOptions target_options;
  target_options.name =
      "mixture-4";  // means on a circle of radius 4, at 0, 90, 180 and 270 degrees
  const auto target = ergon::make_target(target_options);
  const ergon::Seed seed(1);

  ergon::SamplerOptions options = ergon::sampler_preset(ergon::SamplerKind::kSvgd);
  options.step_size.value = 0.5;
  options.initial.stddev = 3.0;
  const ergon::Svgd sampler(options);

  // A sampler is an immutable rule: a state goes in, a new state and what is worth knowing about
  // the step come out.
  const at::NoGradGuard no_grad;
  const auto initial = ergon::InitialDistribution::from_options(options.initial, target->dim(),
                                                                seed.child("initial"));
  const ergon::Draws start =
      initial.sample_sets(/*sets=*/1, /*particles=*/200, seed.child("particles").generator());
  ergon::State state = sampler.init(*target, start.particles, start.log_q);
  for (std::uint64_t step = 0; step < 300; ++step) {
    ergon::Transition next = sampler.step(*target, state, seed.child("step", step).generator());
    state = std::move(next.state);
    if ((step + 1) % 100 == 0) {
      fmt::print("step {:3}: root mean square velocity {:.4f}\n", step + 1,
                 next.info.velocity_norm.mean().item<double>());
    }
  }

  // The mode of a particle is the quadrant between the diagonals in which it lies.
  const ergon::Tensor x = state.particles.select(-1, 0);
  const ergon::Tensor y = state.particles.select(-1, 1);
  const ergon::Tensor modes[] = {x > y.abs(), y > x.abs(), -x > y.abs(), -y > x.abs()};
  bool all = true;
  for (const auto& mode : modes) {
    const auto count = mode.sum().item<std::int64_t>();
    all = all && count > 20;
    fmt::print("{} particles\n", count);
  }
  fmt::print("{}\n", all ? "all four modes are found" : "a mode was missed");
}
