#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstdint>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/stein/bandwidth.hpp"
#include "ergon/stein/support.hpp"

namespace ergon::bench {

/// Particles from N(0, I) with its scores and their median bandwidth, and what their operators are
/// asked for.
struct ParticleProblem {
  stein::Support support;
  Tensor probe;              ///< (..., M, D)  signs
  Tensor velocity_grad;      ///< (..., M, D)
  Tensor per_particle_grad;  ///< (..., M)

  /// From now on a graph is recorded to points, score and bandwidth.
  void require_gradients() {
    support.points.requires_grad_();
    support.score.requires_grad_();
    support.bandwidth.requires_grad_();
  }

  /// Of outputs: the velocity, then numbers per particle.
  std::vector<Tensor> gradients(const std::vector<Tensor>& outputs) const {
    std::vector<Tensor> upstream(outputs.size(), per_particle_grad);
    upstream.front() = velocity_grad;
    return torch::autograd::grad(outputs, {support.points, support.score, support.bandwidth},
                                 upstream);
  }
};

/// shape: (..., M, D).
inline ParticleProblem particle_problem(const std::vector<std::int64_t>& shape,
                                        c10::ScalarType type) {
  Generator generator = Seed(1).generator();
  const Tensor like = at::empty(shape, type);
  ParticleProblem p;
  p.support.points = draw::normal_like(like, generator);
  p.support.score = -p.support.points;
  p.support.bandwidth = stein::median_bandwidth(p.support.points);
  p.probe = draw::rademacher_like(like, generator);
  p.velocity_grad = draw::normal_like(like, generator);
  p.per_particle_grad = draw::normal_like(like.select(-1, 0), generator);
  return p;
}

}  // namespace ergon::bench
