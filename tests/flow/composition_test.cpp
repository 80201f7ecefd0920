#include "ergon/flow/composition.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  const Tensor like = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  return draw::normal_like(like, Seed(seed).generator());
}

/// y = scale x + shift, and the context's sum where it takes one. Learns -mean of y as its shift.
class Line final : public FlowLayer {
 public:
  Line(std::int64_t dim, double scale, double shift, std::int64_t context_dim = 0)
      : dim_(dim),
        context_dim_(context_dim),
        scale_(scale),
        shift_(at::full({}, shift, at::kDouble)) {
    shift_.requires_grad_(true);
  }
  std::int64_t dim() const override { return dim_; }
  std::int64_t context_dim() const override { return context_dim_; }
  Mapped forward(const Tensor& x, const Tensor& context) const override {
    return {scale_ * x + offset(context), log_det(x)};
  }
  Mapped inverse(const Tensor& y, const Tensor& context) const override {
    return {(y - offset(context)) / scale_, -log_det(y)};
  }
  NamedTensors parameters() const override { return {{"shift", shift_}}; }
  Tensor start_from_data(const Tensor& y, const Tensor& context) override {
    shift_.detach().copy_(y.mean());
    return FlowLayer::start_from_data(y, context);
  }

 private:
  Tensor offset(const Tensor& context) const {
    return context_dim_ == 0 ? shift_ : shift_ + context.sum(-1, true);
  }
  Tensor log_det(const Tensor& x) const {
    return at::full_like(x.select(-1, 0), static_cast<double>(dim_) * std::log(scale_));
  }
  std::int64_t dim_, context_dim_;
  double scale_;
  Tensor shift_;
};

template <class... Layers>
std::vector<std::unique_ptr<FlowLayer>> list_of(Layers... layers) {
  std::vector<std::unique_ptr<FlowLayer>> list;
  (list.push_back(std::move(layers)), ...);
  return list;
}

std::unique_ptr<FlowLayer> line(std::int64_t dim,
                                double scale,
                                double shift,
                                std::int64_t context_dim = 0) {
  return std::make_unique<Line>(dim, scale, shift, context_dim);
}

TEST(FlowComposition, AppliesTheFirstLayerFirst) {
  const Composition both(list_of(line(2, 2, 1), line(2, 3, -5)));
  const Tensor x = normal({4, 2}, 1);
  const Mapped there = both.forward(x);
  expect_close(there.points, 3 * (2 * x + 1) - 5, tolerance<double>(), "points");
  expect_close(there.log_det, at::full({4}, 2 * std::log(6.0), at::kDouble), tolerance<double>(),
               "log-det");
  const Mapped back = both.inverse(there.points);
  expect_close(back.points, x, tolerance<double>(), "back");
  expect_close(back.log_det, -there.log_det, tolerance<double>(), "log-det back");
}

TEST(FlowComposition, CarriesForcesThroughAllLayers) {
  const Composition both(list_of(line(2, 2, 1), line(2, 4, -5)));
  const Tensor x = normal({4, 2}, 1), force = normal({4, 2}, 2);
  const Carried there = both.carry_forward(x, force, Tensor());
  expect_close(there.force, force / 8, tolerance<double>(), "ahead");
  expect_close(there.log_det, both.forward(x).log_det, tolerance<double>(), "log-det");
  const Carried back = both.carry_inverse(there.points.detach(), there.force, Tensor());
  expect_close(back.force, force, tolerance<double>(), "back");
  expect_close(back.points, x, tolerance<double>(), "points back");
  expect_close(back.log_det, -there.log_det, tolerance<double>(), "log-det back");
}

TEST(FlowComposition, GivesTheContextToTheLayersThatTakeOne) {
  Composition mixed(list_of(line(2, 2, 0, 3), line(2, 5, 1)));
  EXPECT_EQ(mixed.context_dim(), 3);
  const Tensor x = normal({4, 2}, 1), context = normal({4, 3}, 2);
  expect_close(mixed.forward(x, context).points, 5 * (2 * x + context.sum(-1, true)) + 1,
               tolerance<double>(), "points");
  EXPECT_THROW(mixed.forward(x), InvalidInput);
  EXPECT_THROW(mixed.start_from_data(x, Tensor()), InvalidInput);
}

TEST(FlowComposition, NumbersTheNamesOfItsParameters) {
  std::vector<std::unique_ptr<FlowLayer>> inner = list_of(line(2, 2, 7), line(2, 2, 8));
  const Composition outer(
      list_of(line(2, 2, 6), std::unique_ptr<FlowLayer>(new Composition(std::move(inner)))));
  const NamedTensors parameters = outer.parameters();
  ASSERT_EQ(parameters.size(), 3U);
  const char* names[] = {"0.shift", "1.0.shift", "1.1.shift"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(parameters[i].first, names[i]);
    EXPECT_EQ(parameters[i].second.item<double>(), 6 + static_cast<double>(i));
  }
}

TEST(FlowComposition, StartsFromDataAtTheLastLayer) {
  Composition both(list_of(line(2, 2, 0), line(2, 10, 0)));
  const Tensor y = normal({6, 2}, 3) + 40;
  const Tensor x = both.start_from_data(y, Tensor());
  // The last layer sees y, the first one (y - mean) / 10, whose mean is 0.
  const NamedTensors parameters = both.parameters();
  EXPECT_NEAR(parameters[1].second.item<double>(), y.mean().item<double>(), tolerance<double>());
  EXPECT_NEAR(parameters[0].second.item<double>(), 0, tolerance<double>());
  expect_close(x, both.inverse(y).points, tolerance<double>(), "inverse");
}

TEST(FlowComposition, RefusesListsThatDoNotFit) {
  EXPECT_THROW(Composition({}), InvalidInput);
  EXPECT_THROW(Composition{list_of(std::unique_ptr<FlowLayer>(nullptr))}, InvalidInput);
  EXPECT_THROW(Composition(list_of(line(2, 1, 0), line(3, 1, 0))), InvalidInput);
  EXPECT_THROW(Composition(list_of(line(2, 1, 0, 1), line(2, 1, 0, 2))), InvalidInput);
  EXPECT_NO_THROW(Composition(list_of(line(2, 1, 0, 2), line(2, 1, 0), line(2, 1, 0, 2))));
  const Composition one(list_of(line(2, 1, 0)));
  EXPECT_THROW(one.forward(normal({4, 3}, 1)), InvalidInput);
}

TEST(FlowInverse, SwapsTheDirections) {
  const Inverse inverse(line(2, 4, 3));
  const Tensor x = normal({4, 2}, 1), force = normal({4, 2}, 2);
  expect_close(inverse.forward(x).points, (x - 3) / 4, tolerance<double>(), "forward");
  expect_close(inverse.inverse(x).points, 4 * x + 3, tolerance<double>(), "inverse");
  expect_close(inverse.carry_forward(x, force, Tensor()).force, 4 * force, tolerance<double>(),
               "force ahead");
  expect_close(inverse.carry_inverse(x, force, Tensor()).force, force / 4, tolerance<double>(),
               "force back");
  EXPECT_EQ(inverse.parameters().size(), 1U);
  EXPECT_THROW(Inverse(nullptr), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
