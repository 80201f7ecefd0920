#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/flow/flow_gradient.hpp"
#include "ergon/learn/fit.hpp"
#include "ergon/learn/normalizing_flow_fit_options.hpp"

namespace ergon {

/// Points to learn from. float32, float64, or uint8 (images).
struct TrainingData {
  Tensor train;                  ///< (n, D)
  Tensor held_out;               ///< (m, D)  decides what is best and when to stop
  Tensor train_context = {};     ///< (n, C)  of a conditional flow
  Tensor held_out_context = {};  ///< (m, C)
  double dequantisation = 0.0;  ///< width of uniform noise that is added afresh at every iteration:
                                ///< 1 for integers (Theis, van den Oord, Bethge 2016)
};

/// Trains a flow: reverse KL on its own draws, or forward KL on data, by the estimator that the
/// options name. What the flow learns from data at its start (actnorm) it learns from the first
/// batch. The flow's parameters change with every step.
class NormalizingFlowFit final : public Fit {
 public:
  /// The flow and the target (nullptr: none) must outlive the fit. data: for the forward
  /// estimators. Batches run through a fresh permutation of the data in every epoch. Throws
  /// InvalidInput: options that do not validate, an estimator without its target or data, shapes
  /// that do not fit, data that are not finite or that the flow gives density zero.
  NormalizingFlowFit(NormalizingFlow& flow,
                     const LogDensity* target,
                     std::optional<TrainingData> data,
                     const NormalizingFlowFitOptions& options,
                     Seed seed);
  ~NormalizingFlowFit() override;

  /// All iterations are done, or `patience` ran out.
  bool finished() const override;
  /// Whether `patience` ran out.
  bool stopped_early() const;
  void step() override;
  const std::vector<FitRow>& trace() const override;
  std::int64_t skipped() const override;
  NamedTensors best_parameters() const override;
  double best_objective() const override;
  /// The iteration of best_parameters; 0: the start.
  std::int64_t best_iteration() const;
  NamedTensors checkpoint() const override;
  void restore(const NamedTensors& checkpoint, const std::string& context) override;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ergon
