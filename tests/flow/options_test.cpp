#include "ergon/flow/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ergon/core/option_json.hpp"

namespace ergon {
namespace {

using ::testing::HasSubstr;

NormalizingFlowOptions preset(FlowArchitecture architecture) {
  return normalizing_flow_preset(architecture);
}

std::string refusal(const NormalizingFlowOptions& options, std::int64_t dim = 0) {
  try {
    options.validate(dim);
  } catch (const InvalidInput& problem) {
    return problem.what();
  }
  return "";
}

TEST(FlowOptions, EveryPresetIsValid) {
  for (const auto& entry : EnumNames<FlowArchitecture>::all()) {
    const NormalizingFlowOptions options = preset(entry.value);
    EXPECT_EQ(options.architecture, entry.value);
    EXPECT_EQ(refusal(options, 64), "") << entry.name;
  }
}

TEST(FlowOptions, TheCatalogueDescribesEveryArchitectureOnce) {
  std::set<FlowArchitecture> met;
  for (const FlowDescription& entry : flow_catalogue()) {
    EXPECT_TRUE(met.insert(entry.architecture).second);
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_FALSE(entry.reference.empty());
  }
  EXPECT_EQ(met.size(), EnumNames<FlowArchitecture>::all().size());
}

TEST(FlowOptions, EveryFieldIsTakenBySomeArchitecture) {
  NormalizingFlowOptions options;
  visit_normalizing_flow_fields(options, [](const char* name, const auto&, const char*) {
    bool taken = false;
    for (const auto& entry : EnumNames<FlowArchitecture>::all()) {
      taken = taken || takes_flow_option(entry.value, name);
    }
    EXPECT_TRUE(taken) << name;
  });
}

TEST(FlowOptions, AnArchitectureTakesWhatItReads) {
  EXPECT_TRUE(takes_flow_option(FlowArchitecture::kRealNvp, "flow-log-scale-bound"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kRealNvp, "flow-bins"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kNice, "flow-log-scale-bound"));
  EXPECT_TRUE(takes_flow_option(FlowArchitecture::kSplineIaf, "flow-tail"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kMaf, "flow-mask"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kPlanar, "flow-hidden"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kRadial, "flow-mixing"));
  EXPECT_TRUE(takes_flow_option(FlowArchitecture::kGlow, "flow-levels"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kRealNvp, "flow-levels"));
  EXPECT_TRUE(takes_flow_option(FlowArchitecture::kPlanar, "flow-support"));
  EXPECT_FALSE(takes_flow_option(FlowArchitecture::kGlow, "no-such-option"));
}

TEST(FlowOptions, AreTheSameAfterAWayThroughJson) {
  NormalizingFlowOptions options = preset(FlowArchitecture::kSplineMaf);
  options.network = {17, 3, Activation::kSilu};
  options.support = FlowSupport::kBox;
  options.upper = 2.5;
  Json json;
  visit_normalizing_flow_fields(options, JsonWriter{json});
  NormalizingFlowOptions back;
  JsonReader reader(json, "test");
  visit_normalizing_flow_fields(back, reader);
  Json again;
  visit_normalizing_flow_fields(back, JsonWriter{again});
  EXPECT_EQ(again, json);
  EXPECT_EQ(back.network.hidden, 17);
  EXPECT_EQ(back.support, FlowSupport::kBox);
}

TEST(FlowOptions, AFieldOutOfItsRangeIsNamedWithItsValue) {
  struct Fault {
    void (*change)(NormalizingFlowOptions&);
    const char* message;
  };
  const Fault faults[] = {
      {[](auto& o) { o.layers = 0; }, "--flow-layers must be between 1 and 1000, got 0"},
      {[](auto& o) { o.network.hidden = 0; }, "--flow-hidden must be between 1 and"},
      {[](auto& o) { o.network.hidden_layers = -1; }, "--flow-hidden-layers must be between 1 and"},
      {[](auto& o) { o.log_scale_bound = 0; }, "--flow-log-scale-bound must be positive, got 0"},
      {[](auto& o) { o.log_scale_bound = 11; }, "--flow-log-scale-bound must not exceed 10"},
      {[](auto& o) { o.bins = 1; }, "--flow-bins must be between 2 and 500, got 1"},
      {[](auto& o) { o.bins = 501; }, "--flow-bins must be between 2 and 500, got 501"},
      {[](auto& o) { o.tail = -1; }, "--flow-tail must be positive, got -1"},
      {[](auto& o) { o.upper = o.lower; }, "--flow-upper must be finite and exceed --flow-lower"},
      {[](auto& o) { o.lower = -1.0 / 0.0; }, "--flow-lower must be finite"},
      {[](auto& o) { o.context_dim = -1; }, "the size of a flow's context must be between 0"},
      {[](auto& o) { o.channels = 0; }, "--flow-channels must be between 1 and"},
      {[](auto& o) { o.rows = -1; }, "--flow-rows must be between 0 and"},
      {[](auto& o) { o.levels = 0; }, "--flow-levels must be between 1 and"}};
  for (const Fault& fault : faults) {
    NormalizingFlowOptions options;
    fault.change(options);
    EXPECT_THAT(refusal(options), HasSubstr(fault.message));
  }
}

TEST(FlowOptions, CouplingsInOneDimensionAreRefusedWithWhatToUse) {
  for (const auto architecture :
       {FlowArchitecture::kRealNvp, FlowArchitecture::kNice, FlowArchitecture::kSplineCoupling}) {
    EXPECT_THAT(refusal(preset(architecture), 1), HasSubstr("in one dimension choose spline-maf"));
  }
  for (const auto architecture : {FlowArchitecture::kMaf, FlowArchitecture::kSplineIaf,
                                  FlowArchitecture::kPlanar, FlowArchitecture::kRadial}) {
    EXPECT_EQ(refusal(preset(architecture), 1), "");
  }
}

TEST(FlowOptions, ADimensionThatIsNoLatticeIsRefused) {
  NormalizingFlowOptions options = preset(FlowArchitecture::kRealNvp);
  options.mask = CouplingMask::kCheckerboard;
  EXPECT_EQ(refusal(options, 16), "");
  EXPECT_THAT(refusal(options, 12), HasSubstr("no square: say how many rows"));
  options.rows = 3;
  EXPECT_EQ(refusal(options, 12), "");
  EXPECT_THAT(refusal(options, 16), HasSubstr("cannot be divided into --flow-rows 3"));
  options.channels = 5;
  EXPECT_THAT(refusal(options, 12), HasSubstr("cannot be divided into --flow-channels 5"));
  options.channels = 12;
  options.rows = 1;
  EXPECT_THAT(refusal(options, 12), HasSubstr("a lattice of at least 2 sites"));
}

TEST(FlowOptions, GlowHasOnlyAsManyLevelsAsTheImageCanBeHalved) {
  NormalizingFlowOptions options = preset(FlowArchitecture::kGlow);
  EXPECT_EQ(refusal(options, 28 * 28), "");
  EXPECT_THAT(refusal(options, 14 * 14), HasSubstr("--flow-levels must be at most 1 for images"));
  options.levels = 1;
  EXPECT_EQ(refusal(options, 14 * 14), "");
  EXPECT_THAT(refusal(options, 49), HasSubstr("halves the sides of an image"));
  options.channels = 3;
  options.levels = 5;
  EXPECT_EQ(refusal(options, 3 * 32 * 32), "");
}

}  // namespace
}  // namespace ergon
