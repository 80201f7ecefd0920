// SVGD on a mixture of four Gaussians with the particles spread over the ranks of MPI:
//   mpirun -n 2 ergon_example_ring
// Each rank holds its own particles and asks for the scores of these alone; the ring lets each of
// them feel all the others.
#include "ergon/stein/ring.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <string>

#include "ergon/core/runtime.hpp"
#include "ergon/density/target.hpp"
#include "ergon/sampler/initial.hpp"

int main() {
  const ergon::stein::MpiSession session;
  const ergon::stein::RankRing ring;
  ergon::start_runtime(/*threads=*/1);
  ergon::TargetOptions target_options;
  target_options.name = "mixture-4";  // means on a circle of radius 4, on the axes
  const auto target = ergon::make_target(target_options);

  // Every rank draws from a stream of its own.
  const ergon::Seed seed(1);
  ergon::InitialOptions initial_options;
  initial_options.stddev = 3.0;
  const auto initial = ergon::InitialDistribution::from_options(initial_options, target->dim(),
                                                                seed.child("initial"));
  const auto rank = static_cast<std::uint64_t>(ring.rank());
  ergon::Tensor points =
      initial.sample_sets(/*sets=*/1, /*particles=*/200, seed.child("rank", rank).generator())
          .particles.squeeze(0);

  const at::NoGradGuard no_grad;
  for (int step = 0; step < 300; ++step) {
    const ergon::Tensor score = target->log_density_and_score(points).score;
    const double bandwidth = ring.median_bandwidth(points);
    points = points + 0.5 * ring.velocity({points, score}, bandwidth);
  }

  // The mode of a particle is the quadrant between the diagonals in which it lies.
  const ergon::Tensor x = points.select(-1, 0);
  const ergon::Tensor y = points.select(-1, 1);
  std::string counts;
  for (const auto& mode : {x > y.abs(), y > x.abs(), -x > y.abs(), -y > x.abs()})
    counts += fmt::format(" {}", mode.sum().item<std::int64_t>());
  fmt::print("rank {} of {}: particles in each mode:{}\n", ring.rank(), ring.size(), counts);
}
