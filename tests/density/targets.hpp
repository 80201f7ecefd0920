#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/density/particle_system.hpp"
#include "ergon/density/target.hpp"

namespace ergon::testing {

/// A target with the options that build it; `label` names the test.
struct TargetCase {
  std::string label;
  TargetOptions options;
};

inline void PrintTo(const TargetCase& target, std::ostream* out) { *out << target.label; }

/// Removes what it was told of when the program ends.
struct FilesToRemove {
  std::set<std::string> paths;
  ~FilesToRemove() {
    for (const std::string& path : paths) std::remove(path.c_str());
  }
};

/// Path of a new file in the tests' temporary folder that holds `text`, this process's own: others
/// make the same cases at the same time.
inline std::string text_file(const std::string& name, const std::string& text) {
  static FilesToRemove files;
  const std::string path =
      fmt::format("{}ergon_density_{}_{}", ::testing::TempDir(), getpid(), name);
  std::ofstream(path) << text;
  files.paths.insert(path);
  return path;
}

inline std::string test_data(const std::string& name) {
  return std::string(ERGON_SOURCE_DIR) + "/tests/data/" + name;
}

/// Data shared beside the project; may be absent.
inline std::string shared_data(const std::string& name) {
  return std::string(ERGON_SOURCE_DIR) + "/../shared/data/" + name;
}

inline TargetOptions named(const std::string& name) {
  TargetOptions options;
  options.name = name;
  return options;
}

template <class Change>
TargetCase target_case(const std::string& label, const std::string& name, Change change) {
  TargetOptions options = named(name);
  change(options);
  return {label, options};
}

/// A small data set that overlaps: 8 rows, two columns, labels 3 and 5.
inline std::string small_logistic_csv() {
  return text_file("small.csv",
                   "height,weight,outcome\n1.2,3,3\n0.4,5,3\n2.1,4,5\n1.9,1,5\n0.2,2,3\n1.1,6,5\n"
                   "2.5,2,3\n0.3,4,5\n");
}

/// Every name of the catalogue at least once, most in more than one shape.
inline std::vector<TargetCase> all_targets() {
  using Options = TargetOptions;
  const auto plain = [](Options&) {};
  const auto small_data = [](Options& o) { o.data_file = small_logistic_csv(); };
  return {
      target_case("gaussian", "gaussian", plain),
      target_case("gaussian_diagonal", "gaussian",
                  [](Options& o) {
                    o.mean = {1, -2, 3};
                    o.variances = {.5, 2, 4};
                  }),
      target_case("gaussian_dense", "gaussian",
                  [](Options& o) {
                    o.covariance_file =
                        text_file("covariance.csv", "2,0.3,0.1\n0.3,1,-0.4\n0.1,-0.4,0.7\n");
                    o.mean = {0.5};
                  }),
      target_case("standard_normal", "standard-normal", [](Options& o) { o.dim = 40; }),
      target_case("gaussian_worked", "gaussian-worked", plain),
      target_case("gaussian_thin", "gaussian-thin", plain),
      target_case("mixture_4", "mixture-4", plain),
      target_case("mixture_4_close", "mixture-4",
                  [](Options& o) {
                    o.radius = 1.5;
                    o.stddev = 0.8;
                  }),
      target_case("mixture_25", "mixture-25", plain),
      target_case("gmm40", "gmm40", plain),
      target_case("gmm40_5d", "gmm40", [](Options& o) { o.dim = 5; }),
      target_case("mixture", "mixture",
                  [](Options& o) {
                    o.means_file = text_file("means.csv", "0,0\n2,1\n-1,3\n");
                    o.weights_file = text_file("weights.csv", "1\n2\n5\n");
                    o.stddev = 0.7;
                  }),
      target_case("funnel", "funnel", plain),
      target_case("funnel_mild", "funnel",
                  [](Options& o) {
                    o.dim = 3;
                    o.scale = 0.5;
                  }),
      target_case("banana", "banana", plain),
      target_case("banana_4d", "banana",
                  [](Options& o) {
                    o.dim = 4;
                    o.scale = 3;
                    o.curvature = -0.1;
                  }),
      target_case("many_well", "many-well", plain),
      target_case("many_well_2d", "many-well", [](Options& o) { o.dim = 2; }),
      target_case("double_well", "double-well", plain),
      target_case("double_well_2d", "double-well",
                  [](Options& o) {
                    o.dim = 2;
                    o.wells = 1;
                    o.separation = 2;
                  }),
      target_case("ring", "ring", plain),
      target_case("ring_wide", "ring",
                  [](Options& o) {
                    o.radius = 2;
                    o.stddev = 0.6;
                  }),
      target_case("logistic", "logistic", [](Options& o) { o.data_file = small_logistic_csv(); }),
      target_case("brownian", "brownian", plain),
      target_case("seeds", "seeds", plain),
      target_case("mixture_student_t", "mixture-student-t", plain),
      target_case("mixture_student_t_7d", "mixture-student-t", [](Options& o) { o.dim = 7; }),
      target_case("mixture_student_t_file", "mixture-student-t",
                  [](Options& o) { o.means_file = text_file("locations.csv", "0,1,2\n-3,0,4\n"); }),
      target_case("mixture_64", "mixture-64", plain),
      target_case("mixture_64_2d", "mixture-64", [](Options& o) { o.dim = 2; }),
      target_case("challenging_mixture", "challenging-mixture", plain),
      target_case("planar_robot", "planar-robot", plain),
      target_case("planar_robot_4", "planar-robot", [](Options& o) { o.goals = 4; }),
      target_case("dw4", "dw4", plain),
      target_case("lennard_jones_13", "lennard-jones-13", plain),
      target_case("lennard_jones_55", "lennard-jones-55", plain),
      target_case("phi4", "phi4", plain),
      target_case("phi4_3x3", "phi4",
                  [](Options& o) {
                    o.lattice = 3;
                    o.mass_squared = 1;
                    o.coupling = 0.3;
                  }),
      target_case("u1_lattice", "u1-lattice", plain),
      target_case("u1_lattice_2x2", "u1-lattice",
                  [](Options& o) {
                    o.lattice = 2;
                    o.beta = 4;
                  }),
      target_case("german_credit", "german-credit", small_data),
      target_case("breast_cancer", "breast-cancer", small_data),
      target_case("ionosphere", "ionosphere", small_data),
      target_case("sonar", "sonar", small_data),
      target_case("finnish_pines", "finnish-pines",
                  [](Options& o) {
                    o.data_file = text_file("pines.csv", ",data_x,data_y\n1,0.1,0.2\n2,1,0.5\n");
                    o.grid = 4;
                  }),
      target_case("torchscript", "torchscript",
                  [](Options& o) { o.model_file = test_data("banana.pt"); }),
      target_case("torchscript_forward", "torchscript",
                  [](Options& o) {
                    o.model_file = test_data("forward_only.pt");
                    o.dim = 3;
                  }),
  };
}

/// Coordinates (count, D) of particles near the places of a cubic lattice of spacing 1.2, so that
/// no two are close.
inline Tensor spaced_particles(const ParticleSystem& system, std::int64_t count) {
  std::int64_t side = 1;
  while (std::pow(side, system.space()) < static_cast<double>(system.particles())) ++side;
  const std::vector<Tensor> lines(static_cast<std::size_t>(system.space()),
                                  at::arange(side, at::kDouble));
  const Tensor lattice = at::stack(at::meshgrid(lines, "ij"), -1)
                             .reshape({-1, system.space()})
                             .narrow(0, 0, system.particles());
  const Tensor shape = at::empty({count, system.particles(), system.space()}, at::kDouble);
  return system.coordinates(1.2 * lattice + 0.08 * draw::normal_like(shape, Seed(21).generator()));
}

/// Points (count, D) float64 where the target has something to say: exact draws where it has a
/// sampler, and N(0, 1.5²) draws.
inline Tensor points_for(const Target& target, std::int64_t count) {
  if (const auto* system = dynamic_cast<const ParticleSystem*>(&target)) {
    return spaced_particles(*system, count);
  }
  const Seed seed(20240);
  const Tensor spread = 1.5 * draw::normal_like(at::empty({count, target.dim()}, at::kDouble),
                                                seed.child("spread").generator());
  const auto exact = target.sample(count / 2, seed.child("exact").generator());
  return exact ? at::cat({*exact, spread.narrow(0, 0, count - count / 2)}) : spread;
}

}  // namespace ergon::testing
