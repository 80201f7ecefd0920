#include "ergon/density/torchscript.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "density/targets.hpp"
#include "ergon/density/banana.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::test_data;

TEST(DensityTorchScript, AFileFromPythonIsTheDensityItDefines) {
  const TorchScriptDensity model(test_data("banana.pt"));
  const Banana banana;
  ASSERT_EQ(model.dim(), 2);  // its own attribute
  const Tensor x = testing::points_for(banana, 20).view({2, 10, 2});
  const auto actual = model.log_density_and_score(x);
  const auto expected = banana.log_density_and_score(x);
  expect_close(actual.log_density, expected.log_density, 1e-13, "log density");
  expect_close(actual.score, expected.score, 1e-13, "score");
  expect_close(model.hessian(x), banana.hessian(x), 1e-12, "Hessian");
}

TEST(DensityTorchScript, BothPrecisionsInTurnGiveTheirOwnAnswers) {
  const TorchScriptDensity model(test_data("banana.pt"));
  const Tensor x = testing::points_for(Banana(), 6);
  const Tensor before = model.log_density(x);
  EXPECT_EQ(model.log_density(x.to(at::kFloat)).scalar_type(), at::kFloat);
  testing::expect_same_bits(model.log_density(x), before, "float64 after float32");
}

TEST(DensityTorchScript, RepeatedCallsGiveTheSameBits) {
  const TorchScriptDensity model(test_data("forward_only.pt"), 5);
  const Tensor x = draw::normal_like(at::empty({9, 5}, at::kFloat), Seed(1).generator());
  const auto first = model.log_density_and_score(x);
  for (int call = 0; call < 5; ++call) {
    testing::expect_same_bits(model.log_density_and_score(x).score, first.score, "score");
  }
}

TEST(DensityTorchScript, ParametersOfTheModelAddNoGraph) {
  const TorchScriptDensity model(test_data("banana.pt"));
  EXPECT_FALSE(model.log_density(at::zeros({3, 2}, at::kDouble)).requires_grad());
}

TEST(DensityTorchScript, FaultsAreSaidInOneSentence) {
  struct Fault {
    std::string path;
    std::optional<std::int64_t> dim;
    std::string message;
  };
  const std::vector<Fault> faults = {
      {"nowhere.pt", 2, "nowhere.pt: no such file; expected a TorchScript model"},
      {testing::text_file("malformed.pt", "not a zip"), 2, "malformed.pt: not a TorchScript file"},
      {test_data("no_entry.pt"), 2,
       "no_entry.pt: the model has neither a method log_prob(x) nor forward(x)"},
      {test_data("forward_only.pt"), std::nullopt, "give the model's dimension with --dim"},
      {test_data("banana.pt"), 3, "dim = 3 but the model says dim = 2"},
      {test_data("wrong_shape.pt"), 2, "forward(x) maps (3, 2) to (3, 1) but must map it to (3)"},
      {test_data("nan.pt"), 2, "forward(x) is NaN at the origin"},
      {test_data("detached.pt"), 2, "forward(x) has no gradient in x"},
      {test_data("three_columns.pt"), 2, "forward(x) failed on zeros of shape (3, 2): "},
  };
  for (const Fault& fault : faults) {
    try {
      const TorchScriptDensity model(fault.path, fault.dim);
      ADD_FAILURE() << "not refused: " << fault.path;
    } catch (const InvalidInput& problem) {
      const std::string message = problem.what();
      EXPECT_NE(message.find(fault.message), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace ergon
