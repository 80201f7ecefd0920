#include "ergon/density/target.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <functional>
#include <map>

#include "ergon/core/errors.hpp"
#include "ergon/density/banana.hpp"
#include "ergon/density/brownian.hpp"
#include "ergon/density/correlated_mixture.hpp"
#include "ergon/density/double_wells.hpp"
#include "ergon/density/funnel.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/density/hypercube_mixture.hpp"
#include "ergon/density/log_gaussian_cox.hpp"
#include "ergon/density/logistic.hpp"
#include "ergon/density/mixture.hpp"
#include "ergon/density/particle_system.hpp"
#include "ergon/density/phi4.hpp"
#include "ergon/density/planar_robot.hpp"
#include "ergon/density/published_posteriors.hpp"
#include "ergon/density/ring.hpp"
#include "ergon/density/seeds.hpp"
#include "ergon/density/student_t_mixture.hpp"
#include "ergon/density/torchscript.hpp"
#include "ergon/density/u1_lattice.hpp"

namespace ergon {
namespace {

using Factory = std::function<std::unique_ptr<Target>(const TargetOptions&)>;

std::unique_ptr<Target> make_funnel(const TargetOptions& options) {
  return std::make_unique<Funnel>(options.dim.value_or(10), options.scale.value_or(3.0));
}

std::unique_ptr<Target> make_banana(const TargetOptions& options) {
  return std::make_unique<Banana>(options.dim.value_or(2), options.scale.value_or(2.0),
                                  options.curvature.value_or(0.5));
}

std::unique_ptr<Target> make_planar_robot(const TargetOptions& options) {
  return std::make_unique<PlanarRobot>(options.goals.value_or(1));
}

std::unique_ptr<Target> make_phi4(const TargetOptions& options) {
  return std::make_unique<Phi4>(options.lattice.value_or(14), options.mass_squared.value_or(-4.75),
                                options.coupling.value_or(5.1));
}

std::unique_ptr<Target> make_u1_lattice(const TargetOptions& options) {
  return std::make_unique<U1Lattice>(options.lattice.value_or(8), options.beta.value_or(1.0));
}

std::unique_ptr<Target> make_ring(const TargetOptions& options) {
  return std::make_unique<Ring>(options.radius.value_or(3.0), options.stddev.value_or(0.25));
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> by_name = {
      {"gaussian", make_gaussian},
      {"standard-normal", make_gaussian},
      {"gaussian-worked", make_gaussian},
      {"gaussian-thin", make_gaussian},
      {"mixture-4", make_mixture},
      {"mixture-25", make_mixture},
      {"gmm40", make_mixture},
      {"mixture", make_mixture},
      {"funnel", make_funnel},
      {"banana", make_banana},
      {"many-well", make_double_wells},
      {"double-well", make_double_wells},
      {"ring", make_ring},
      {"logistic", make_logistic},
      {"brownian", [](const TargetOptions&) { return std::make_unique<Brownian>(); }},
      {"seeds", [](const TargetOptions&) { return std::make_unique<Seeds>(); }},
      {"mixture-student-t", make_student_t_mixture},
      {"mixture-64",
       [](const TargetOptions& options) {
         return std::make_unique<HypercubeMixture>(options.dim.value_or(6));
       }},
      {"challenging-mixture", make_challenging_mixture},
      {"planar-robot", make_planar_robot},
      {"dw4", make_particle_system},
      {"lennard-jones-13", make_particle_system},
      {"lennard-jones-55", make_particle_system},
      {"phi4", make_phi4},
      {"u1-lattice", make_u1_lattice},
      {"german-credit", make_published_posterior},
      {"breast-cancer", make_published_posterior},
      {"ionosphere", make_published_posterior},
      {"sonar", make_published_posterior},
      {"finnish-pines", make_finnish_pines},
      {"torchscript",
       [](const TargetOptions& options) {
         return std::make_unique<TorchScriptDensity>(options.model_file, options.dim);
       }},
  };
  return by_name;
}

}  // namespace

std::optional<Tensor> Target::sample(std::int64_t /*count*/, Generator /*generator*/) const {
  return std::nullopt;
}

std::optional<Tensor> Target::modes() const { return std::nullopt; }

void Target::require_points(const Tensor& x) const {
  require(x.dim() >= 1 && x.size(-1) == dim(),
          "target '{}' has dimension {}, so points must be (..., {}), not ({})", name(), dim(),
          dim(), fmt::join(x.sizes(), ", "));
}

std::unique_ptr<Target> make_target(const TargetOptions& options) {
  options.validate();
  const auto found = factories().find(options.name);
  ERGON_CHECK(found != factories().end(), "target '{}' has no factory", options.name);
  return found->second(options);
}

}  // namespace ergon
