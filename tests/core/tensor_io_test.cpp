#include "ergon/core/tensor_io.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cstdio>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_same_bits;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class CoreTensorIo : public ::testing::Test {
 protected:
  void TearDown() override { std::remove(path_.c_str()); }
  const std::string path_ = ::testing::TempDir() + "ergon_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".npz";
};

TEST_F(CoreTensorIo, LoadingRestoresEveryBitNameAndOrder) {
  const Tensor special = at::tensor({0.0, -0.0, 1e-310, std::numeric_limits<double>::infinity(),
                                     std::numeric_limits<double>::quiet_NaN()},
                                    at::kDouble);
  const NamedTensors saved = {
      {"z", draw::normal_like(at::empty({3, 4}, at::kDouble), Seed(1).generator())},
      {"a/b.c", draw::normal_like(at::empty({2, 1, 5}, at::kFloat), Seed(2).generator())},
      {"special", special},
      {"scalar", at::scalar_tensor(2.5, at::kDouble)},
      {"empty", at::empty({0, 3}, at::kFloat)},
      {"integers", at::arange(-3, 3, at::kLong)},
      {"bytes", Seed(1).generator().get_state()},
      {"flags", at::arange(6).remainder(2).to(at::kBool)},
  };
  save_tensors(path_, saved);
  const NamedTensors loaded = load_tensors(path_);
  ASSERT_EQ(loaded.size(), saved.size());
  for (std::size_t i = 0; i < saved.size(); ++i) {
    EXPECT_EQ(loaded[i].first, saved[i].first);
    expect_same_bits(loaded[i].second, saved[i].second, saved[i].first);
  }
}

TEST_F(CoreTensorIo, StridedTensorsAreSavedInTheirLogicalOrder) {
  const Tensor table = at::arange(12, at::kDouble).view({3, 4});
  save_tensors(path_, {{"transposed", table.t()}, {"column", table.select(1, 2)}});
  const NamedTensors loaded = load_tensors(path_);
  expect_same_bits(find_tensor(loaded, "transposed", path_), table.t(), "transposed");
  expect_same_bits(find_tensor(loaded, "column", path_), table.select(1, 2), "column");
}

TEST_F(CoreTensorIo, TensorsWithAGraphAreSavedByValue) {
  const Tensor leaf = at::ones({2}, at::kDouble).requires_grad_();
  save_tensors(path_, {{"x", leaf * 2}});
  const Tensor loaded = find_tensor(load_tensors(path_), "x", path_);
  EXPECT_FALSE(loaded.requires_grad());
  EXPECT_EQ(loaded.sum().item<double>(), 4);
}

TEST_F(CoreTensorIo, LoadedTensorsOwnTheirMemory) {
  NpzArray array = to_npz_array("x", at::ones({3}, at::kDouble));
  const Tensor tensor = to_tensor(array);
  std::fill(array.bytes.begin(), array.bytes.end(), 0);
  EXPECT_EQ(tensor.sum().item<double>(), 3);
}

TEST_F(CoreTensorIo, AMissingNameSaysWhichAndWhere) {
  const NamedTensors tensors = {{"x", at::ones({1})}};
  EXPECT_EQ(find_tensor(tensors, "x", "a file").numel(), 1);
  EXPECT_THAT(
      [&] { find_tensor(tensors, "y", "learned.npz"); },
      ThrowsMessage<InvalidInput>(::testing::AllOf(HasSubstr("learned.npz"), HasSubstr("'y'"))));
}

TEST_F(CoreTensorIo, TypesThatAreNotSavedAreRefusedBeforeAFileAppears) {
  EXPECT_THAT(
      [&] {
        save_tensors(path_, {{"half", at::ones({2}, at::kHalf)}});
      },
      ThrowsMessage<InvalidInput>(::testing::AllOf(HasSubstr("'half'"), HasSubstr("float32"))));
  EXPECT_THROW(save_tensors(path_, {{"none", Tensor()}}), InvalidInput);
  EXPECT_FALSE(file_exists(path_));
}

TEST_F(CoreTensorIo, ACsvTableBecomesAMatrixInItsOrder) {
  CsvTable table;
  table.path = "t.csv";
  table.columns = {"a", "b", "c"};
  table.rows = 2;
  table.cols = 3;
  table.values = {1, 2, 3, 4, 5, 6};
  expect_same_bits(to_tensor(table), at::arange(1, 7, at::kDouble).view({2, 3}), "table");
}

TEST_F(CoreTensorIo, BytesThatDoNotFitTheShapeAreADefect) {
  NpzArray array = to_npz_array("x", at::ones({3}, at::kDouble));
  array.bytes.pop_back();
  EXPECT_THROW(to_tensor(array), BrokenPromise);
}

}  // namespace
}  // namespace ergon
