#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/learn/fit.hpp"
#include "ergon/learn/options.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon {

/// Minimises the reverse KL divergence E[log q^L(x) - log p̄(x)] over q⁰, bandwidths and step sizes
/// by reparameterised gradients through all L steps (MATH: docs/maths/reverse_kl.md) with Adam. For
/// stein-flow q^L is the flow's exact density at fresh draws, for the others that at the particles.
/// Stepped from outside; can be saved between any two iterations, and goes on to the same bits. An
/// iteration whose gradient is not finite changes nothing and is counted.
class ReverseKlFit final : public Fit {
 public:
  /// `fit` draws the particles, or the draws of a flow; `run` is the seed of the Run that will use
  /// the parameters: the support of a stein-flow is fitted as that run will have it.
  struct Seeds {
    Seed fit;
    Seed run;
  };

  /// The target must outlive the fit. Throws InvalidInput: nothing to learn under these options
  /// (says which option to change), a sampler without density, options that do not validate.
  ReverseKlFit(const LogDensity& target,
               const SamplerOptions& sampler,
               const FitOptions& fit,
               NamedTensors parameters,
               Seeds seeds);
  ~ReverseKlFit() override;

  bool finished() const override;
  void step() override;
  const std::vector<FitRow>& trace() const override;
  std::int64_t skipped() const override;
  NamedTensors best_parameters() const override;
  double best_objective() const override;
  NamedTensors checkpoint() const override;
  void restore(const NamedTensors& checkpoint, const std::string& context) override;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ergon
