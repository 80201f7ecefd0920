#include "ergon/sampler/flow_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>
#include <string>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void expect_refused(const std::string& field, const std::function<void(FlowOptions&)>& change) {
  FlowOptions options;
  change(options);
  try {
    options.validate();
    ADD_FAILURE() << field << " was accepted";
  } catch (const InvalidInput& problem) {
    EXPECT_THAT(problem.what(), ::testing::HasSubstr("--" + field + " "));
  }
}

TEST(SamplerFlowOptions, DefaultsAndExtremesAreValid) {
  EXPECT_NO_THROW(FlowOptions().validate());
  FlowOptions options;
  options.draws = 2;
  options.safety = 0.999;
  options.series_terms = options.series_probes = 1;
  options.defensive_share = 1e-9;
  options.defensive_scale = 1e-9;
  EXPECT_NO_THROW(options.validate());
}

TEST(SamplerFlowOptions, EveryRuleNamesItsFieldWhenBroken) {
  expect_refused("draws", [](FlowOptions& o) { o.draws = 1; });
  expect_refused("flow-terms", [](FlowOptions& o) { o.series_terms = 0; });
  expect_refused("flow-probes", [](FlowOptions& o) { o.series_probes = 0; });
  for (const double share : {0.0, 1.0, -0.1, 1.5, kNan}) {
    expect_refused("flow-safety", [=](FlowOptions& o) { o.safety = share; });
    expect_refused("defensive-share", [=](FlowOptions& o) { o.defensive_share = share; });
  }
  for (const double scale : {0.0, -1.0, kNan, kInfinity})
    expect_refused("defensive-scale", [=](FlowOptions& o) { o.defensive_scale = scale; });
}

template <class Enum>
void expect_names_lead_back() {
  std::set<std::string> names;
  for (const auto& entry : EnumNames<Enum>::all()) {
    EXPECT_EQ(from_name<Enum>("option", entry.name), entry.value);
    EXPECT_FALSE(entry.meaning.empty()) << entry.name;
    names.emplace(entry.name);
  }
  EXPECT_EQ(names.size(), EnumNames<Enum>::all().size());
}

TEST(SamplerFlowOptions, EveryChoiceHasAWordOfItsOwnAndAMeaning) {
  expect_names_lead_back<EstimateSource>();
  expect_names_lead_back<FlowDeterminant>();
  expect_names_lead_back<DefensiveProposal>();
  EXPECT_EQ(to_name(DefensiveProposal::kWide), "wide");
  EXPECT_EQ(to_name(FlowDeterminant::kLowRank), "low-rank");
}

}  // namespace
}  // namespace ergon
