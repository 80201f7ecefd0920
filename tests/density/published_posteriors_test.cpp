#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "density/importance.hpp"
#include "density/targets.hpp"
#include "ergon/core/csv.hpp"
#include "ergon/core/files.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::named;

struct Recipe {
  std::string name;
  std::string file;
  Scaling scaling;
  double prior_scale;
  std::int64_t dim;
  double log_z;
  double error;
};

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all = {
      {"german-credit", "german_credit", Scaling::kScale, 10, 25, -585.097, 0.002},
      {"breast-cancer", "breast_cancer", Scaling::kScale, 10, 31, -77.577, 0.015},
      {"ionosphere", "ionosphere", Scaling::kStandardizeKeepConstant, 1, 35, -111.615, 0.004},
      {"sonar", "sonar", Scaling::kStandardizeKeepConstant, 1, 61, -108.392, 0.006},
  };
  return all;
}

std::unique_ptr<Target> published(const std::string& name, const std::string& file) {
  TargetOptions options = named(name);
  options.data_file = file;
  return make_target(options);
}

TEST(DensityPublishedPosterior, IsTheLogisticTargetWithItsRecipeSpeltOut) {
  for (const Recipe& recipe : recipes()) {
    const std::string file = "data/" + recipe.file + ".csv";
    ERGON_SKIP_WITHOUT_SHARED(file);
    const auto target = published(recipe.name, testing::shared_path(file));
    TargetOptions options = named("logistic");
    options.data_file = testing::shared_path(file);
    options.scaling = recipe.scaling;
    options.prior_scale = recipe.prior_scale;
    const auto logistic = make_target(options);
    EXPECT_EQ(target->name(), recipe.name);
    EXPECT_EQ(target->dim(), recipe.dim);
    const Tensor w = testing::points_for(*target, 6);
    const auto here = target->log_density_and_score(w);
    const auto there = logistic->log_density_and_score(w);
    EXPECT_TRUE(here.log_density.equal(there.log_density)) << recipe.name;
    EXPECT_TRUE(here.score.equal(there.score)) << recipe.name;
    EXPECT_FALSE(logistic->known().log_z);
    EXPECT_EQ(*target->known().log_z, recipe.log_z);
    EXPECT_EQ(target->known().log_z_standard_error, recipe.error);
  }
}

TEST(DensityPublishedPosterior, KnowsItsEvidenceForThePublishedDataAlone) {
  const std::string file = "data/ionosphere.csv";
  ERGON_SKIP_WITHOUT_SHARED(file);
  const std::string text = read_file(testing::shared_path(file));
  const std::size_t header_end = text.find('\n') + 1;
  const std::string rows = text.substr(header_end);
  const std::size_t first_end = rows.find('\n') + 1;
  const auto log_z = [](const std::string& name, const std::string& csv) {
    return published("ionosphere", testing::text_file(name, csv))->known().log_z;
  };
  EXPECT_TRUE(log_z("ion_order.csv", rows.substr(first_end) + rows.substr(0, first_end)))
      << "the rows in another order";
  EXPECT_FALSE(log_z("ion_short.csv", rows.substr(first_end))) << "a row fewer";
  std::string flipped = rows;
  char& label = flipped[first_end - 2];  // the last number of the first row
  ASSERT_TRUE(label == '0' || label == '1');
  label = label == '0' ? '1' : '0';
  EXPECT_FALSE(log_z("ion_flipped.csv", flipped)) << "another label";
  EXPECT_FALSE(published("sonar", testing::shared_path(file))->known().log_z) << "another's data";
}

TEST(DensityPublishedPosterior, SonarHasItsReferenceEvidence) {
  const std::string file = "data/sonar.csv";
  ERGON_SKIP_WITHOUT_SHARED(file);
  const auto target = published("sonar", testing::shared_path(file));
  const auto evidence = testing::laplace_importance(*target, 40000, Seed(61).generator());
  EXPECT_LT(evidence.standard_error, 0.1);
  EXPECT_NEAR(evidence.value, *target->known().log_z,
              4 * std::hypot(evidence.standard_error, target->known().log_z_standard_error));
}

}  // namespace
}  // namespace ergon
