#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "density/targets.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/density/logistic.hpp"
#include "ergon/density/mixture.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::named;
using testing::text_file;

struct Fault {
  std::string name;
  std::function<void(TargetOptions&)> change;
  std::string message;
};

void expect_refused(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) {
    TargetOptions options = named(fault.name);
    fault.change(options);
    try {
      make_target(options);
      ADD_FAILURE() << "not refused: " << fault.message;
    } catch (const InvalidInput& problem) {
      const std::string message = problem.what();
      EXPECT_NE(message.find(fault.message), std::string::npos)
          << fault.message << "\nbut: " << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
}

TEST(DensityTargetFiles, GaussianFaultsAreSaid) {
  using Options = TargetOptions;
  const auto covariance = [](const std::string& text) {
    return [text](Options& o) { o.covariance_file = text_file("bad_covariance.csv", text); };
  };
  expect_refused({
      {"gaussian", [](Options& o) { o.covariance_file = "nowhere.csv"; }, "nowhere.csv"},
      {"gaussian", covariance("1,0\n"),
       "a covariance is square, but the file has 1 rows and 2 columns"},
      {"gaussian", covariance("1,0.5\n0.4,1\n"),
       "bad_covariance.csv: the covariance is not symmetric"},
      {"gaussian", covariance("1,2\n2,1\n"),
       "bad_covariance.csv: the covariance is not positive definite"},
      {"gaussian",
       [&](Options& o) {
         covariance("1,0\n0,1\n")(o);
         o.dim = 3;
       },
       "the covariance is 2 x 2 but dim = 3"},
      {"gaussian",
       [&](Options& o) {
         covariance("1,0\n0,1\n")(o);
         o.mean = {1, 2, 3};
       },
       "mean has 3 numbers but the covariance in"},
  });
}

TEST(DensityTargetFiles, MixtureFaultsAreSaid) {
  using Options = TargetOptions;
  const auto mixture = [](const std::string& weights) {
    return [weights](Options& o) {
      o.means_file = text_file("two_means.csv", "0,0\n1,1\n");
      o.weights_file = text_file("bad_weights.csv", weights);
    };
  };
  expect_refused({
      {"mixture", [](Options& o) { o.means_file = "nowhere.csv"; }, "nowhere.csv"},
      {"mixture", mixture("1\n2\n3\n"),
       "expected 2 weights, one per component, in one row or one column; found 3 x 1"},
      {"mixture", mixture("1\n0\n"), "bad_weights.csv: every weight must be above 0, but one is 0"},
      {"gmm40", [](Options& o) { o.means_file = text_file("two_means.csv", "0,0\n1,1\n"); },
       "gmm40 has 40 means, one per row, but the file has 2 rows"},
  });
}

TEST(DensityTargetFiles, WeightsMayStandInARowAndAreNormalised) {
  TargetOptions options = named("mixture");
  options.means_file = text_file("two_means.csv", "0,0\n1,1\n");
  options.weights_file = text_file("row_weights.csv", "1,3\n");
  const auto target = make_target(options);
  const auto* mixture = dynamic_cast<const GaussianMixture*>(target.get());
  ASSERT_NE(mixture, nullptr);
  EXPECT_NEAR(mixture->weights()[1].item<double>(), 0.75, 1e-15);
}

TEST(DensityTargetFiles, LogisticFaultsAreSaid) {
  using Options = TargetOptions;
  const auto data = [](const std::string& text, Scaling scaling = Scaling::kDefault) {
    return [=](Options& o) {
      o.data_file = text_file("bad_data.csv", text);
      o.scaling = scaling;
    };
  };
  const std::string constant = "a,flat,y\n1,7,0\n2,7,1\n3,7,0\n";
  const std::string said = "column 'flat' has one value in every row and cannot be divided";
  expect_refused({
      {"logistic", [](Options& o) { o.data_file = "nowhere.csv"; }, "nowhere.csv"},
      {"logistic", data("a,y\n1,0\nnan,1\n"), "bad_data.csv"},
      {"logistic", data("a,y\n1,0\n2,1\n3,2\n"),
       "the label column 'y' must hold exactly two values but holds 3"},
      {"logistic", data("a,y\n1,0\n2,0\n"),
       "the label column 'y' must hold exactly two values but holds 1"},
      {"logistic", data(constant), said},
      {"logistic", data(constant, Scaling::kScale), said},
      {"logistic",
       [&](Options& o) {
         data("y\n0\n1\n")(o);
         o.intercept = Intercept::kNo;
       },
       "there is no column besides the label 'y'"},
      {"logistic",
       [&](Options& o) {
         data(constant)(o);
         o.label_column = "z";
       },
       "z"},
  });
}

LogisticData load(Scaling scaling,
                  Intercept intercept,
                  const std::string& label,
                  const std::string& csv) {
  TargetOptions options = named("logistic");
  options.data_file = csv;
  options.scaling = scaling;
  options.intercept = intercept;
  options.label_column = label;
  return load_logistic_data(options);
}

TEST(DensityTargetFiles, LogisticDataAreScaledAndLabelledAsAsked) {
  const std::string csv = text_file("scaling.csv", "y,a,flat\n9,1,7\n-4,3,7\n9,5,7\n");
  const double deviation = std::sqrt(8.0 / 3.0);
  const Tensor raw = at::tensor({1.0, 3.0, 5.0}, at::kDouble);
  const Tensor ones = at::ones({3}, at::kDouble);
  const LogisticData none = load(Scaling::kNone, Intercept::kDefault, "y", csv);
  expect_close(none.features, at::stack({ones, raw, 7.0 * ones}, 1), 1e-14, "as they are");
  EXPECT_EQ(none.names, (std::vector<std::string>{"intercept", "a", "flat"}));
  expect_close(none.labels, at::tensor({1.0, 0.0, 1.0}, at::kDouble), 0.0, "labels in order");
  const LogisticData kept = load(Scaling::kStandardizeKeepConstant, Intercept::kNo, "1", csv);
  expect_close(kept.features, at::stack({(raw - 3.0) / deviation, 0.0 * ones}, 1), 1e-14,
               "standardized");
  const std::string two = text_file("scaling2.csv", "1,0\n3,1\n5,1\n");
  const LogisticData scaled = load(Scaling::kScale, Intercept::kYes, "", two);
  expect_close(scaled.features, at::stack({ones, raw / deviation}, 1), 1e-14, "scaled");
  const LogisticData standard = load(Scaling::kDefault, Intercept::kNo, "", two);
  expect_close(standard.features, ((raw - 3.0) / deviation).unsqueeze(1), 1e-14, "default");
}

TEST(DensityTargetFiles, ThePosteriorIsTheFormula) {
  TargetOptions options = named("logistic");
  options.data_file = text_file("two_rows.csv", "x,y\n2,0\n3,1\n");
  options.scaling = Scaling::kNone;
  options.prior_scale = 2.0;
  const double w0 = 0.3;
  const double w1 = -0.7;
  const auto log_sigmoid = [](double z) { return -std::log1p(std::exp(-z)); };
  const double prior = -0.5 * (w0 * w0 + w1 * w1) / 4 - std::log(2 * M_PI) - 2 * std::log(2.0);
  const double expected = log_sigmoid(-(w0 + 2 * w1)) + log_sigmoid(w0 + 3 * w1) + prior;
  const Tensor weights = at::tensor({w0, w1}, at::kDouble).unsqueeze(0);
  EXPECT_NEAR(make_target(options)->log_density(weights).item<double>(), expected, 1e-13);
}

TEST(DensityTargetFiles, ClassesRefuseShapesThatDoNotFit) {
  const Tensor two = at::zeros({2}, at::kDouble);
  const Tensor three = at::ones({3}, at::kDouble);
  EXPECT_THROW(Gaussian("g", two, three), InvalidInput);
  EXPECT_THROW(Gaussian("g", two, at::ones({2, 3}, at::kDouble)), InvalidInput);
  EXPECT_THROW(Gaussian("g", two, two), InvalidInput);  // variances 0
  EXPECT_THROW(GaussianMixture("m", at::zeros({2, 2}, at::kDouble), three, 1.0), InvalidInput);
  EXPECT_THROW(
      GaussianMixture("m", at::zeros({2, 2}, at::kDouble), at::ones({2}, at::kDouble), 0.0),
      InvalidInput);
}

}  // namespace
}  // namespace ergon
