#include "support/golden_step.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "support/golden.hpp"

namespace ergon::testing {

stein::Support GoldenStep::support() const {
  // The reference takes γ = 1 / (2σ² + 1e-8) in κ = exp(-γ r²); the bandwidth with that γ, exactly.
  return {at("x"), at("score"), (0.5 / at("gamma")).sqrt(), {}};
}

Tensor GoldenStep::log_density(const Tensor& x) const {
  if (has("gmm_mu")) {
    const Tensor standard = (x.unsqueeze(-2) - at("gmm_mu")) / at("gmm_sd");
    const double normaliser = 0.5 * static_cast<double>(x.size(-1)) * std::log(2 * M_PI);
    const Tensor each = -0.5 * standard.pow(2).sum(-1) - at("gmm_sd").log().sum(-1) - normaliser;
    return (each + at("gmm_logits").log_softmax(-1)).logsumexp(-1);
  }
  const Tensor hidden = at::tanh(at::linear(x, at("W1"), at("b1")));
  return -(at::tanh(at::linear(hidden, at("W2"), at("b2"))).matmul(at("w3")) +
           at("b3"));  // minus the energy
}

const std::vector<GoldenStep>& golden_steps() {
  static const std::vector<GoldenStep> steps = [] {
    std::vector<GoldenStep> all;
    for (const auto& path : list_shared("golden/stein_step", ".npz")) {
      all.push_back({path, load_golden(path)});
    }
    return all;
  }();
  return steps;
}

}  // namespace ergon::testing
