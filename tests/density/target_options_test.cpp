#include "ergon/density/target_options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "density/targets.hpp"

namespace ergon {
namespace {

using testing::named;

std::string refusal(const TargetOptions& options) {
  try {
    options.validate();
  } catch (const InvalidInput& problem) {
    return problem.what();
  }
  return "";
}

TEST(DensityTargetOptions, AnUnknownNameListsTheTargets) {
  const std::string message = refusal(named("funel"));
  EXPECT_NE(message.find("unknown target 'funel'"), std::string::npos) << message;
  for (const auto& entry : target_catalogue()) {
    EXPECT_NE(message.find(entry.name), std::string::npos) << entry.name;
  }
  EXPECT_NE(refusal(named("")).find("no target is named"), std::string::npos);
}

TEST(DensityTargetOptions, AnOptionWithoutEffectIsRefusedNamingThoseThatHaveOne) {
  TargetOptions options = named("funnel");
  options.radius = 2.0;
  EXPECT_EQ(refusal(options), "target 'funnel' does not take 'radius'; it takes: dim, scale");
  options = named("seeds");
  options.scaling = Scaling::kNone;
  EXPECT_EQ(refusal(options), "target 'seeds' does not take 'scaling'; it takes: no options");
}

TEST(DensityTargetOptions, EveryFieldIsRefusedByTheTargetsThatDoNotTakeIt) {
  TargetOptions full;
  full.dim = 4;
  full.mean = full.variances = {1.0};
  full.covariance_file = full.means_file = full.weights_file = full.data_file = full.label_column =
      full.model_file = "a";
  full.stddev = full.radius = full.scale = full.curvature = full.separation = full.prior_scale =
      1.0;
  full.wells = full.grid = full.lattice = full.goals = 1;
  full.mass_squared = full.coupling = full.beta = 1.0;
  full.scaling = Scaling::kScale;
  full.intercept = Intercept::kNo;
  std::set<std::string_view> fields;
  visit_target_fields(full,
                      [&](std::string_view name, auto&, std::string_view) { fields.insert(name); });
  for (const auto& entry : target_catalogue()) {
    std::size_t taken = 0;
    for (const auto name : fields) {
      TargetOptions one = named(std::string(entry.name));
      visit_target_fields(one, [&](std::string_view field, auto& value, std::string_view) {
        using Value = std::decay_t<decltype(value)>;
        visit_target_fields(full, [&](std::string_view other, auto& from, std::string_view) {
          if constexpr (std::is_same_v<Value, std::decay_t<decltype(from)>>) {
            if (field == name && other == name) value = from;
          }
        });
      });
      const bool refused = refusal(one).find("does not take") != std::string::npos;
      const bool listed = std::count(entry.options.begin(), entry.options.end(), name) == 1;
      EXPECT_NE(refused, listed) << entry.name << " " << name;
      taken += listed;
    }
    EXPECT_EQ(taken, entry.options.size()) << entry.name << " lists an option that does not exist";
  }
}

struct Refusal {
  std::string name;
  std::function<void(TargetOptions&)> change;
  std::string message;
};

TEST(DensityTargetOptions, NumbersOutOfRangeAreRefusedWithTheRule) {
  using Options = TargetOptions;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<Refusal> cases = {
      {"gaussian", [](Options& o) { o.dim = 0; }, "dim = 0 must be between 1 and 100000"},
      {"gaussian", [](Options& o) { o.dim = 100001; }, "dim = 100001 must be between"},
      {"gaussian",
       [](Options& o) {
         o.variances = {1, 0};
       },
       "variances: 0 must be a finite number above 0"},
      {"gaussian", [=](Options& o) { o.mean = {kInfinity}; }, "mean: inf is not a finite number"},
      {"gaussian",
       [](Options& o) {
         o.mean = {1, 2, 3};
         o.dim = 2;
       },
       "takes 1 or 2 numbers in 'mean' and 'variances', not 3"},
      {"gaussian",
       [](Options& o) {
         o.mean = {1, 2, 3};
         o.variances = {1, 2};
       },
       "takes 1 or 3 numbers in 'mean' and 'variances', not 2"},
      {"gaussian",
       [](Options& o) {
         o.variances = {1};
         o.covariance_file = "c.csv";
       },
       "either 'variances' or 'covariance-file'"},
      {"funnel", [](Options& o) { o.dim = 1; }, "dim = 1: the funnel needs dim >= 2"},
      {"banana", [](Options& o) { o.dim = 1; }, "dim = 1: the banana needs dim >= 2"},
      {"banana", [=](Options& o) { o.curvature = kInfinity; },
       "curvature = inf must be a finite number"},
      {"funnel", [](Options& o) { o.scale = -1; }, "scale = -1 must be a finite number above 0"},
      {"many-well", [](Options& o) { o.dim = 3; },
       "dim = 3: many-well consists of pairs, so dim must be even"},
      {"double-well", [](Options& o) { o.wells = 6; }, "wells = 6 must be between 1 and dim = 5"},
      {"double-well", [](Options& o) { o.wells = 0; }, "wells = 0 must be between 1 and dim = 5"},
      {"double-well", [](Options& o) { o.separation = 2000; },
       "separation = 2000 must be at most 1000"},
      {"ring", [](Options& o) { o.radius = 0; }, "radius = 0 must be a finite number above 0"},
      {"mixture-4", [](Options& o) { o.stddev = 0; }, "stddev = 0 must be a finite number above 0"},
      {"mixture", [](Options&) {}, "target 'mixture' needs --means-file, the path of a file"},
      {"logistic", [](Options&) {}, "target 'logistic' needs --data, the path of a file"},
      {"logistic",
       [](Options& o) {
         o.data_file = "d.csv";
         o.prior_scale = 0;
       },
       "prior-scale = 0 must be"},
      {"sonar", [](Options&) {}, "target 'sonar' needs --data, the path of a file"},
      {"finnish-pines", [](Options& o) { o.grid = 0; }, "grid = 0 must be between 1 and 100"},
      {"finnish-pines", [](Options&) {}, "target 'finnish-pines' needs --data"},
      {"phi4", [](Options& o) { o.lattice = 201; }, "lattice = 201 must be between 1 and 200"},
      {"phi4", [](Options& o) { o.coupling = 0; }, "coupling = 0 must be a finite number above 0"},
      {"phi4", [=](Options& o) { o.mass_squared = -kInfinity; },
       "mass-squared = -inf must be a finite number"},
      {"u1-lattice", [](Options& o) { o.beta = -1; }, "beta = -1 must be between 0 and 500"},
      {"planar-robot", [](Options& o) { o.goals = 2; }, "goals = 2 must be 1 or 4"},
      {"mixture-student-t", [](Options& o) { o.dim = 0; }, "dim = 0 must be between"},
      {"torchscript", [](Options&) {}, "target 'torchscript' needs --model, the path of a file"},
  };
  for (const Refusal& expected : cases) {
    TargetOptions options = named(expected.name);
    expected.change(options);
    const std::string message = refusal(options);
    EXPECT_NE(message.find(expected.message), std::string::npos)
        << expected.message << "\nbut: " << message;
  }
}

TEST(DensityTargetOptions, GoodOptionsPass) {
  for (const auto& target : testing::all_targets())
    EXPECT_EQ(refusal(target.options), "") << target.label;
}

TEST(DensityTargetOptions, ChoicesHaveWordsBothWays) {
  for (const auto& entry : EnumNames<Scaling>::all()) {
    EXPECT_EQ(from_name<Scaling>("scaling", to_name(entry.value)), entry.value);
  }
  for (const auto& entry : EnumNames<Intercept>::all()) {
    EXPECT_EQ(from_name<Intercept>("intercept", to_name(entry.value)), entry.value);
  }
  EXPECT_EQ(EnumNames<Scaling>::all().size(), 5U);
  EXPECT_EQ(EnumNames<Intercept>::all().size(), 3U);
}

}  // namespace
}  // namespace ergon
