#include "support/compare.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>

namespace ergon::testing {
namespace {

std::string shape_text(const Tensor& tensor) {
  return fmt::format("({})", fmt::join(tensor.sizes().vec(), ", "));
}

/// The index of an element, from its place in row-major order.
std::string index_text(std::int64_t flat, at::IntArrayRef sizes) {
  std::vector<std::int64_t> index(sizes.size());
  for (std::size_t axis = sizes.size(); axis-- > 0; flat /= sizes[axis]) {
    index[axis] = flat % sizes[axis];
  }
  return fmt::format("[{}]", fmt::join(index, ", "));
}

Tensor flat_doubles(const Tensor& tensor) {
  return tensor.detach().to(at::kCPU).to(at::kDouble).contiguous().view({-1});
}

double typical_size(const double* values, std::int64_t count) {
  double squares = 0;
  std::int64_t finite = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) continue;
    squares += values[i] * values[i];
    ++finite;
  }
  return squares > 0 ? std::sqrt(squares / static_cast<double>(finite)) : 1.0;
}

}  // namespace

::testing::AssertionResult is_close(const Tensor& actual, const Tensor& expected, double relative) {
  if (!actual.defined() || !expected.defined()) {
    return ::testing::AssertionFailure() << "a tensor is undefined";
  }
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << "shape " << shape_text(actual) << " where " << shape_text(expected) << " is expected";
  }
  const Tensor got = flat_doubles(actual);
  const Tensor want = flat_doubles(expected);
  const double* a = got.data_ptr<double>();
  const double* e = want.data_ptr<double>();
  const auto at_index = [&](std::int64_t i) {
    return fmt::format("{}: {:.17g} where {:.17g} is expected", index_text(i, actual.sizes()), a[i],
                       e[i]);
  };
  for (std::int64_t i = 0; i < got.numel(); ++i) {
    if (std::isnan(a[i]) != std::isnan(e[i])) {
      return ::testing::AssertionFailure() << "NaN differs at " << at_index(i);
    }
  }
  const double typical = typical_size(e, want.numel());
  double worst = -1;
  std::int64_t worst_at = 0;
  for (std::int64_t i = 0; i < got.numel(); ++i) {
    if (a[i] == e[i] || std::isnan(e[i])) continue;
    if (!std::isfinite(a[i]) || !std::isfinite(e[i])) {
      return ::testing::AssertionFailure() << "infinity differs at " << at_index(i);
    }
    const double error = std::abs(a[i] - e[i]) / std::max(std::abs(e[i]), typical);
    if (error > worst) {
      worst = error;
      worst_at = i;
    }
  }
  if (worst <= relative) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << fmt::format(
             "relative error {:.3g}, allowed {:.3g}, at {}", worst, relative, at_index(worst_at));
}

void expect_close(const Tensor& actual,
                  const Tensor& expected,
                  double relative,
                  const std::string& name) {
  if (actual.defined() && actual.is_same(expected)) {
    ADD_FAILURE() << name << ": compared with itself";
    return;
  }
  const ::testing::AssertionResult result = is_close(actual, expected, relative);
  if (!result) ADD_FAILURE() << name << ": " << result.message();
}

void expect_same_bits(const Tensor& actual, const Tensor& expected, const std::string& name) {
  ASSERT_TRUE(actual.defined() && expected.defined()) << name << ": a tensor is undefined";
  ASSERT_FALSE(actual.is_same(expected)) << name << ": compared with itself";
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type()) << name;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << name;
  const Tensor got = actual.detach().to(at::kCPU).contiguous();
  const Tensor want = expected.detach().to(at::kCPU).contiguous();
  if (got.numel() == 0) return;
  if (std::memcmp(got.data_ptr(), want.data_ptr(), got.nbytes()) == 0) return;
  const ::testing::AssertionResult result = is_close(actual, expected, 0);
  ADD_FAILURE() << name << ": " << (result ? "bits differ, values do not" : result.message());
}

}  // namespace ergon::testing
