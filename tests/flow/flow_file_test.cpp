#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "ergon/flow/normalizing_flow.hpp"
#include "flow/flow_cases.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_same_bits;
using testing::flow_cases;
using testing::FlowCase;
using ::testing::HasSubstr;
using testing::perturbed_flow;
using testing::ScratchFile;
using testing::small_flow;

NormalizingFlow nice() {
  return {small_flow(FlowArchitecture::kNice), 2, at::kFloat, Seed(1).generator()};
}

Tensor bytes_of(const std::string& text) {
  Tensor bytes = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
  std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

std::string text_of(const Tensor& bytes) {
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

/// What loading the file is refused with.
std::string refusal(const std::string& path) {
  try {
    NormalizingFlow::load(path);
  } catch (const InvalidInput& problem) {
    return problem.what();
  }
  return "";
}

class FlowFile : public ::testing::TestWithParam<FlowCase> {};

TEST_P(FlowFile, RestoresDrawsAndDensitiesToTheBit) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::NoGradGuard no_graph;
    const NormalizingFlow flow = perturbed_flow(GetParam(), type, 0.3);
    const ScratchFile file(GetParam().name + ".npz");
    flow.save(file.path());
    NormalizingFlow loaded = NormalizingFlow::load(file.path());
    EXPECT_EQ(loaded.type(), type);
    for (const auto& [name, tensor] : loaded.parameters()) {
      EXPECT_TRUE(tensor.is_leaf() && tensor.requires_grad()) << name;
    }
    if (GetParam().options.context_dim > 0) {
      loaded = loaded.given(at::linspace(-1, 1, GetParam().options.context_dim, at::kDouble));
    }
    const Draws expected = flow.sample_with_log_prob(7, Seed(3).generator());
    const Draws actual = loaded.sample_with_log_prob(7, Seed(3).generator());
    expect_same_bits(actual.particles, expected.particles, "draws");
    expect_same_bits(actual.log_q, expected.log_q, "log q");
    expect_same_bits(loaded.log_prob(expected.particles), flow.log_prob(expected.particles),
                     "log q of points");
  }
}

INSTANTIATE_TEST_SUITE_P(Flow, FlowFile, ::testing::ValuesIn(flow_cases()), [](const auto& param) {
  return param.param.name;
});

TEST(FlowFileContents, SavedAgainAreTheSameBytes) {
  const ScratchFile first("first.npz"), second("second.npz");
  nice().save(first.path());
  NormalizingFlow::load(first.path()).save(second.path());
  EXPECT_EQ(read_file(first.path()), read_file(second.path()));
}

TEST(FlowFileContents, AFlowOfOnesOwnLayersCannotBeSaved) {
  const NormalizingFlow flow(std::make_shared<ElementwiseAffine>(2));
  try {
    flow.save("own.npz");
    ADD_FAILURE() << "saved";
  } catch (const InvalidInput& problem) {
    EXPECT_THAT(problem.what(), HasSubstr("own.npz: a flow of layers of one's own"));
  }
  EXPECT_FALSE(file_exists("own.npz"));
}

TEST(FlowFileContents, AFolderThatCannotBeWrittenIsNamed) {
  EXPECT_THROW(nice().save("/nowhere/at/all/flow.npz"), InvalidInput);
}

TEST(FlowFileFaults, AMissingFileIsNamed) {
  EXPECT_THAT(refusal("nowhere.npz"), HasSubstr("nowhere.npz"));
}

TEST(FlowFileFaults, ATruncatedOrDamagedFileIsRefused) {
  const ScratchFile file("damaged.npz");
  nice().save(file.path());
  const std::string whole = read_file(file.path());
  for (const std::size_t kept : {whole.size() / 3, whole.size() - 10, std::size_t{0}}) {
    write_file(file.path(), whole.substr(0, kept));
    EXPECT_THAT(refusal(file.path()), HasSubstr(file.path())) << kept;
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 0x10);
  write_file(file.path(), flipped);
  EXPECT_THAT(refusal(file.path()), HasSubstr(file.path()));
}

TEST(FlowFileFaults, ArraysOfAnotherKindAreNoFlow) {
  const ScratchFile file("foreign.npz");
  save_tensors(file.path(), {{"samples", at::zeros({3, 2})}});
  EXPECT_THAT(refusal(file.path()), HasSubstr("holds no flow, since its member 'options'"));
  save_tensors(file.path(), {{"options", bytes_of("not { json")}});
  EXPECT_THAT(refusal(file.path()), HasSubstr("is not the text that describes a flow"));
  save_tensors(file.path(), {{"options", at::zeros({3})}});
  EXPECT_THAT(refusal(file.path()), HasSubstr("is not the text that describes a flow"));
  save_tensors(file.path(), {{"options", bytes_of("{\"format\": 1}")}});
  EXPECT_THAT(refusal(file.path()), HasSubstr("lacks the option 'dim'"));
}

TEST(FlowFileFaults, OptionsAndParametersThatDoNotFitAreRefused) {
  struct Fault {
    std::string from, to, message;
  };
  const Fault faults[] = {
      {"\"format\": 1", "\"format\": 2", "a flow of format 2, but this version reads format 1"},
      {"\"dim\": 2", "\"dim\": 0", "a flow in 0 dimensions"},
      {"\"dim\": 2", "\"dim\": 1", "needs at least 2"},
      {"\"dim\": 2", "\"dim\": 4", "it belongs to a flow with other options"},
      {"\"float32\"", "\"int8\"", "parameters of type 'int8'"},
      {"\"float32\"", "\"float64\"", "is not of the flow's type float64"},
      {"\"nice\"", "\"nicest\"", "unknown choice 'nicest'"},
      {"\"flow-layers\": 2", "\"flow-layers\": 0", "do not describe a flow: --flow-layers"},
      {"\"flow-layers\": 2", "\"flow-layers\": 1", "is missing"},
      {"\"flow-layers\": 2", "\"flow-layers\": 3", "is missing"}};
  const ScratchFile file("faults.npz");
  nice().save(file.path());
  const NamedTensors whole = load_tensors(file.path());
  for (const Fault& fault : faults) {
    NamedTensors arrays = whole;
    for (auto& [name, tensor] : arrays) {
      if (name != "options") continue;
      std::string text = text_of(tensor);
      const std::size_t place = text.find(fault.from);
      ASSERT_NE(place, std::string::npos) << fault.from;
      tensor = bytes_of(text.replace(place, fault.from.size(), fault.to));
    }
    save_tensors(file.path(), arrays);
    EXPECT_THAT(refusal(file.path()), HasSubstr(fault.message));
    EXPECT_THAT(refusal(file.path()), HasSubstr(file.path()));
  }
}

}  // namespace
}  // namespace ergon
