#pragma once

#include <cstdint>
#include <string>

#include "ergon/core/option_json.hpp"
#include "ergon/density/target_options.hpp"
#include "ergon/flow/options.hpp"
#include "ergon/learn/options.hpp"
#include "ergon/sampler/flow_options.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon::app {

/// Whether and how the run's draws are compared with the target.
struct MetricOptions {
  bool metrics = false;
  std::int64_t draws = 1000;  ///< of the run, and of the reference, 25 … 5000
  std::string reference;      ///< .npz or .csv of draws, for targets without an exact sampler

  /// Throws InvalidInput.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field.
template <class Self, class Visitor>
void visit_metric_fields(Self& self, Visitor&& visit) {
  visit("metrics", self.metrics,
        "compare the draws with the target: W2, MMD, kernel Stein discrepancy, mode coverage");
  visit("metric-draws", self.draws, "draws that are compared");
  visit("reference-draws", self.reference,
        "draws of the target to compare with (.npz, .csv) where it has no exact sampler");
}

/// What a run computes: everything that decides its numbers. Kept in result.json and in
/// checkpoints.
struct RunSettings {
  TargetOptions target;
  SamplerOptions sampler;
  NormalizingFlowOptions normalizing_flow;  ///< of the sampler `flow`
  FitOptions fit;
  FlowOptions flow;
  MetricOptions metrics;
  std::uint64_t seed = 0;
  int threads = 1;       ///< of a pass over particles and of a tensor operation
  bool figures = true;   ///< pictures and report.html
  bool animate = false;  ///< particles.gif, for targets in two dimensions
  std::string fitted;    ///< .npz with the parameters of an earlier fit that is reused; empty: none
  std::string fitted_target;  ///< what that fit was made for, as target_text; empty: no `fitted`,
                              ///< or not known
};

/// A run and where and how it is carried out: all that the engine is told.
struct SampleRequest {
  RunSettings settings;
  std::string out;                 ///< the run's folder
  bool overwrite = false;          ///< an earlier run in `out` may be replaced
  bool resume = false;             ///< continue from out/checkpoint
  bool quiet = false;              ///< no progress on stderr
  double checkpoint_every = 30.0;  ///< seconds, >= 0; 0: after every iteration and step
};

/// {"target", "sampler", "flow", "fit", "estimate", "metrics", "run"}: the block `options` of
/// result.json. "flow" is null but for the sampler of that name.
Json to_json(const RunSettings& settings);

/// The reverse. Throws InvalidInput naming `context`.
RunSettings settings_from_json(const Json& json, const std::string& context);

/// Whether the value of this option of a target is the path of a file.
bool names_a_file(const std::string& target_option);

/// Whether the run is recorded as a flow, from whose draws log Z, entropy and ELBO are estimated.
bool records_flow(const RunSettings& settings);

/// Why result.json holds no estimates, in a sentence.
std::string why_nothing_is_estimated(const Json& result);

/// A target in words of the command line: "mixture-4 --radius 6.0", without what is at its default.
std::string target_text(const TargetOptions& options);

/// The sampler's block alone: {"name", every option}.
Json sampler_to_json(const SamplerOptions& options);
SamplerOptions sampler_from_json(const Json& json, const std::string& context);

/// "error / s.e.": how many standard errors an estimate of result.json is from the known value, as
/// "+1.2"; "-" where that does not exist.
std::string standardized_error(const Json& estimate, const Json& known);

/// Parses a JSON file of ours. Throws InvalidInput naming the path, also for text that is not JSON.
Json read_json_file(const std::string& path);

/// Files of a run's folder.
std::string result_path(const std::string& folder);
std::string checkpoint_folder(const std::string& folder);
std::string checkpoint_options_path(const std::string& folder);
std::string checkpoint_state_path(const std::string& folder);

/// The run's settings from folder/checkpoint/options.json. Throws InvalidInput: no checkpoint, not
/// one of ours, a file that the target is read from has changed since.
RunSettings read_checkpoint_settings(const std::string& folder);
/// Also notes size and checksum of every file that the target is read from.
void write_checkpoint_settings(const std::string& folder, const RunSettings& settings);

}  // namespace ergon::app
