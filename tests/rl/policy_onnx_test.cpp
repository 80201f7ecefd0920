#include "ergon/rl/policy_onnx.hpp"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/temporary_folder.hpp"
#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "rl/support/onnx_reader.hpp"
#include "rl/support/policy_examples.hpp"

namespace ergon::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Numbers = std::vector<double>;

// Sums of single precision, in another order.
constexpr double kTolerance = 1e-5;

class RlPolicyOnnx : public ::testing::TestWithParam<PolicyCase> {};

void expect_near(const Numbers& actual, const Numbers& expected, double scale, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], kTolerance * scale) << what << " " << i;
}

double largest(const Numbers& numbers) {
  double size = 1.0;
  for (const double number : numbers) size = std::max(size, std::abs(number));
  return size;
}

Numbers log_stddev_of(const PolicyDescription& policy, const std::vector<float>& output) {
  Numbers result;
  for (std::size_t i = output.size() / 2; i < output.size(); ++i) {
    const double raw = output[i], low = policy.log_stddev_low, high = policy.log_stddev_high;
    result.push_back(policy.log_stddev_map == LogStddevMap::kClip
                         ? std::clamp(raw, low, high)
                         : low + (high - low) / 2 * (std::tanh(raw) + 1));
  }
  return result;
}

TEST_P(RlPolicyOnnx, ItsNodesComputeWhatThePolicyDoes) {
  const PolicyDescription policy = example_policy(GetParam());
  const OnnxModel model(policy_onnx(policy));
  const std::unique_ptr<Policy> ours = make_policy(policy);
  for (const Numbers& observation : observations_for(policy)) {
    Pcg64 random(1);
    const auto values = model.run(observation);
    const std::vector<float> output = network_output(policy, observation);
    const Numbers mean(output.begin(), output.begin() + policy.action_dim());
    expect_near(values.at("mean"), mean, largest(mean), "mean");
    expect_near(values.at("log_stddev"), log_stddev_of(policy, output),
                largest(Numbers(output.begin(), output.end())), "log standard deviation");
    expect_near(values.at("action"),
                acted(*ours, policy, observation, ActionMode::kDeterministic, random), 10,
                "action");
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, RlPolicyOnnx, ::testing::ValuesIn(policy_cases()), case_name);

/// Runs every model of the folder at observations.csv; 77: no Python with what it needs.
constexpr const char* kRuntimeScript =
    "import glob, sys\n"
    "try:\n"
    "    import numpy, onnx, onnxruntime\n"
    "except ImportError:\n"
    "    sys.exit(77)\n"
    "x = numpy.loadtxt('observations.csv', delimiter=',', dtype=numpy.float32)\n"
    "for path in glob.glob('*.onnx'):\n"
    "    onnx.checker.check_model(onnx.load(path), full_check=True)\n"
    "    run = onnxruntime.InferenceSession(path).run\n"
    "    action = run(['action'], {'observation': x})[0]\n"
    "    numpy.savetxt(path + '.csv', action, delimiter=',')\n";

void expect_actions(const CsvTable& actions, const PolicyDescription& policy) {
  const auto observations = observations_for(policy);
  ASSERT_EQ(actions.rows, observations.size());
  const std::unique_ptr<Policy> ours = make_policy(policy);
  for (std::size_t row = 0; row < actions.rows; ++row) {
    Pcg64 random(1);
    Numbers action;
    for (std::size_t i = 0; i < actions.cols; ++i) action.push_back(actions.at(row, i));
    expect_near(action, acted(*ours, policy, observations[row], ActionMode::kDeterministic, random),
                10, "action");
  }
}

TEST(RlPolicyOnnxFile, TheRealRuntimeActsAsWeDoWherePythonHasIt) {
  const TemporaryFolder folder;
  for (std::size_t i = 0; i < policy_cases().size(); ++i)
    export_onnx(example_policy(policy_cases()[i]), folder.file(fmt::format("{}.onnx", i)));
  std::string rows;
  for (const Numbers& one : observations_for(example_policy(policy_cases()[0])))
    rows += fmt::format("{}\n", fmt::join(one, ","));
  write_file(folder.file("observations.csv"), rows);
  write_file(folder.file("run.py"), kRuntimeScript);
  const int status =
      std::system(("cd '" + folder.file("") + "' && python3 run.py > said.txt 2>&1").c_str());
  if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)
    GTEST_SKIP() << "no Python with onnx and onnxruntime";
  ASSERT_EQ(status, 0) << read_file(folder.file("said.txt"));
  for (std::size_t i = 0; i < policy_cases().size(); ++i) {
    SCOPED_TRACE(i);
    expect_actions(read_csv(folder.file(fmt::format("{}.onnx.csv", i))),
                   example_policy(policy_cases()[i]));
  }
}

TEST(RlPolicyOnnxFile, SaysItsFormatItsEdgesAndWhereThePolicyComesFrom) {
  const OnnxModel model(policy_onnx(example_policy(policy_cases()[0])));
  EXPECT_EQ(model.model().integers.find(1)->second, 7u);
  const Message opset = model.model().messages(8).at(0);
  EXPECT_EQ(opset.text(1), "");
  EXPECT_EQ(opset.integers.find(2)->second, 13u);
  std::vector<std::string> edges;
  for (const std::uint32_t field : {11u, 12u}) {
    for (const Message& edge : model.graph().messages(field)) {
      const Message tensor = edge.messages(2).at(0).messages(1).at(0);
      const auto sizes = tensor.messages(2).at(0).messages(1);
      EXPECT_EQ(sizes.at(0).text(2), "batch");
      edges.push_back(fmt::format("{} {}", edge.text(1), sizes.at(1).integers.find(1)->second));
    }
  }
  EXPECT_THAT(edges, ElementsAre("observation 5", "action 3", "mean 3", "log_stddev 3"));
  std::vector<std::string> words;
  for (const Message& word : model.model().messages(14))
    words.push_back(word.text(1) + "=" + word.text(2));
  EXPECT_THAT(words, ElementsAre("environment=Hopper-v4", "algorithm=sac", "steps=12345", "seed=1",
                                 "model_hash=00ff"));
}

TEST(RlPolicyOnnxFile, WithoutARangeActionsAreBetweenMinusOneAndOne) {
  PolicyDescription policy = example_policy(policy_cases()[0]);
  policy.action_low.clear();
  policy.action_high.clear();
  const auto values = OnnxModel(policy_onnx(policy)).run(observations_for(policy)[20]);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(values.at("action")[i], std::tanh(values.at("mean")[i]));
}

TEST(RlPolicyOnnxFile, SizesThatDoNotFitAreRefused) {
  PolicyDescription policy = example_policy(policy_cases()[0]);
  policy.parameters.pop_back();
  try {
    policy_onnx(policy);
    FAIL() << "was not refused";
  } catch (const InvalidInput& error) {
    EXPECT_THAT(error.what(), HasSubstr("parameters"));
  }
}

}  // namespace
}  // namespace ergon::testing
