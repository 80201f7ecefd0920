#include <gtest/gtest.h>

#include "ergon/learn/options.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon::testing {
namespace {

TEST(LearnFitOptions, PresetsAreValidAndOnlyAFlowIsFittedUnasked) {
  for (const auto& entry : EnumNames<SamplerKind>::all()) {
    const FitOptions options = fit_preset(entry.value);
    EXPECT_NO_THROW(options.validate()) << entry.name;
    EXPECT_EQ(options.iterations > 0, entry.value == SamplerKind::kFlow) << entry.name;
  }
}

TEST(LearnFitOptions, AFlowsPresetIsThatOfTheDocumentation) {
  const FitOptions options = fit_preset(SamplerKind::kFlow);
  EXPECT_EQ(options.iterations, 2000);
  EXPECT_EQ(options.draws, 500);
  EXPECT_EQ(options.evaluate_every, 50);
  EXPECT_EQ(options.learning_rate, 1e-3);
  EXPECT_EQ(options.final_learning_rate, 1e-5);
}

}  // namespace
}  // namespace ergon::testing
