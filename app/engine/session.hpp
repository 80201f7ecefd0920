#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/progress.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/density/target.hpp"
#include "ergon/learn/fit.hpp"
#include "ergon/learn/flow_estimates.hpp"
#include "ergon/sampler/run.hpp"
#include "sample_request.hpp"
#include "sampler_flow.hpp"

namespace ergon::app {

/// What a fit left behind.
struct FitRecord {
  std::vector<FitRow> trace;
  double objective = 0.0;    ///< the lowest one on held-out draws
  std::int64_t skipped = 0;  ///< iterations whose gradient was not finite
  EvaluationCounts evaluations;
  double seconds = 0.0;
};

/// The particles of the first set at some step, for the animation.
struct Frame {
  std::int64_t step = 0;
  Tensor particles;  ///< (M, D) float64
};

/// The run read as flows, one per set, and what their draws say.
struct FlowRecord {
  std::vector<SteinFlow> flows;
  std::optional<FlowEstimates> estimates;
  std::string failure;  ///< why there are no estimates; empty: there are
};

enum class SessionEnd { kComplete, kInterrupted, kTooManyNonfinite, kNotArrived };

/// A fit (when asked for), a run, and the estimates from its flow (when it is recorded), carried
/// out in a folder with checkpoints: stopped at any moment and resumed, it ends with the same bits
/// as one that was never stopped.
class Session {
 public:
  /// All must outlive the session. `folder` exists.
  Session(const SampleRequest& request, const Target& target, std::string folder);

  /// Before carry_out: starts from the parameters in this file of an earlier fit instead of the
  /// starting ones, without a fit. Throws InvalidInput naming it: they are none of this sampler
  /// and target.
  void use_fitted(const std::string& path);
  /// Before carry_out: builds the fit or the run, which evaluates the target at the first
  /// particles. Throws InvalidInput.
  void prepare();
  /// Instead of `prepare`: goes back to the checkpoint in the folder. Throws InvalidInput: missing,
  /// damaged or foreign.
  void resume();
  /// Writes the checkpoint from which `resume` goes on.
  void save() const;
  /// Fits, runs and draws. Checkpoints now and then, before the draws, and before it returns early.
  SessionEnd carry_out();

  const Run& run() const { return *run_; }
  const std::optional<FitRecord>& fit() const { return fit_record_; }
  /// After carry_out, where the run is recorded (records_flow).
  const std::optional<FlowRecord>& flow() const { return flow_record_; }
  /// Where the sampler is `flow`.
  const std::optional<SamplerFlow>& normalizing_flow() const { return normalizing_flow_; }
  /// After carry_out, where the sampler is `flow`.
  const UpperBound& upper_bound() const { return upper_bound_; }
  const std::vector<Frame>& frames() const { return frames_; }
  EvaluationCounts evaluations() const { return density_.counts(); }
  double seconds() const;

 private:
  const RunSettings& settings() const { return request_.settings; }
  ProgressStyle progress_style() const;
  NamedTensors starting_or_given() const;
  std::unique_ptr<Fit> make_fit();
  void require_room_for_record() const;
  std::unique_ptr<Run> make_run(NamedTensors parameters) const;
  void begin_run(NamedTensors parameters);
  template <class Step>
  void step_or_save(const Step& step) const;
  SessionEnd carry_out_fit();
  void finish_fit();
  SessionEnd carry_out_run();
  SessionEnd carry_out_draws();
  void keep_frame();
  Tensor exact_draws(std::int64_t count) const;

  NamedTensors checkpoint() const;
  void save_when_due();
  void restore_fit(const NamedTensors& saved, const std::string& context);
  void restore_run(const NamedTensors& saved, const std::string& context);

  const SampleRequest& request_;
  const Target& target_;
  std::string folder_;
  Seed seed_;
  CountingDensity density_;
  NamedTensors parameters_;  ///< of an earlier fit; empty: none
  std::optional<SamplerFlow> normalizing_flow_;
  UpperBound upper_bound_;
  std::unique_ptr<Fit> fitting_;
  std::unique_ptr<Run> run_;
  std::optional<FitRecord> fit_record_;
  std::optional<FlowRecord> flow_record_;
  std::vector<Frame> frames_;
  double seconds_before_ = 0.0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point saved_ = started_;
};

/// fit.json: the options that learned parameters belong to.
void write_fit_options(const std::string& folder,
                       const RunSettings& settings,
                       std::int64_t dim,
                       const FitRecord& record);

/// That, and fit.npz: the parameters.
void write_fit(const std::string& folder,
               const RunSettings& settings,
               std::int64_t dim,
               const FitRecord& record,
               const NamedTensors& parameters);

}  // namespace ergon::app
