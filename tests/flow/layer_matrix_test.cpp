// What holds for every layer, by one list of layers: layer_cases.hpp.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <ostream>
#include <set>
#include <tuple>

#include "ergon/core/errors.hpp"
#include "flow/carry_oracle.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/contracts.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {

/// What GoogleTest calls a case in its messages.
void PrintTo(const LayerCase& of, std::ostream* out) { *out << of.name; }

namespace {

using Parameter = std::tuple<LayerCase, at::ScalarType>;

/// A layer with points, forces and contexts for it.
class LayerMatrix : public ::testing::TestWithParam<Parameter> {
 protected:
  const Seed seed_ = Seed(20240611);
  const LayerCase& of_ = std::get<0>(GetParam());
  const at::ScalarType type_ = std::get<1>(GetParam());
  const std::unique_ptr<FlowLayer> layer_ = of_.make(type_, seed_);

  Tensor normal(at::IntArrayRef shape, std::string_view purpose) const {
    const Tensor like = at::empty(shape, at::TensorOptions().dtype(type_));
    return draw::normal_like(like, seed_.child(purpose).generator());
  }
  Tensor points(std::int64_t count) const { return normal({count, layer_->dim()}, "points"); }
  Tensor forces(std::int64_t count) const { return normal({count, layer_->dim()}, "forces"); }
  /// (count, C), undefined for C = 0.
  Tensor contexts(std::int64_t count) const {
    const auto size = layer_->context_dim();
    return size == 0 ? Tensor() : normal({count, size}, "contexts");
  }
  /// Points of which some have all coordinates at ± far, the others are uniform in between.
  Tensor far_points(std::int64_t count) const {
    const Tensor like = at::empty({count, layer_->dim()}, at::TensorOptions().dtype(type_));
    Tensor x = draw::uniform_like(like, seed_.child("far").generator()).mul_(2).sub_(1);
    x.slice(0, 0, count / 2).sign_();
    return x.mul_(of_.far);
  }
};

/// What is checked in float64 alone.
class LayerMatrixInDouble : public LayerMatrix {};

/// A layer under one context for all points.
class Bound final : public Bijection {
 public:
  Bound(const FlowLayer& layer, Tensor context) : layer_(layer), context_(std::move(context)) {}
  std::int64_t dim() const override { return layer_.dim(); }
  Mapped forward(const Tensor& x) const override { return layer_.forward(x, rows_for(x)); }
  Mapped inverse(const Tensor& y) const override { return layer_.inverse(y, rows_for(y)); }

 private:
  Tensor rows_for(const Tensor& x) const {
    if (!context_.defined()) return {};
    auto sizes = x.sizes().vec();
    sizes.back() = context_.size(-1);
    return context_.expand(sizes);
  }
  const FlowLayer& layer_;
  Tensor context_;
};

bool all_finite(const Tensor& x) { return at::isfinite(x).all().item<bool>(); }

/// A sum of both results with fixed random weights.
Tensor weighted_sum(const Mapped& mapped, Seed seed) {
  const Tensor w = draw::normal_like(mapped.points, seed.child("points").generator());
  const Tensor v = draw::normal_like(mapped.log_det, seed.child("log-det").generator());
  return (w * mapped.points).sum() + (v * mapped.log_det).sum();
}

/// Gradients in `variables`, zeros where the value does not depend on one.
std::vector<Tensor> gradients(const Tensor& value,
                              const std::vector<Tensor>& variables,
                              bool create_graph) {
  std::vector<Tensor> grads(variables.size());
  if (value.requires_grad()) {
    grads = torch::autograd::grad({value}, variables, {}, create_graph, create_graph,
                                  /*allow_unused=*/true);
  }
  for (std::size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined()) grads[i] = at::zeros_like(variables[i]);
  }
  return grads;
}

TEST_P(LayerMatrix, GoesThereAndBackFarOut) {
  const at::NoGradGuard no_grad;
  const Tensor x = far_points(200), context = contexts(200);
  const Mapped there = layer_->forward(x, context);
  const Mapped back = layer_->inverse(there.points, context);
  for (const Tensor& result : {there.points, there.log_det, back.points, back.log_det}) {
    EXPECT_TRUE(all_finite(result));
    EXPECT_EQ(result.scalar_type(), type_);
  }
  // A layer may stretch by some hundreds, and rounding with it.
  expect_close(back.points, x, 100 * tolerance(type_), "inverse(forward(x))");
  expect_close(-back.log_det, there.log_det, 100 * tolerance(type_), "log-determinants");
}

TEST_P(LayerMatrix, IsNowhereNaN) {
  const Tensor context = contexts(100);
  for (const double size : {0.0, 1e-6, 1e3}) {
    const Tensor x = (far_points(100) * (size / of_.far)).requires_grad_(true);
    for (const Mapped& mapped : {layer_->forward(x, context), layer_->inverse(x, context)}) {
      EXPECT_FALSE(at::isnan(mapped.points).any().item<bool>()) << "points at " << size;
      EXPECT_FALSE(at::isnan(mapped.log_det).any().item<bool>()) << "log-det at " << size;
    }
    const Mapped there = layer_->forward(x, context);
    const Tensor slope = gradients(there.points.sum() + there.log_det.sum(), {x}, false)[0];
    EXPECT_FALSE(at::isnan(slope).any().item<bool>()) << "gradient at " << size;
  }
}

TEST_P(LayerMatrix, CarriesThePointsThatItMaps) {
  const Tensor x = points(30), force = forces(30), context = contexts(30);
  const Mapped there = layer_->forward(x, context);
  const Carried ahead = layer_->carry_forward(x, force, context);
  expect_close(ahead.points, there.points, tolerance(type_), "points ahead");
  expect_close(ahead.log_det, there.log_det, 10 * tolerance(type_), "log-det ahead");
  const Tensor y = there.points.detach();
  const Mapped back = layer_->inverse(y, context);
  const Carried behind = layer_->carry_inverse(y, force, context);
  expect_close(behind.points, back.points, 10 * tolerance(type_), "points back");
  expect_close(behind.log_det, back.log_det, 10 * tolerance(type_), "log-det back");
  for (const Carried& carried : {ahead, behind}) {
    EXPECT_FALSE(carried.force.requires_grad());
    EXPECT_EQ(carried.force.scalar_type(), type_);
    EXPECT_EQ(carried.force.sizes(), force.sizes());
    EXPECT_TRUE(all_finite(carried.force));
    EXPECT_EQ(carried.points.requires_grad(), there.points.requires_grad());
  }
}

TEST_P(LayerMatrix, HasLiveParametersWithNamesOfTheirOwn) {
  const Tensor x = points(30), context = contexts(30);
  std::set<std::string> names;
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : layer_->parameters()) {
    EXPECT_TRUE(names.insert(name).second) << name << " stands twice";
    EXPECT_TRUE(tensor.requires_grad() && tensor.is_leaf()) << name;
    EXPECT_EQ(tensor.scalar_type(), type_) << name;
    tensors.push_back(tensor);
  }
  if (tensors.empty()) return;
  const auto slopes = gradients(weighted_sum(layer_->forward(x, context), seed_), tensors, false);
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    EXPECT_TRUE(all_finite(slopes[i]));
    EXPECT_GT(slopes[i].abs().max().item<double>(), 0) << layer_->parameters()[i].first;
  }
}

TEST_P(LayerMatrix, TreatsRowsAndTheirContextsByThemselves) {
  const at::NoGradGuard no_grad;
  const Tensor x = points(10), context = contexts(10);
  const Mapped before = layer_->forward(x, context);
  Tensor other = x.clone(), other_context = context.defined() ? context.clone() : context;
  if (context.defined()) {
    other_context[0].add_(1);
    const Mapped told = layer_->forward(x, other_context);
    EXPECT_FALSE(told.points[0].equal(before.points[0])) << "the context does not matter";
    EXPECT_THROW(layer_->forward(x, Tensor()), InvalidInput);
    EXPECT_THROW(layer_->inverse(x, Tensor()), InvalidInput);
  }
  other[0].add_(1);
  const Mapped after = layer_->forward(other, other_context);
  EXPECT_FALSE(after.points[0].equal(before.points[0]));
  expect_close(after.points.slice(0, 1), before.points.slice(0, 1), tolerance(type_), "points");
  expect_close(after.log_det.slice(0, 1), before.log_det.slice(0, 1), tolerance(type_), "log-det");
}

TEST_P(LayerMatrix, StartsFromDataWithItsInverse) {
  const Tensor y = points(50), context = contexts(50);
  const Tensor x = layer_->start_from_data(y, context);
  EXPECT_FALSE(x.requires_grad());
  expect_close(x, layer_->inverse(y, context).points, tolerance(type_), "inverse of the batch");
}

TEST_P(LayerMatrixInDouble, IsABijectionWithItsLogDeterminant) {
  const Tensor context = contexts(1);
  const Bound bound(*layer_, context.defined() ? context[0] : context);
  expect_bijection_contract(bound, points(40), 10 * tolerance<double>(), of_.name);
}

TEST_P(LayerMatrixInDouble, HasTheLogDeterminantOfItsAutogradJacobian) {
  const Tensor x = points(6), context = contexts(6);
  const PointMap forward = [&](const Tensor& at) { return layer_->forward(at, context); };
  const PointMap inverse = [&](const Tensor& at) { return layer_->inverse(at, context); };
  const Tensor y = forward(x).points.detach();
  expect_close(forward(x).log_det,
               std::get<1>(at::linalg_slogdet(brute_force_jacobian(forward, x))),
               tolerance<double>(), "forward");
  expect_close(inverse(y).log_det,
               std::get<1>(at::linalg_slogdet(brute_force_jacobian(inverse, y))),
               10 * tolerance<double>(), "inverse");
}

TEST_P(LayerMatrixInDouble, CarriesForcesByTheDefinition) {
  const Tensor x = points(6), force = forces(6), context = contexts(6);
  expect_close(layer_->carry_forward(x, force, context).force,
               brute_force_carry_forward(*layer_, x, force, context), tolerance<double>(), "ahead");
  const Tensor y = layer_->forward(x, context).points.detach();
  expect_close(layer_->carry_inverse(y, force, context).force,
               brute_force_carry_inverse(*layer_, y, force, context), tolerance<double>(), "back");
}

TEST_P(LayerMatrixInDouble, CarriesForcesAsTheDefaultDoes) {
  const Tensor x = points(50), force = forces(50), context = contexts(50);
  expect_close(layer_->carry_forward(x, force, context).force,
               layer_->FlowLayer::carry_forward(x, force, context).force, tolerance<double>(),
               "ahead");
  const Tensor y = layer_->forward(x, context).points.detach();
  expect_close(layer_->carry_inverse(y, force, context).force,
               layer_->FlowLayer::carry_inverse(y, force, context).force, tolerance<double>(),
               "back");
}

TEST_P(LayerMatrixInDouble, TakesLeadingDimensions) {
  const Tensor x = points(12), force = forces(12), context = contexts(12);
  const auto dim = layer_->dim();
  const auto block = [](const Tensor& t) {
    return t.defined() ? t.view({2, 3, 2, t.size(-1)}) : Tensor();
  };
  const Tensor y = layer_->forward(x, context).points.detach();
  const Carried flat[] = {layer_->carry_forward(x, force, context),
                          layer_->carry_inverse(y, force, context)};
  const Carried blocks[] = {layer_->carry_forward(block(x), block(force), block(context)),
                            layer_->carry_inverse(block(y), block(force), block(context))};
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(blocks[i].log_det.sizes().vec(), (std::vector<std::int64_t>{2, 3, 2}));
    expect_close(blocks[i].points.reshape({12, dim}), flat[i].points, tolerance<double>(),
                 "points");
    expect_close(blocks[i].log_det.reshape({12}), flat[i].log_det, tolerance<double>(), "log-det");
    expect_close(blocks[i].force.reshape({12, dim}), flat[i].force, tolerance<double>(), "force");
  }
}

/// The derivative of the gradient along a direction, by autograd and by central differences, in
/// points, context and parameters at once.
void expect_second_derivatives(const FlowLayer& layer,
                               const PointMap& map,
                               std::vector<Tensor> variables,
                               Seed seed) {
  for (auto& [name, tensor] : layer.parameters()) variables.push_back(tensor);
  std::vector<Tensor> directions;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    directions.push_back(draw::normal_like(variables[i], seed.child("direction", i).generator()));
  }
  const auto gradient_at = [&](double step) {
    const auto move = [&](double by) {
      const at::NoGradGuard no_grad;
      for (std::size_t i = 0; i < variables.size(); ++i) variables[i].add_(directions[i], by);
    };
    move(step);
    auto grads = gradients(weighted_sum(map(variables[0]), seed), variables, false);
    move(-step);
    return grads;
  };
  constexpr double kStep = 1e-5, kDifferenceTolerance = 1e-6;
  const auto ahead = gradient_at(kStep), behind = gradient_at(-kStep);

  const auto first = gradients(weighted_sum(map(variables[0]), seed), variables, true);
  Tensor along = at::zeros({}, variables[0].options());
  for (std::size_t i = 0; i < first.size(); ++i) along = along + (first[i] * directions[i]).sum();
  const auto second = gradients(along, variables, false);
  for (std::size_t i = 0; i < second.size(); ++i) {
    const Tensor difference = (ahead[i] - behind[i]) / (2 * kStep);
    const double scale = 1 + difference.abs().max().item<double>();
    EXPECT_LE((second[i] - difference).abs().max().item<double>(), kDifferenceTolerance * scale)
        << "variable " << i << " of " << second.size();
  }
}

TEST_P(LayerMatrixInDouble, IsTwiceDifferentiable) {
  Tensor context = contexts(4);
  std::vector<Tensor> variables = {points(4).requires_grad_(true)};
  if (context.defined()) variables.push_back(context.requires_grad_(true));
  const auto forward = [&](const Tensor& x) { return layer_->forward(x, context); };
  expect_second_derivatives(*layer_, forward, variables, seed_);
  const auto inverse = [&](const Tensor& y) { return layer_->inverse(y, context); };
  expect_second_derivatives(*layer_, inverse, variables, seed_);
}

std::string name_of(const ::testing::TestParamInfo<Parameter>& info) {
  const bool single = std::get<1>(info.param) == at::kFloat;
  return std::get<0>(info.param).name + (single ? "_float32" : "_float64");
}

const std::vector<LayerCase>& cases() {
  static const std::vector<LayerCase> all = layer_cases();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Flow,
                         LayerMatrix,
                         ::testing::Combine(::testing::ValuesIn(cases()),
                                            ::testing::Values(at::kFloat, at::kDouble)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Flow,
                         LayerMatrixInDouble,
                         ::testing::Combine(::testing::ValuesIn(cases()),
                                            ::testing::Values(at::kDouble)),
                         name_of);

}  // namespace
}  // namespace ergon::testing
