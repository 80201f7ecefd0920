#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "ergon/core/tensor_io.hpp"

namespace ergon {

/// One iteration of a fit.
struct FitRow {
  std::int64_t iteration = 0;  ///< 1-based
  double objective = 0.0;      ///< on the iteration's own draws or data; what the fit minimises
  double gradient_norm = 0.0;  ///< before the cut
  double learning_rate = 0.0;
  double held_out = 0.0;  ///< objective on held-out draws or data; NaN between evaluations
  double held_out_ess = std::numeric_limits<double>::quiet_NaN();  ///< 1 / mean((w / mean(w))²) of
                                                                   ///< the weights p̄/q of held-out
                                                                   ///< draws; NaN where there are
                                                                   ///< none
};

/// The columns of a fit's trace for CSV and checkpoints, in the order of FitRow's fields.
const std::vector<std::string>& fit_columns();
std::vector<double> to_numbers(const FitRow& row);

/// A trace for a checkpoint, (rows, columns) float64, and back. Throws InvalidInput naming
/// `context` for a tensor that is none.
Tensor to_tensor(const std::vector<FitRow>& trace);
std::vector<FitRow> to_fit_trace(const Tensor& rows, const std::string& context);

/// The learning rate of an iteration, 1 to `iterations`: from `first` at the first to `last` at the
/// last along half a cosine.
double cosine_decay(double first, double last, std::int64_t iteration, std::int64_t iterations);

/// A minimisation by stochastic gradients that is stepped from outside, can be saved between any
/// two iterations, and goes on to the same bits. An iteration whose gradient is not finite changes
/// nothing and is counted.
class Fit {
 public:
  virtual ~Fit() = default;
  virtual bool finished() const = 0;
  virtual void step() = 0;
  virtual const std::vector<FitRow>& trace() const = 0;
  virtual std::int64_t skipped() const = 0;  ///< iterations with a gradient that was not finite
  /// The parameters with the lowest objective on held-out draws or data so far.
  virtual NamedTensors best_parameters() const = 0;
  virtual double best_objective() const = 0;
  virtual NamedTensors checkpoint() const = 0;
  /// Throws InvalidInput naming `context`: not a checkpoint of this fit.
  virtual void restore(const NamedTensors& checkpoint, const std::string& context) = 0;
};

}  // namespace ergon
