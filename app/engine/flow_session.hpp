#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ergon/core/progress.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/flow/normalizing_flow.hpp"
#include "flow_findings.hpp"
#include "flow_input.hpp"

namespace ergon::app {

enum class FlowSessionEnd { kComplete, kInterrupted, kTooManySkipped };

/// The training of a flow and the estimates from its draws, carried out in a folder with
/// checkpoints: stopped at any moment and resumed, it ends with the same bits as one that was never
/// stopped.
class FlowSession {
 public:
  /// All must outlive the session. `folder` exists. Throws InvalidInput: what the flow or the fit
  /// refuses.
  FlowSession(const FitFlowRequest& request, const FlowInput& input, std::string folder);

  /// Instead of a fresh start: goes back to the checkpoint in the folder. Throws InvalidInput:
  /// missing, damaged or foreign.
  void resume();
  /// Writes the checkpoint from which `resume` goes on.
  void save() const;
  /// Trains, takes the best parameters, and draws. Checkpoints now and then, before the draws, and
  /// before it returns early.
  FlowSessionEnd carry_out();

  /// After carry_out: with the best parameters.
  const NormalizingFlow& flow() const { return flow_; }
  const NormalizingFlowFit& fit() const { return *fit_; }
  /// After carry_out.
  const FlowFindings& findings() const { return *findings_; }
  /// Of the target, training and estimates together; none without one.
  std::optional<EvaluationCounts> evaluations() const;
  double seconds() const;
  /// Those of the training alone.
  double training_seconds() const { return training_seconds_; }

 private:
  const FitFlowSettings& settings() const { return request_.settings; }
  ProgressStyle progress_style() const;
  FlowSessionEnd train();
  bool too_many_skipped() const;
  FlowSessionEnd draw();
  void save_when_due();

  const FitFlowRequest& request_;
  const FlowInput& input_;
  std::string folder_;
  Seed seed_;
  NormalizingFlow flow_;
  std::unique_ptr<CountingDensity> density_;  ///< nullptr: no target
  std::unique_ptr<NormalizingFlowFit> fit_;
  std::optional<FlowFindings> findings_;
  double seconds_before_ = 0.0;
  double training_seconds_ = 0.0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point saved_ = started_;
};

}  // namespace ergon::app
