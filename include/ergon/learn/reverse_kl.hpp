#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/learn/options.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon {

/// One iteration of a fit.
struct FitRow {
  std::int64_t iteration = 0;  ///< 1-based
  double objective = 0.0;  ///< mean log q^L - mean log p̄(x^L) on the iteration's own draws; a bound
                           ///< on -log Z: for stein-flow exactly, else in the limit ε → 0
  double gradient_norm = 0.0;  ///< before the cut
  double learning_rate = 0.0;
  double held_out = 0.0;  ///< objective on held-out draws; NaN between evaluations
};

/// The columns of a fit's trace for CSV and checkpoints, in the order of FitRow's fields.
const std::vector<std::string>& fit_columns();
std::vector<double> to_numbers(const FitRow& row);
FitRow fit_row_from_numbers(const double* numbers);

/// Minimises the reverse KL divergence E[log q^L(x) - log p̄(x)] over q⁰, bandwidths and step sizes
/// by reparameterised gradients through all L steps (MATH: docs/maths/reverse_kl.md) with Adam. For
/// stein-flow q^L is the flow's exact density at fresh draws, for the others that at the particles.
/// Stepped from outside; can be saved between any two iterations, and goes on to the same bits. An
/// iteration whose gradient is not finite changes nothing and is counted.
class ReverseKlFit {
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
  ~ReverseKlFit();

  bool finished() const;
  void step();
  const std::vector<FitRow>& trace() const;
  std::int64_t skipped() const;  ///< iterations with a gradient that was not finite
  /// The parameters with the lowest objective on held-out draws so far.
  NamedTensors best_parameters() const;
  double best_objective() const;

  NamedTensors checkpoint() const;
  void restore(const NamedTensors& checkpoint, const std::string& context);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ergon
