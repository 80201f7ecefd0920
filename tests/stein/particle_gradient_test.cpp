// Derivatives of the particle operators: against central differences, against automatic
// differentiation of the composed form, and the second through the first.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "../../src/stein/composed.hpp"
#include "ergon/core/random.hpp"
#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

namespace composed = stein::composed;
using stein::Support;

Tensor normal(at::IntArrayRef shape, const char* purpose, std::uint64_t index = 0) {
  return draw::normal_like(at::empty(shape, at::kDouble),
                           Seed(403).child(purpose, index).generator());
}

// Points, score, bandwidth, vectors: what is differentiated by.
using Inputs = std::vector<Tensor>;
const char* const kNames[] = {"points", "score", "bandwidth", "vectors"};

struct Shape {
  std::vector<std::int64_t> sets;
  std::int64_t count;
  std::int64_t dim;
  bool dropped;
};

std::string text(const Shape& s) {
  return std::to_string(s.sets.size()) + " leading, " + std::to_string(s.count) + " x " +
         std::to_string(s.dim) + (s.dropped ? " dropped" : "");
}

struct Case {
  Inputs inputs;
  Tensor alive;
};

Case random_case(const Shape& shape) {
  std::vector<std::int64_t> sizes = shape.sets;
  sizes.insert(sizes.end(), {shape.count, shape.dim});
  std::vector<std::int64_t> probes = sizes;
  probes.insert(probes.begin(), 2);
  Case c{{1.2 * normal(sizes, "points") + 0.5, normal(sizes, "score"),
          (0.2 * normal(shape.sets, "bandwidth")).exp() * std::sqrt(static_cast<double>(shape.dim)),
          normal(probes, "vectors")},
         {}};
  if (shape.dropped) {
    c.alive = at::ones(c.inputs[0].sizes().slice(0, c.inputs[0].dim() - 1), at::kBool);
    for (std::int64_t i = 1; i < shape.count; i += 3) {
      c.alive.select(-1, i).fill_(false);
      c.inputs[0].select(-2, i).fill_(1e30);  // whatever they hold
    }
  }
  for (Tensor& each : c.inputs) each.requires_grad_(true);
  return c;
}

enum Parts { kVelocity = 1, kTrace = 2, kKernel = 4, kProducts = 8 };

Tensor weighted(const Tensor& values, const char* purpose, const Tensor& alive) {
  Tensor weights = normal(values.sizes(), purpose);
  if (alive.defined()) {
    weights = weights * (values.dim() == alive.dim() ? alive : alive.unsqueeze(-1));
  }
  return (values * weights).sum();
}

// A random combination of what `parts` names, curved in every sum.
Tensor value_of(const Inputs& in, const Tensor& alive, int parts) {
  const Support s{in[0], in[1], in[2], alive};
  Tensor sum = at::zeros({}, at::kDouble);
  const auto add = [&](const Tensor& values, const char* purpose) {
    sum = sum + weighted(values, purpose, alive) + 0.3 * weighted(values.pow(2), "curved", alive);
  };
  if ((parts & kProducts) != 0) {
    const auto all = stein::velocity_trace_and_products(s, in[3]);
    add(all.products, "A v");
    if ((parts & kVelocity) != 0) add(all.velocity, "phi");
    if ((parts & kTrace) != 0) add(all.drift_trace_sum, "trace");
  } else if ((parts & kTrace) != 0) {
    const auto both = stein::velocity_and_trace(s);
    add(both.drift_trace_sum, "trace");
    if ((parts & kVelocity) != 0) add(both.velocity, "phi");
  } else if ((parts & kVelocity) != 0) {
    add(stein::velocity(s), "phi");
  }
  if ((parts & kKernel) != 0) add(stein::kernel_sums(s), "kernel");
  return sum;
}

// The same of the composed form.
Tensor composed_value_of(const Inputs& in, const Tensor& alive, int parts) {
  const auto kernel = composed::kernel_matrix({in[0], in[1], in[2], alive});
  const auto both = composed::velocity_and_trace(kernel);
  Tensor sum = at::zeros({}, at::kDouble);
  const auto add = [&](const Tensor& values, const char* purpose) {
    sum = sum + weighted(values, purpose, alive) + 0.3 * weighted(values.pow(2), "curved", alive);
  };
  if ((parts & kProducts) != 0) add(composed::jacobian_vector_product(kernel, in[3]), "A v");
  if ((parts & kVelocity) != 0) add(both.velocity, "phi");
  if ((parts & kTrace) != 0) add(both.drift_trace_sum, "trace");
  if ((parts & kKernel) != 0) add(kernel.row_sum.squeeze(-1), "kernel");
  return sum;
}

std::vector<Shape> shapes() {
  return {{{}, 1, 3, false},    {{}, 7, 1, false},     {{}, 9, 2, true},    {{3}, 20, 4, false},
          {{}, 33, 5, false},   {{2}, 40, 9, true},    {{}, 97, 17, false}, {{}, 30, 70, false},
          {{}, 20, 270, false}, {{2, 8}, 10, 3, false}};
}

Inputs gradients(const Tensor& value, const Inputs& inputs, bool again = false) {
  Inputs found = torch::autograd::grad({value}, inputs, {}, true, again, true);
  for (std::size_t k = 0; k < found.size(); ++k)
    if (!found[k].defined()) found[k] = at::zeros_like(inputs[k]);
  return found;
}

TEST(SteinParticleGradient, FirstDerivativesMatchThoseOfTheComposedForm) {
  for (const Shape& shape : shapes()) {
    const Case c = random_case(shape);
    for (const int parts : {1, 2, 4, 3, 5, 6, 7, 8, 11}) {
      const auto ours = gradients(value_of(c.inputs, c.alive, parts), c.inputs);
      const auto truth = gradients(composed_value_of(c.inputs, c.alive, parts), c.inputs);
      for (std::size_t k = 0; k < ours.size(); ++k) {
        const double size = truth[k].norm().item<double>() + 1e-3;
        EXPECT_LE((ours[k] - truth[k]).norm().item<double>(), tolerance<double>() / 10 * size)
            << text(shape) << " parts " << parts << " " << kNames[k];
      }
    }
  }
}

// d/dt of f(inputs + t directions) at 0: five points, error h⁴.
Tensor central(const std::function<Tensor(const Inputs&)>& f,
               const Inputs& inputs,
               const Inputs& directions) {
  constexpr double kStep = 2e-3;
  const auto at_step = [&](double t) {
    Inputs moved;
    for (std::size_t k = 0; k < inputs.size(); ++k)
      moved.push_back((inputs[k] + t * directions[k]).detach().requires_grad_(true));
    return f(moved).detach();
  };
  return (8 * (at_step(kStep) - at_step(-kStep)) - (at_step(2 * kStep) - at_step(-2 * kStep))) /
         (12 * kStep);
}

Tensor inner(const Inputs& a, const Inputs& b) {
  Tensor sum = at::zeros({}, at::kDouble);
  for (std::size_t k = 0; k < a.size(); ++k) sum = sum + (a[k] * b[k]).sum();
  return sum;
}

// One direction per input, and all together.
std::vector<Inputs> directions_of(const Inputs& inputs, const Tensor& alive) {
  std::vector<Inputs> all(inputs.size() + 1);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Tensor d = normal(inputs[k].sizes(), "directions", k);
    if (alive.defined() && k < 2) d = d * alive.unsqueeze(-1);
    for (std::size_t which = 0; which <= inputs.size(); ++which)
      all[which].push_back(which == k || which == inputs.size() ? d : at::zeros_like(d));
  }
  return all;
}

TEST(SteinParticleGradient, FirstDerivativesMatchDifferences) {
  for (const Shape& shape : shapes()) {
    if (shape.count * shape.dim > 500) continue;
    const Case c = random_case(shape);
    for (const int parts : {1, 3, 7, 15}) {
      const auto value = [&](const Inputs& in) { return value_of(in, c.alive, parts); };
      const auto found = gradients(value(c.inputs), c.inputs);
      for (const Inputs& direction : directions_of(c.inputs, c.alive)) {
        const double expected = central(value, c.inputs, direction).item<double>();
        const double size = std::sqrt(inner(found, found).item<double>()) + 1;
        EXPECT_NEAR(inner(found, direction).item<double>(), expected,
                    1e4 * tolerance<double>() * size)
            << text(shape) << " parts " << parts;
      }
    }
  }
}

TEST(SteinParticleGradient, SecondDerivativesMatchDifferencesOfTheFirst) {
  for (const Shape& shape :
       {Shape{{}, 6, 2, false}, Shape{{2}, 7, 5, true}, Shape{{5}, 6, 3, false}}) {
    const Case c = random_case(shape);
    for (const int parts : {1, 3, 7, 15}) {
      const auto directions = directions_of(c.inputs, c.alive).back();
      const auto slope = [&](const Inputs& in) {
        return inner(gradients(value_of(in, c.alive, parts), in), directions);
      };
      const auto first = gradients(value_of(c.inputs, c.alive, parts), c.inputs, true);
      const auto second = gradients(inner(first, directions), c.inputs);
      for (const Inputs& direction : directions_of(c.inputs, c.alive)) {
        const double expected = central(slope, c.inputs, direction).item<double>();
        const double size = std::sqrt(inner(second, second).item<double>()) + 1;
        EXPECT_NEAR(inner(second, direction).item<double>(), expected,
                    1e5 * tolerance<double>() * size)
            << text(shape) << " parts " << parts;
      }
    }
  }
}

TEST(SteinParticleGradient, AnyOfTheInputsAloneAndAnyOutputAlone) {
  const Case c = random_case({{}, 40, 6, false});
  const auto all = gradients(value_of(c.inputs, {}, 11), c.inputs);
  for (std::size_t k = 0; k < c.inputs.size(); ++k) {
    Inputs alone;
    for (std::size_t other = 0; other < c.inputs.size(); ++other)
      alone.push_back(c.inputs[other].detach().clone().requires_grad_(other == k));
    const Tensor found = torch::autograd::grad({value_of(alone, {}, 11)}, {alone[k]})[0];
    expect_same_bits(found, all[k], kNames[k]);
  }
  const auto sums =
      stein::velocity_trace_and_products({c.inputs[0], c.inputs[1], c.inputs[2], {}}, c.inputs[3]);
  const auto truth = composed::velocity_and_trace(
      composed::kernel_matrix({c.inputs[0], c.inputs[1], c.inputs[2], {}}));
  const Inputs few(c.inputs.begin(), c.inputs.begin() + 3);
  const auto velocity = gradients(sums.velocity.pow(3).sum(), few);
  const auto trace = gradients(sums.drift_trace_sum.pow(3).sum(), few);
  const auto true_velocity = gradients(truth.velocity.pow(3).sum(), few);
  const auto true_trace = gradients(truth.drift_trace_sum.pow(3).sum(), few);
  for (std::size_t k = 0; k < few.size(); ++k) {
    expect_close(velocity[k], true_velocity[k], tolerance<double>(), kNames[k]);
    expect_close(trace[k], true_trace[k], tolerance<double>(), kNames[k]);
  }
}

TEST(SteinParticleGradient, TransposedProductsNormsAndJacobiansHaveGradientsToo) {
  const Case c = random_case({{}, 12, 5, false});
  const Support s{c.inputs[0], c.inputs[1], c.inputs[2], {}};
  const auto kernel = composed::kernel_matrix(s);
  const auto expect_same = [&](const Tensor& actual, const Tensor& expected, const char* name) {
    const auto ours = gradients(actual, c.inputs), truth = gradients(expected, c.inputs);
    for (std::size_t k = 0; k < ours.size(); ++k)
      expect_close(ours[k], truth[k], tolerance<double>(), std::string(name) + " " + kNames[k]);
  };
  expect_same(stein::transposed_jacobian_vector_product(s, c.inputs[3]).pow(2).sum(),
              composed::transposed_jacobian_vector_product(kernel, c.inputs[3]).pow(2).sum(),
              "A' v");
  const Tensor jacobian = composed::velocity_jacobian(kernel);
  expect_same(stein::velocity_jacobian(s).pow(3).sum(), jacobian.pow(3).sum(), "Jacobian");
  expect_same(stein::frobenius_squared(s).sum(), stein::frobenius_squared_of(jacobian).sum(),
              "norms");
}

}  // namespace
}  // namespace ergon::testing
