#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

// e^x of src/stein/lanes/arithmetic.hpp and 2^x of tile.hpp, compiled here for each instruction
// set.
#define ERGON_LANES_BODY "../../../tests/stein/exponential_lanes.hpp"
#include "../../src/stein/lanes/machines.hpp"

namespace ergon::testing {
namespace {

// Fused multiply-add reaches 0.9; two roundings in the last step add up to a quarter more.
constexpr double kAllowedUlps = 1.25;
constexpr double kAllowedUlpsOfPowers = 1.5;  // the first coefficient, log 2, is rounded too

template <class Real>
struct Machine {
  const char* name;
  int vector_bytes;
  void (*exponentials)(const Real* x, std::int64_t count, Real* out);
  void (*powers_of_two)(const Real* x, std::int64_t count, Real* out);
};

template <class Real>
std::vector<Machine<Real>> machines() {
  std::vector<Machine<Real>> all;
  const auto add = [&](Machine<Real> machine) {
    if (stein::machine_has_vectors(machine.vector_bytes)) all.push_back(machine);
  };
#ifdef ERGON_HAS_WIDE_VECTORS
  add({"avx512", 64, stein::avx512::exponentials<Real>, stein::avx512::powers_of_two<Real>});
  add({"avx2", 32, stein::avx2::exponentials<Real>, stein::avx2::powers_of_two<Real>});
#endif
  add({"baseline", 16, stein::baseline::exponentials<Real>, stein::baseline::powers_of_two<Real>});
  return all;
}

template <class Real>
std::vector<Real> exponentials_of(const Machine<Real>& machine, std::vector<Real> x) {
  const std::size_t count = x.size();
  x.resize((count + 15) / 16 * 16, Real(0));
  std::vector<Real> out(x.size());
  machine.exponentials(x.data(), static_cast<std::int64_t>(x.size()), out.data());
  out.resize(count);
  return out;
}

template <class Real>
std::vector<Real> powers_of(const Machine<Real>& machine, std::vector<Real> x) {
  Machine<Real> powers = machine;
  powers.exponentials = machine.powers_of_two;
  return exponentials_of(powers, std::move(x));
}

// The error in units in the last place of the exact value.
template <class Real, class Exact>
double ulps(Real actual, Exact exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  const Exact unit = std::ldexp(Exact(1), exponent - std::numeric_limits<Real>::digits);
  return static_cast<double>(std::fabs(static_cast<Exact>(actual) - exact) / unit);
}

template <class Real, class Exact>
double worst_ulps(const Machine<Real>& machine, const std::vector<Real>& x) {
  const std::vector<Real> actual = exponentials_of(machine, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, ulps<Real, Exact>(actual[i], std::exp(static_cast<Exact>(x[i]))));
  return worst;
}

// Every 211th float from -87 to 0, subnormal ones included.
std::vector<float> dense_floats() {
  std::vector<float> x;
  for (std::uint32_t bits = 0x80000000u;; bits += 211) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (value < -87.0f) return x;
    x.push_back(value);
  }
}

// Even steps from -708 to 0 and, for small arguments, even steps of the logarithm.
std::vector<double> dense_doubles() {
  std::vector<double> x;
  const int count = 1500000;
  for (int i = 0; i <= count; ++i) x.push_back(-708.0 * i / count);
  for (int i = 0; i < count; ++i) x.push_back(-std::exp(7.0 - 40.0 * (i + 0.5) / count) / 1.6);
  return x;
}

TEST(SteinExponential, IsWithinAnUlpAndAQuarterInFloat32AlongADenseSweep) {
  const std::vector<float> x = dense_floats();
  ASSERT_GT(x.size(), 4000000u);
  for (const auto& machine : machines<float>()) {
    const double worst = worst_ulps<float, double>(machine, x);
    RecordProperty(std::string("worst_ulps_") + machine.name, std::to_string(worst));
    EXPECT_LE(worst, kAllowedUlps) << machine.name;
  }
}

TEST(SteinExponential, IsWithinAnUlpAndAQuarterInFloat64AlongADenseSweep) {
  static_assert(std::numeric_limits<long double>::digits >= 60, "the sweep needs a finer type");
  const std::vector<double> x = dense_doubles();
  for (const auto& machine : machines<double>()) {
    const double worst = worst_ulps<double, long double>(machine, x);
    RecordProperty(std::string("worst_ulps_") + machine.name, std::to_string(worst));
    EXPECT_LE(worst, kAllowedUlps) << machine.name;
  }
}

template <class Real, class Exact>
void expect_precise_powers(Real lowest) {
  std::vector<Real> x;
  const int count = 1000000;
  for (int i = 0; i <= count; ++i) x.push_back(lowest * static_cast<Real>(i) / count);
  for (int i = 0; i < count; ++i) x.push_back(-static_cast<Real>(std::exp(-30.0 * i / count)));
  for (const auto& machine : machines<Real>()) {
    const std::vector<Real> actual = powers_of(machine, x);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, ulps<Real, Exact>(actual[i], std::exp2(static_cast<Exact>(x[i]))));
    ::testing::Test::RecordProperty(std::string("worst_ulps_") + machine.name,
                                    std::to_string(worst));
    EXPECT_LE(worst, kAllowedUlpsOfPowers) << machine.name;
    const auto ends = powers_of<Real>(machine, {Real(0), lowest - 1, Real(-1), Real(-2)});
    EXPECT_EQ(ends[0], Real(1)) << machine.name;
    EXPECT_EQ(ends[1], Real(0)) << machine.name << ", where a pair is too far to count";
    EXPECT_EQ(ends[2], Real(0.5)) << machine.name;
    EXPECT_EQ(ends[3], Real(0.25)) << machine.name;
  }
}

TEST(SteinExponential, PowersOfTwoAreWithinAnUlpAndAHalfDownToTheSmallestNormalNumber) {
  expect_precise_powers<float, double>(-126.0f);
  expect_precise_powers<double, long double>(-1022.0);
}

template <class Real>
void expect_exact_ends() {
  const Real infinity = std::numeric_limits<Real>::infinity();
  const Real largest = std::numeric_limits<Real>::max();
  const Real nan = std::numeric_limits<Real>::quiet_NaN();
  const Real last = sizeof(Real) == 4 ? Real(-87) : Real(-708);
  for (const auto& machine : machines<Real>()) {
    const std::vector<Real> y = exponentials_of<Real>(
        machine,
        {Real(0), Real(-0.0), std::nextafter(last, -infinity), -largest, -infinity, nan, last});
    EXPECT_EQ(y[0], Real(1)) << machine.name;
    EXPECT_EQ(y[1], Real(1)) << machine.name;
    for (int i = 2; i < 5; ++i) EXPECT_EQ(y[i], Real(0)) << machine.name << " " << i;
    EXPECT_TRUE(std::isnan(y[5])) << machine.name;
    EXPECT_GE(y[6], std::numeric_limits<Real>::min()) << machine.name;
  }
}

TEST(SteinExponential, IsOneAtZeroAndZeroBelowTheSmallestNormalNumber) {
  expect_exact_ends<float>();
  expect_exact_ends<double>();
}

}  // namespace
}  // namespace ergon::testing
