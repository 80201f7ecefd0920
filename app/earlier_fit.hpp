#pragma once

#include <string>

#include "sample_request.hpp"

/// --fitted: what an earlier fit left behind.
namespace ergon::app {

/// A fit that is reused, and the settings it was made with.
struct EarlierFit {
  std::string parameters_path;  ///< fit.npz, or the flow.npz of a normalizing flow
  RunSettings settings;         ///< no `fit`: the run makes none
  bool target_known = true;     ///< a flow.npz alone says neither what it was fitted to nor in
                                ///< which coordinates
};

/// Reads fit.json beside the parameters, or of a flow.npz alone the flow it describes. Takes a
/// run's folder, its fit.npz, or a flow.npz. Throws InvalidInput naming the path.
EarlierFit read_earlier_fit(const std::string& folder_or_file);

/// Throws InvalidInput naming the option unless what the learned parameters are shaped by, or mean
/// something with, is as it was in the fit.
void check_against_fit(const EarlierFit& fit, const RunSettings& settings);

}  // namespace ergon::app
