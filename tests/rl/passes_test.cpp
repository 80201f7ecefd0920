#include "rl/passes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace ergon::passes {
namespace {

std::vector<double> normal_numbers(std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  std::vector<double> made(static_cast<std::size_t>(count));
  for (double& number : made) number = normal(bits);
  return made;
}

struct Sizes {
  std::int64_t rows, columns, inner;
};

double finished(Finish finish, double sum, double y, double before) {
  switch (finish) {
    case Finish::kSet:
      return sum;
    case Finish::kAdd:
      return before + sum;
    case Finish::kBias:
      return sum + y;
    case Finish::kBiasRelu:
      return std::max(sum + y, 0.0);
    case Finish::kSlopeRelu:
      return y > 0 ? sum : 0;
    case Finish::kSlopeTanh:
      return sum * (1 - y * y);
    case Finish::kSlopeElu:
      return sum * (y > 0 ? 1 : y + 1);
  }
  return 0;
}

/// A product of random factors: left in rows of 3 numbers more, output in rows of 2 more.
struct Problem {
  Sizes size;
  bool left_transposed, right_transposed;
  Finish finish;
  bool bias() const { return finish == Finish::kBias || finish == Finish::kBiasRelu; }
  std::int64_t left_stride() const { return (left_transposed ? size.rows : size.inner) + 3; }
  std::int64_t right_stride() const { return (right_transposed ? size.inner : size.columns) + 1; }
  std::int64_t out_stride() const { return size.columns + 2; }
  std::vector<double> left = normal_numbers((size.rows + size.inner) * (left_stride() + 3), 1);
  std::vector<double> right = normal_numbers((size.columns + size.inner) * (right_stride() + 1), 2);
  std::vector<double> other = normal_numbers(size.rows * out_stride(), 3);
  std::vector<double> out = normal_numbers(size.rows * out_stride(), 4);

  std::vector<double> by_definition() const {
    std::vector<double> result = out;
    for (std::int64_t i = 0; i < size.rows; ++i) {
      for (std::int64_t j = 0; j < size.columns; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < size.inner; ++k) {
          const auto a = left_transposed ? k * left_stride() + i : i * left_stride() + k;
          const auto b = right_transposed ? j * right_stride() + k : k * right_stride() + j;
          sum += left[static_cast<std::size_t>(a)] * right[static_cast<std::size_t>(b)];
        }
        const auto at = static_cast<std::size_t>(i * out_stride() + j);
        const double y = other[bias() ? static_cast<std::size_t>(j) : at];
        result[at] = finished(finish, sum, y, out[at]);
      }
    }
    return result;
  }

  template <class Real>
  std::vector<Real> by(const Functions<Real>& functions) const {
    const std::vector<Real> a(left.begin(), left.end()), b(right.begin(), right.end()),
        y(other.begin(), other.end());
    std::vector<Real> result(out.begin(), out.end());
    const auto count = static_cast<std::size_t>(functions.packed_numbers(size.inner, size.columns));
    std::vector<Real> room(count + 1, Real(123));
    functions.pack({b.data(), right_stride(), right_transposed, size.inner, size.columns},
                   room.data());
    EXPECT_EQ(room.back(), Real(123)) << "packing wrote past its end";
    Product<Real> product{size.rows,       size.columns, size.inner,    a.data(),    left_stride(),
                          left_transposed, room.data(),  result.data(), out_stride()};
    product.finish = finish;
    product.other = y.data();
    product.other_stride = bias() ? 0 : out_stride();
    functions.multiply(product);
    return result;
  }
};

std::vector<Problem> problems() {
  std::vector<Problem> all;
  const Sizes sizes[] = {{1, 1, 1},   {3, 5, 2},    {8, 16, 4},  {9, 17, 3},  {7, 48, 5},
                         {15, 64, 9}, {20, 97, 33}, {12, 31, 1}, {33, 6, 40}, {4, 80, 17}};
  int next = 0;
  for (const Sizes& size : sizes) {
    for (const bool left : {false, true}) {
      for (const bool right : {false, true})
        for (int twice = 0; twice < 4; ++twice)
          all.push_back({size, left, right, static_cast<Finish>(next++ % 7)});
    }
  }
  return all;
}

template <class Real>
const Functions<Real>* functions_or_skip(int bytes) {
  const Functions<Real>* found = functions_of<Real>(bytes);
  if (found == nullptr) {
    [] { GTEST_SKIP() << "this machine has no vectors of that size"; }();
  }
  return found;
}

class RlPasses : public ::testing::TestWithParam<int> {};

TEST_P(RlPasses, ProductsOfEverySizeAndFinishAreByDefinition) {
  const auto* full = functions_or_skip<double>(GetParam());
  const auto* single = functions_or_skip<float>(GetParam());
  if (full == nullptr) return;
  for (const Problem& problem : problems()) {
    const auto expected = problem.by_definition();
    const auto result = problem.by(*full);
    const auto result_single = problem.by(*single);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(result[i], expected[i], 1e-13 * (1 + std::abs(expected[i])))
          << problem.size.rows << "x" << problem.size.columns << "x" << problem.size.inner
          << ", finish " << static_cast<int>(problem.finish) << ", number " << i;
      ASSERT_NEAR(result_single[i], expected[i], 3e-5 * (1 + std::abs(expected[i])));
    }
  }
}

TEST_P(RlPasses, NarrowProductsAreByDefinition) {
  const auto* functions = functions_or_skip<double>(GetParam());
  if (functions == nullptr) return;
  for (const Sizes& size : {Sizes{1, 1, 1}, Sizes{7, 3, 20}, Sizes{6, 2, 64}, Sizes{5, 1, 13}}) {
    Problem problem{size, false, true, Finish::kBias};
    std::vector<double> weight, result = problem.out;
    for (std::int64_t j = 0; j < size.columns; ++j)
      for (std::int64_t k = 0; k < size.inner; ++k)
        weight.push_back(problem.right[static_cast<std::size_t>(j * problem.right_stride() + k)]);
    Product<double> product{
        size.rows, size.columns, size.inner,    problem.left.data(), problem.left_stride(),
        false,     nullptr,      result.data(), problem.out_stride()};
    product.other = problem.other.data();
    functions->multiply_narrow(product, weight.data());
    const auto expected = problem.by_definition();
    for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(result[i], expected[i], 1e-13);
  }
}

TEST_P(RlPasses, RowsAreSummedColumnByColumn) {
  const auto* functions = functions_or_skip<double>(GetParam());
  if (functions == nullptr) return;
  for (const std::int64_t columns : {1, 31, 64, 77}) {
    const std::int64_t rows = 9, stride = columns + 4;
    const auto in = normal_numbers(rows * stride, 1);
    std::vector<double> out(static_cast<std::size_t>(columns) + 1, 5.0);
    functions->sum_rows(in.data(), stride, rows, columns, out.data());
    for (std::int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < rows; ++i) sum += in[static_cast<std::size_t>(i * stride + j)];
      EXPECT_NEAR(out[static_cast<std::size_t>(j)], sum, 1e-14);
    }
    EXPECT_EQ(out.back(), 5.0);
  }
}

/// The largest error in units in the last place over arguments of both signs and all sizes.
template <class Real, class Exact>
double largest_error(void (*sweep)(Real*, std::int64_t), Exact exact) {
  std::vector<Real> x;
  for (double size = 1e-12; size < 90; size *= 1.003)
    for (const double sign : {-1.0, 1.0}) x.push_back(static_cast<Real>(sign * size));
  x.push_back(Real(0)), x.push_back(Real(-1e30)), x.push_back(Real(1e30));
  std::vector<Real> y = x;
  sweep(y.data(), static_cast<std::int64_t>(y.size()));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double expected = exact(static_cast<long double>(x[i]));
    const Real rounded = std::abs(static_cast<Real>(expected));
    const Real unit = std::nextafter(rounded, std::numeric_limits<Real>::infinity()) - rounded;
    worst = std::max(worst, static_cast<double>(std::abs(y[i] - expected) / unit));
  }
  return worst;
}

TEST_P(RlPasses, TanhAndEluAreAccurateToAFewUnitsInTheLastPlace) {
  const auto* full = functions_or_skip<double>(GetParam());
  const auto* single = functions_or_skip<float>(GetParam());
  if (full == nullptr) return;
  const auto tanh = [](long double x) { return std::tanh(x); };
  const auto elu = [](long double x) { return x > 0 ? x : std::expm1(x); };
  EXPECT_LT(largest_error(full->tanh, tanh), 4);
  EXPECT_LT(largest_error(single->tanh, tanh), 4);
  EXPECT_LT(largest_error(full->elu, elu), 3);
  EXPECT_LT(largest_error(single->elu, elu), 3);
}

TEST_P(RlPasses, TanhAndEluKeepWhatIsNotANumber) {
  const auto* functions = functions_or_skip<float>(GetParam());
  if (functions == nullptr) return;
  for (const auto sweep : {functions->tanh, functions->elu}) {
    std::vector<float> numbers(21, 0.5F);
    numbers[2] = numbers[20] = std::nanf("");
    sweep(numbers.data(), 21);
    for (std::size_t i = 0; i < 21; ++i) EXPECT_EQ(std::isnan(numbers[i]), i == 2 || i == 20) << i;
  }
}

TEST(RlPassesTogether, MachinesWithFusedMultiplyAddGiveTheSameProductsBitForBit) {
  const auto *wide = functions_of<float>(64), *middle = functions_of<float>(32);
  if (wide == nullptr) GTEST_SKIP() << "this machine has no vectors of 64 bytes";
  for (const Problem& problem : problems()) EXPECT_EQ(problem.by(*wide), problem.by(*middle));
}

TEST(RlPassesTogether, TheMachinesWidestVectorsAreChosen) {
  for (const int bytes : {64, 32, 16}) {
    if (const auto* found = functions_of<double>(bytes)) {
      EXPECT_EQ(&functions<double>(), found);
      return;
    }
  }
  FAIL() << "no instruction set at all";
}

INSTANTIATE_TEST_SUITE_P(VectorBytes,
                         RlPasses,
                         ::testing::Values(16, 32, 64),
                         [](const auto& info) { return "Of" + std::to_string(info.param); });

}  // namespace
}  // namespace ergon::passes
