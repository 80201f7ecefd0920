#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/enum_names.hpp"

/// Options of the Stein flow and of the estimates from its draws; free of tensors.
namespace ergon {

enum class EstimateSource { kFlow, kParticles };
enum class FlowDeterminant { kAuto, kDense, kLowRank, kSeries };
enum class DefensiveProposal { kNone, kInitial, kWide, kStudentT };

/// How log Z, entropy and ELBO are estimated from fresh draws through the recorded steps of a run.
struct FlowOptions {
  EstimateSource estimate = EstimateSource::kFlow;
  std::int64_t draws = 10000;  ///< fresh draws, over all sets together, >= 2
  double safety = 0.95;  ///< a recorded step size is cut to this share of the certified bound,
                         ///< in (0, 1)
  FlowDeterminant determinant = FlowDeterminant::kAuto;
  std::int64_t series_terms = 8;   ///< series: terms that are always taken, >= 1
  std::int64_t series_probes = 4;  ///< series: probes, >= 1
  DefensiveProposal defensive = DefensiveProposal::kStudentT;
  double defensive_share = 0.05;  ///< share of the draws that come from it, in (0, 1)
  double defensive_scale = 1.5;   ///< wide, student-t: scale of the flow's draws times this, > 0

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field: the one list behind the command line, TOML
/// and JSON.
template <class Self, class Visitor>
void visit_flow_fields(Self& self, Visitor&& visit) {
  visit("estimate", self.estimate, "what log Z, entropy and ELBO are estimated from");
  visit("draws", self.draws, "flow: fresh independent draws, over all sets together");
  visit("flow-safety", self.safety,
        "flow: step sizes are cut to this share of the certified bound");
  visit("flow-determinant", self.determinant, "flow: how log-determinants are obtained");
  visit("flow-terms", self.series_terms, "flow, series: terms that are always taken");
  visit("flow-probes", self.series_probes, "flow, series: probes per draw and step");
  visit("defensive", self.defensive, "flow: a second proposal mixed in against heavy weights");
  visit("defensive-share", self.defensive_share, "flow: share of the draws that come from it");
  visit("defensive-scale", self.defensive_scale,
        "wide, student-t: its scale as a multiple of that of the flow's draws");
}

// clang-format off
template <> struct EnumNames<EstimateSource> { static const std::vector<EnumName<EstimateSource>>& all(); };
template <> struct EnumNames<FlowDeterminant> { static const std::vector<EnumName<FlowDeterminant>>& all(); };
template <> struct EnumNames<DefensiveProposal> { static const std::vector<EnumName<DefensiveProposal>>& all(); };
// clang-format on

}  // namespace ergon
