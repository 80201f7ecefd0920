#include "ergon/sampler/flow_options.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kMost = 1'000'000'000;  // of draws; memory ends below

void require_count(const char* field, std::int64_t value, std::int64_t least) {
  require(value >= least && value <= kMost, "--{} must be at least {} and at most {}, got {}",
          field, least, kMost, value);
}

void require_share(const char* field, double value) {
  require(value > 0 && value < 1, "--{} must lie between 0 and 1, both excluded, got {}", field,
          value);
}

}  // namespace

void FlowOptions::validate() const {
  require_count("draws", draws, 2);
  require_share("flow-safety", safety);
  require_count("flow-terms", series_terms, 1);
  require_count("flow-probes", series_probes, 1);
  require_share("defensive-share", defensive_share);
  require(defensive_scale > 0 && std::isfinite(defensive_scale),
          "--defensive-scale must be positive, got {}", defensive_scale);
}

const std::vector<EnumName<EstimateSource>>& EnumNames<EstimateSource>::all() {
  static const std::vector<EnumName<EstimateSource>> names = {
      {EstimateSource::kFlow, "flow", "importance weights of fresh draws through the Stein flow"},
      {EstimateSource::kParticles, "particles",
       "the particles themselves, with the density the sampler tracks"}};
  return names;
}

const std::vector<EnumName<FlowDeterminant>>& EnumNames<FlowDeterminant>::all() {
  static const std::vector<EnumName<FlowDeterminant>> names = {
      {FlowDeterminant::kAuto, "auto", "the cheaper of the two exact ones, dense and low-rank"},
      {FlowDeterminant::kDense, "dense", "elimination on D x D, exact"},
      {FlowDeterminant::kLowRank, "low-rank",
       "matrix-determinant lemma, elimination on M x M, exact; for more dimensions than particles"},
      {FlowDeterminant::kSeries, "series",
       "power series with random probes, unbiased; for an ELBO where D and M are both large"}};
  return names;
}

const std::vector<EnumName<DefensiveProposal>>& EnumNames<DefensiveProposal>::all() {
  static const std::vector<EnumName<DefensiveProposal>> names = {
      {DefensiveProposal::kNone, "none", "draws come from the flow alone"},
      {DefensiveProposal::kInitial, "initial", "q0"},
      {DefensiveProposal::kStudentT, "student-t",
       "Student's t with 4 degrees of freedom and mean and covariance of the flow's draws"},
      {DefensiveProposal::kWide, "wide",
       "a Gaussian with the mean of the flow's draws and --defensive-scale times their spread"}};
  return names;
}

}  // namespace ergon
