#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "ergon/flow/normalizing_flow.hpp"
#include "flow/layer_cases.hpp"

namespace ergon::testing {

/// Options of a small flow and its dimension.
struct FlowCase {
  std::string name;
  NormalizingFlowOptions options;
  std::int64_t dim = 4;
};

inline void PrintTo(const FlowCase& flow, std::ostream* out) { *out << flow.name; }

/// A flow of few and small layers.
inline NormalizingFlowOptions small_flow(FlowArchitecture architecture) {
  NormalizingFlowOptions options = normalizing_flow_preset(architecture);
  options.layers = 2;
  options.network.hidden = 6;
  options.network.hidden_layers = 1;
  options.network.activation = Activation::kTanh;  // smooth, for second derivatives
  options.bins = 4;
  options.levels = 1;
  options.support = FlowSupport::kReal;
  return options;
}

template <class Change>
FlowCase flow_case(const std::string& name,
                   FlowArchitecture architecture,
                   std::int64_t dim,
                   Change change) {
  FlowCase flow{name, small_flow(architecture), dim};
  change(flow.options);
  return flow;
}

/// Every architecture, every mask, every mixing, every support; with and without a context.
inline std::vector<FlowCase> flow_cases() {
  using Options = NormalizingFlowOptions;
  std::vector<FlowCase> cases;
  for (const auto& entry : EnumNames<FlowArchitecture>::all()) {
    std::string name(entry.name);
    for (char& letter : name) letter = letter == '-' ? '_' : letter;
    const std::int64_t dim = entry.value == FlowArchitecture::kGlow ? 16 : 4;
    cases.push_back({name, small_flow(entry.value), dim});
    cases.push_back(flow_case(name + "_context", entry.value, dim,
                              [](Options& options) { options.context_dim = 2; }));
  }
  const auto realnvp = FlowArchitecture::kRealNvp;
  cases.push_back(flow_case("realnvp_halves_3d", realnvp, 3,
                            [](Options& o) { o.mask = CouplingMask::kHalves; }));
  cases.push_back(flow_case("realnvp_checkerboard", realnvp, 9,
                            [](Options& o) { o.mask = CouplingMask::kCheckerboard; }));
  cases.push_back(flow_case("realnvp_reverse", realnvp, 5,
                            [](Options& o) { o.mixing = FlowMixing::kReverse; }));
  cases.push_back(flow_case("realnvp_shuffle", realnvp, 5,
                            [](Options& o) { o.mixing = FlowMixing::kShuffle; }));
  cases.push_back(flow_case("realnvp_linear_box", realnvp, 4, [](Options& o) {
    o.mixing = FlowMixing::kLinear;
    o.support = FlowSupport::kBox;
    o.lower = -2;
    o.upper = 3;
  }));
  cases.push_back(flow_case("realnvp_linear_context", realnvp, 4, [](Options& o) {
    o.mixing = FlowMixing::kLinear;
    o.context_dim = 2;
  }));
  cases.push_back(flow_case("maf_pixels", FlowArchitecture::kMaf, 4,
                            [](Options& o) { o.support = FlowSupport::kPixels; }));
  cases.push_back(flow_case("iaf_1d", FlowArchitecture::kIaf, 1, [](Options&) {}));
  cases.push_back(flow_case("spline_maf_1d", FlowArchitecture::kSplineMaf, 1, [](Options&) {}));
  return cases;
}

/// The flow with random parameters, under a context if it takes one.
inline NormalizingFlow perturbed_flow(const FlowCase& flow, at::ScalarType type, double stddev) {
  const Seed seed(17);
  const NormalizingFlow made(flow.options, flow.dim, type, seed.generator());
  perturb_parameters(made.layers(), stddev, seed.child("perturbation"));
  if (flow.options.context_dim == 0) return made;
  return made.given(at::linspace(-1, 1, flow.options.context_dim, at::kDouble));
}

/// Path of a file in the tests' temporary folder, this process's own, that is gone with the object.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& name)
      : path_(fmt::format("{}ergon_flow_{}_{}", ::testing::TempDir(), getpid(), name)) {}
  ~ScratchFile() { std::remove(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ergon::testing
