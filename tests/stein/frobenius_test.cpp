#include "../../src/stein/frobenius.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "../../src/stein/composed.hpp"
#include "../../src/stein/frobenius_sums.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/stein/jacobian.hpp"
#include "support/compare.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

// The lanes of src/stein/lanes/norms.hpp, compiled here for each instruction set.
#define ERGON_LANES_BODY "norms.hpp"
#include "../../src/stein/lanes/machines.hpp"

namespace ergon::testing {
namespace {

using stein::FrobeniusForm;
using stein::Support;

constexpr FrobeniusForm kForms[] = {FrobeniusForm::kAuto, FrobeniusForm::kJacobian,
                                    FrobeniusForm::kGram, FrobeniusForm::kComposed};
std::string name_of(FrobeniusForm form) {
  return std::vector<std::string>{"auto", "Jacobian", "Gram",
                                  "composed"}[static_cast<std::size_t>(form)];
}

// By explicit Jacobians in float64.
Tensor explicit_norms(const Support& s, const Tensor& hessian) {
  const auto wide = [](const Tensor& t) { return t.defined() ? t.to(at::kDouble) : t; };
  const auto kernel =
      stein::composed::kernel_matrix({wide(s.points), wide(s.score), wide(s.bandwidth), s.alive});
  const Tensor norms =
      stein::frobenius_squared_of(stein::composed::velocity_jacobian(kernel, wide(hessian)));
  return s.alive.defined() ? norms.masked_fill(s.alive.logical_not(), 0) : norms;
}

Support support_of(const RandomStep& step, const Tensor& alive = {}) {
  return {step.particles, step.score, step.bandwidth, alive};
}

// The same numbers in another type, so that the two differ by the rounding of the work alone.
Support in_type(const Support& s, at::ScalarType type) {
  return {s.points.to(at::kFloat).to(type), s.score.to(at::kFloat).to(type),
          s.bandwidth.to(at::kFloat).to(type), s.alive};
}

void expect_all_forms(const Support& s, const Tensor& hessian, const std::string& what) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const Support typed = in_type(s, type);
    const Tensor typed_hessian = hessian.defined() ? hessian.to(at::kFloat).to(type) : Tensor();
    const Tensor expected = explicit_norms(typed, typed_hessian);
    for (const auto form : kForms) {
      if (form == FrobeniusForm::kGram && hessian.defined()) continue;
      const Tensor found = stein::frobenius_squared_exact(typed, typed_hessian, form);
      EXPECT_EQ(found.scalar_type(), type);
      EXPECT_FALSE(found.requires_grad());
      expect_close(found, expected, tolerance(type), what + " " + name_of(form));
    }
  }
}

TEST(SteinFrobenius, EveryFormIsTheNormOfTheExplicitJacobians) {
  std::uint64_t seed = 0;
  for (const std::int64_t count : {1, 2, 7, 16, 33, 70}) {
    for (const std::int64_t dim : {1, 2, 3, 6, 17, 40}) {
      const auto step = random_step(0, count, dim, ++seed);
      Support s = support_of(step);
      s.bandwidth = s.bandwidth * std::sqrt(static_cast<double>(dim));
      const std::string what = std::to_string(count) + " x " + std::to_string(dim);
      expect_all_forms(s, {}, what);
      expect_all_forms(s, step.hessian, what + " with H");
    }
  }
}

TEST(SteinFrobenius, LeadingDimensionsAreIndependentSetsWithMasksOfTheirOwn) {
  for (const std::int64_t dim : {3, 40}) {
    const auto step = random_step(6, 9, dim, 50);
    Support s{step.particles.view({2, 3, 9, dim}),
              step.score.view({2, 3, 9, dim}),
              step.bandwidth.expand({6}).contiguous().view({2, 3}) *
                  at::arange(2, 8, at::kDouble).view({2, 3}),
              {}};
    const Tensor hessian = step.hessian.view({2, 3, 9, dim, dim});
    expect_all_forms(s, hessian, "no mask");
    s.alive = at::ones({2, 3, 9}, at::kBool);
    s.alive[0][1].slice(0, 2, 7).fill_(false);
    s.alive[1][2].slice(0, 1, 9).fill_(false);
    expect_all_forms(s, {}, "masks");
    expect_all_forms(s, hessian, "masks with H");
    const Tensor whole = stein::frobenius_squared_exact(s, {}, FrobeniusForm::kAuto);
    const Support one{s.points[0][1], s.score[0][1], s.bandwidth[0][1], s.alive[0][1]};
    expect_same_bits(whole[0][1], stein::frobenius_squared_exact(one, {}, FrobeniusForm::kAuto),
                     "one set of six");
  }
}

TEST(SteinFrobenius, HoldsAcrossBlocksOfRowsTilesOfColumnsAndGroupsOfSets) {
  const auto step = random_step(0, 300, 7, 51);
  Support s = support_of(step);
  s.bandwidth = s.bandwidth * 3;
  expect_all_forms(s, {}, "300 x 7");
  s.alive = draw::uniform_like(step.particles.select(1, 0), Seed(52).generator()) < 0.7;
  expect_all_forms(s, step.hessian, "300 x 7, masked, with H");
  expect_all_forms(s, {}, "300 x 7, masked");
  const auto sets = random_step(40, 64, 3, 53);
  expect_all_forms({sets.particles, sets.score, at::linspace(1, 3, 40, at::kDouble), {}}, {},
                   "40 x 64 x 3");
}

TEST(SteinFrobenius, NearTheTargetTheSumsOfLargeSetsCancelWithoutLoss) {
  // Score and repulsion of draws from the target balance: Σκ and Σκ gᵀd agree to a few per cent.
  for (const std::int64_t dim : {1, 2}) {
    const Tensor x = draw::normal_like(at::empty({1024, dim}, at::kDouble), Seed(55).generator());
    const Support s{x, -x, at::full({}, 2.0, at::kDouble), {}};
    expect_all_forms(s, {}, std::to_string(dim));
  }
}

TEST(SteinFrobenius, DroppedParticlesMayHoldAnythingAndGetZero) {
  const auto step = random_step(0, 8, 5, 60);
  Support s = support_of(step, at::ones({8}, at::kBool));
  s.alive[3].fill_(false);
  const Support clean = s;
  s.points = s.points.clone();
  s.score = s.score.clone();
  s.points[3].fill_(std::numeric_limits<double>::quiet_NaN());
  s.score[3].fill_(std::numeric_limits<double>::infinity());
  for (const auto form : kForms) {
    const Tensor found = stein::frobenius_squared_exact(s, {}, form);
    EXPECT_EQ(found[3].item<double>(), 0.0) << name_of(form);
    expect_close(found, explicit_norms(clean, {}), tolerance<double>(), name_of(form));
  }
}

TEST(SteinFrobenius, CoincidentParticlesPullByTheirIdentityTermsAlone) {
  // d = 0 and κ = 1 for all M - 1 others: A = (β (M-1)/M) I.
  for (const std::int64_t dim : {1, 4, 60}) {
    const Tensor x = at::full({5, dim}, 3.25, at::kDouble);
    const Tensor score = draw::normal_like(x, Seed(61).generator());
    const Support s{x, score, at::full({}, 0.5, at::kDouble), {}};
    const double beta = 4.0;
    const Tensor expected =
        at::full({5}, beta * beta * 16.0 / 25.0 * static_cast<double>(dim), at::kDouble);
    for (const auto form : kForms)
      expect_close(stein::frobenius_squared_exact(s, {}, form), expected, tolerance<double>(),
                   name_of(form));
  }
}

TEST(SteinFrobenius, OfOneParticleIsItsHessian) {
  const auto step = random_step(0, 1, 4, 62);
  const Tensor expected = step.hessian.square().sum({-2, -1});
  for (const auto form : {FrobeniusForm::kAuto, FrobeniusForm::kJacobian, FrobeniusForm::kComposed})
    expect_close(stein::frobenius_squared_exact(support_of(step), step.hessian, form), expected,
                 tolerance<double>(), name_of(form));
}

// Tight clusters far apart: inner products of centred particles cancel between the fourth power
// of the distance and that of the bandwidth.
Support clusters(std::int64_t dim, double distance) {
  Generator generator = Seed(63).generator();
  const Tensor near = draw::normal_like(at::empty({12, dim}, at::kDouble), generator);
  const Tensor centre = draw::normal_like(at::empty({3, 1, dim}, at::kDouble), generator);
  const Tensor x = (near.view({3, 4, dim}) + distance * centre).view({12, dim});
  return {x, draw::normal_like(x, generator), at::full({}, std::sqrt(0.5 * dim), at::kDouble), {}};
}

TEST(SteinFrobenius, FarApartClustersAreExactInFloat32AndFloat64) {
  constexpr std::int64_t kDim = 200;
  for (const double distance : {1e2, 1e4, 1e6}) {
    for (const auto type : {at::kDouble, at::kFloat}) {
      const Support s = in_type(clusters(kDim, distance), type);
      const Support wide = in_type(s, at::kDouble);
      ASSERT_TRUE(stein::internal::gram_is_cheaper(1, s.points));
      const Tensor expected = stein::frobenius_squared_exact(wide, {}, FrobeniusForm::kComposed);
      for (const auto form : {FrobeniusForm::kAuto, FrobeniusForm::kJacobian})
        expect_close(stein::frobenius_squared_exact(s, {}, form), expected, tolerance(type),
                     name_of(form) + " at " + std::to_string(distance));
    }
  }
}

TEST(SteinFrobenius, TheGramFormKnowsWhereItCancels) {
  for (const double distance : {1.0, 1e2, 1e3, 1e4, 1e6}) {
    const Support s = clusters(40, distance);
    const auto in = stein::pair_inputs(s, {}, s.points, "test");
    const auto gram = stein::internal::gram_norms(in, tolerance<double>());
    const Tensor expected = stein::frobenius_squared_exact(s, {}, FrobeniusForm::kComposed);
    const Tensor error = ((gram.squared - expected) / expected).abs();
    EXPECT_TRUE(at::where(gram.exact, error < tolerance<double>(), gram.exact.logical_not())
                    .all()
                    .item<bool>())
        << distance << ": " << error;
    EXPECT_TRUE(distance > 1.0 || gram.exact.all().item<bool>());
    EXPECT_TRUE(distance < 1e6 || !gram.exact.any().item<bool>());
  }
}

TEST(SteinFrobenius, NeverIsNaNForFiniteNumbers) {
  for (const std::int64_t dim : {2, 400}) {  // 400: (8a), where it can
    for (const double size : {1e-30, 1e-3, 1e6, 1e30, 3e38}) {
      for (const double bandwidth : {1e-30, 1e-6, 1.0, 1e6, 1e30}) {
        Tensor x = size * at::linspace(-1, 1, 6 * dim, at::kDouble).view({6, dim});
        x[5] = x[4];
        const Support s =
            in_type({x, x.flip(0) * 0.5, at::full({}, bandwidth, at::kDouble), {}}, at::kFloat);
        for (const auto form : {FrobeniusForm::kAuto, FrobeniusForm::kJacobian}) {
          const Tensor found = stein::frobenius_squared_exact(s, {}, form);
          EXPECT_FALSE(found.isnan().any().item<bool>())
              << name_of(form) << " size " << size << " bandwidth " << bandwidth << found;
        }
      }
    }
  }
}

TEST(SteinFrobenius, IsZeroForParticlesTooFarApartForTheInnerProductsOfFloat64) {
  const Tensor x = 1e120 * at::linspace(-1, 1, 6 * 400, at::kDouble).view({6, 400});
  const Support s{x, x.flip(0), at::full({}, 1.0, at::kDouble), {}};
  ASSERT_TRUE(stein::internal::gram_is_cheaper(1, x));
  for (const auto form : {FrobeniusForm::kAuto, FrobeniusForm::kJacobian, FrobeniusForm::kGram})
    EXPECT_TRUE((stein::frobenius_squared_exact(s, {}, form) == 0).all().item<bool>())
        << name_of(form);
}

template <class Real>
void expect_machines_agree(const Support& s, const Tensor& hessian, const Tensor& expected) {
  std::vector<stein::NormPass<Real>> machines{stein::baseline::norms<Real>};
#ifdef ERGON_HAS_WIDE_VECTORS
  if (stein::machine_has_vectors(32)) machines.push_back(stein::avx2::norms<Real>);
  if (stein::machine_has_vectors(64)) machines.push_back(stein::avx512::norms<Real>);
#endif
  const std::int64_t count = s.points.size(0);
  const stein::NormSet<Real> set{s.points.data_ptr<Real>(),
                                 s.score.data_ptr<Real>(),
                                 hessian.data_ptr<Real>(),
                                 nullptr,
                                 count,
                                 s.points.size(1),
                                 Real(1) / (s.bandwidth.item<Real>() * s.bandwidth.item<Real>()),
                                 Real(1) / Real(count)};
  std::vector<std::int64_t> wanted;
  for (std::int64_t i = 0; i < count; i += 2) wanted.push_back(i);
  for (std::size_t k = 0; k < machines.size(); ++k) {
    const Tensor found = at::full({count}, -1.0, s.points.options());
    machines[k](set, wanted.data(), static_cast<std::int64_t>(wanted.size()),
                found.data_ptr<Real>());
    const std::string what = "machine " + std::to_string(k);
    const auto even = [](const Tensor& t) { return t.slice(0, 0, t.size(0), 2).clone(); };
    expect_close(even(found), even(expected), tolerance<Real>(), what);
    EXPECT_TRUE((found.slice(0, 1, count, 2) == -1.0).all().item<bool>()) << what;
  }
}

TEST(SteinFrobenius, EveryInstructionSetWritesTheParticlesThatAreAskedForAndNoOthers) {
  for (const std::int64_t dim : {5, 300}) {  // 300: more than one strip of rows
    const auto step = random_step(0, 40, dim, 64);
    Support s = support_of(step);
    s.bandwidth = s.bandwidth * std::sqrt(static_cast<double>(dim));
    for (const auto type : {at::kDouble, at::kFloat}) {
      const Support typed = in_type(s, type);
      const Tensor hessian = (0.1 * step.hessian).to(at::kFloat).to(type);
      const Tensor expected = explicit_norms(typed, hessian);
      if (type == at::kDouble) expect_machines_agree<double>(typed, hessian, expected);
      if (type == at::kFloat) expect_machines_agree<float>(typed, hessian, expected);
    }
  }
}

TEST(SteinFrobenius, TakesTheGramFormWhereMatricesAreLarge) {
  const auto gram = [](std::int64_t sets, std::int64_t count, std::int64_t dim, at::ScalarType t) {
    return stein::internal::gram_is_cheaper(sets, at::empty({count, dim}, t));
  };
  for (const auto type : {at::kFloat, at::kDouble}) {
    EXPECT_TRUE(gram(1, 10, 784, type));
    EXPECT_TRUE(gram(1, 100, 784, type));
    EXPECT_TRUE(gram(1, 256, 200, type));
    EXPECT_TRUE(gram(256, 10, 100, type));
    EXPECT_FALSE(gram(1, 10, 50, type));
    EXPECT_FALSE(gram(256, 10, 6, type));
    EXPECT_FALSE(gram(1, 256, 17, type));
    EXPECT_FALSE(gram(1, 4096, 17, type));
    EXPECT_FALSE(gram(1, 100000, 50, type));
  }
  EXPECT_FALSE(gram(1, 10, 100, at::kFloat));  // one small set: too little work for the calls
}

// kB from /proc/self/status; -1 where there is none.
long status_kilobytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == key + ":") {
      long value = -1;
      status >> value;
      return value;
    }
  }
  return -1;
}

TEST(SteinFrobenius, NeedsNoMemoryOfTheSizeOfTheJacobiansOrTheKernel) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "AddressSanitizer keeps freed memory";
#endif
#endif
  if (!std::ofstream("/proc/self/clear_refs")) GTEST_SKIP() << "no /proc to measure memory by";
  constexpr std::int64_t kCount = 2000, kDim = 100;  // in float64 Jacobians 160 MB, kernel 32 MB
  const Tensor x = draw::normal_like(at::empty({kCount, kDim}, at::kFloat), Seed(66).generator());
  const Support s{x, -x, at::full({}, 5.0, at::kFloat), {}};
  Tensor norms;
  for (const auto form : {FrobeniusForm::kJacobian, FrobeniusForm::kGram}) {
#ifdef __GLIBC__
    malloc_trim(0);  // so that nothing comes from what earlier tests left
#endif
    std::ofstream("/proc/self/clear_refs") << "5";  // VmHWM starts again from what is held now
    const long before = status_kilobytes("VmHWM");
    const Tensor found = stein::frobenius_squared_exact(s, {}, form);
    const long grown = status_kilobytes("VmHWM") - before;
    RecordProperty("peak_kilobytes_" + name_of(form), static_cast<int>(grown));
    EXPECT_GT(grown, 0) << name_of(form);
    EXPECT_LT(grown, 24 * 1024) << name_of(form);
    if (norms.defined()) expect_close(found, norms, tolerance<float>(), "of the two forms");
    norms = found;
  }
}

TEST(SteinFrobenius, RefusesWhatItCannotAnswer) {
  const auto step = random_step(0, 4, 3, 67);
  const Support s = support_of(step);
  EXPECT_THROW(stein::frobenius_squared_exact(s, step.hessian, FrobeniusForm::kGram), InvalidInput);
  EXPECT_THROW(stein::frobenius_squared_exact(s, step.hessian[0], FrobeniusForm::kAuto),
               InvalidInput);
  EXPECT_THROW(stein::frobenius_squared_exact(s, step.hessian.to(at::kFloat), FrobeniusForm::kAuto),
               InvalidInput);
  const Support dead = support_of(step, at::zeros({4}, at::kBool));
  EXPECT_THROW(stein::frobenius_squared_exact(dead, {}, FrobeniusForm::kAuto), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
