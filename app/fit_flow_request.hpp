#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/option_json.hpp"
#include "ergon/density/target_options.hpp"
#include "ergon/flow/options.hpp"
#include "ergon/learn/normalizing_flow_fit_options.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon::app {

/// What a file of samples is, by its first bytes.
enum class SamplesKind {
  kTable,   ///< CSV
  kArrays,  ///< NPZ
  kImages   ///< IDX, also compressed
};

/// Throws InvalidInput naming the path: missing, a folder, or empty.
SamplesKind samples_kind(const std::string& path);

/// The points that a flow is fitted to by forward KL.
struct FlowDataOptions {
  std::string samples;           ///< CSV, NPZ or IDX; empty: none
  std::string array;             ///< NPZ: the member; empty: chosen
  std::int64_t image_pool = 1;   ///< IDX: side of the squares that are averaged, >= 1
  std::string held_out_samples;  ///< a file like `samples`; empty: a share of its rows
  std::string test_samples;      ///< a file like `samples` that decides nothing; empty: none
  double held_out_share = 0.1;   ///< of the rows of `samples`, in (0, 1)
  std::int64_t train_draws = 0;  ///< exact draws of the target, 0 or >= 2

  /// Throws InvalidInput naming the option, its value and the rule it breaks.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field.
template <class Self, class Visitor>
void visit_flow_data_fields(Self& self, Visitor&& visit) {
  visit("samples", self.samples,
        "points to learn from, one a row: CSV, NPZ, or images in IDX (also .gz)");
  visit("samples-array", self.array,
        "NPZ: the array (default: 'samples' or 'x', else the first with two axes)");
  visit("image-pool", self.image_pool, "IDX: average squares of this many pixels a side");
  visit("held-out-samples", self.held_out_samples,
        "file like --samples that decides which iteration is best");
  visit("test-samples", self.test_samples,
        "file like --samples that is looked at once, at the end");
  visit("held-out-share", self.held_out_share,
        "share of the rows of --samples that is held out to decide that");
  visit("train-draws", self.train_draws,
        "instead of --samples: this many exact draws of TARGET, and --held-out-draws more");
}

/// What a fit of a flow computes: everything that decides its numbers. Kept in result.json and in
/// checkpoints.
struct FitFlowSettings {
  TargetOptions target;  ///< name empty: none
  FlowDataOptions data;
  NormalizingFlowOptions flow;
  NormalizingFlowFitOptions fit;
  /// Images: fewer levels than flow.levels where their sides cannot be halved so often. Settled,
  /// and no part of JSON, once the files are read.
  bool levels_may_shrink = false;
  Precision precision = Precision::kSingle;
  std::int64_t draws = 10000;  ///< of the fitted flow, for the estimates and samples.npz, >= 2
  std::int64_t gradient_batches = 0;  ///< batches of the comparison of gradients, 0 or >= 2
  bool export_script = false;         ///< flow.pt
  std::uint64_t seed = 0;
  int threads = 1;
  bool figures = true;  ///< pictures and report.html

  bool has_target() const { return !target.name.empty(); }
  bool has_data() const { return !data.samples.empty() || data.train_draws > 0; }
};

/// Calls visit(name, reference, help) for what belongs to no other block.
template <class Self, class Visitor>
void visit_fit_flow_fields(Self& self, Visitor&& visit) {
  visit("precision", self.precision, "numbers of the flow and its training");
  visit("draws", self.draws,
        "draws of the fitted flow, for the estimates and samples.npz (1000 without TARGET)");
  visit(
      "gradient-batches", self.gradient_batches,
      "compare the variances of plain and path gradients at the fitted flow over this many batches "
      "(0: not)");
  visit("export", self.export_script, "also flow.pt, the flow as a TorchScript file");
}

/// A fit of a flow and where and how it is carried out: all that the engine is told.
struct FitFlowRequest {
  FitFlowSettings settings;
  std::string out;                 ///< the run's folder
  bool overwrite = false;          ///< an earlier run in `out` may be replaced
  bool resume = false;             ///< continue from out/checkpoint
  bool quiet = false;              ///< no progress on stderr
  double checkpoint_every = 30.0;  ///< seconds, >= 0; 0: after every iteration
};

/// {"target", "data", "flow", "fit", "run"}: the block `options` of result.json.
Json to_json(const FitFlowSettings& settings);
/// The reverse. Throws InvalidInput naming `context`.
FitFlowSettings fit_flow_settings_from_json(const Json& json, const std::string& context);

/// "mixture-4-realnvp", "patients-maf": the folder of a run without --out.
std::string fit_flow_folder_name(const FitFlowSettings& settings);

/// An estimate of a result.json of `ergon fit-flow`, its name for people, and the exact value where
/// known, else null.
struct LabelledEstimate {
  std::string label;
  Json estimate;
  Json known;
};
/// Those that there are.
std::vector<LabelledEstimate> fit_flow_estimates(const Json& result);

/// The settings from folder/checkpoint/options.json. Throws InvalidInput: no checkpoint, not one of
/// ours, a file that the run reads has changed since.
FitFlowSettings read_fit_flow_checkpoint(const std::string& folder);
/// Also notes size and checksum of every file that the run reads.
void write_fit_flow_checkpoint(const std::string& folder, const FitFlowSettings& settings);

}  // namespace ergon::app
