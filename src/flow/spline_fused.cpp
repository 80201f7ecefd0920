#include "spline_fused.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace ergon::spline {
namespace {

constexpr std::int64_t kGrain = 128;   // coordinates that are worth a thread
constexpr std::int64_t kBlock = 1024;  // coordinates whose exponentials stay in the cache

/// Where one axis of one coordinate holds a number.
struct Interval {
  std::int64_t index;
  double lower, size;
  double before;  // sum of the weights of the bins below
};

/// What all coordinates share: a bin has size floor + span · its share of the softmax.
struct Sizes {
  std::int64_t bins;
  double tail, floor, span;

  explicit Sizes(const Shape& shape)
      : bins(shape.bins),
        tail(shape.tail),
        floor(2 * shape.tail * shape.least_share()),
        span(2 * shape.tail - static_cast<double>(shape.bins) * floor) {}
};

/// Reduces numbers two at a time, a chain of half the length.
template <class Result, class T, class Operation>
Result reduce(const T* numbers, std::int64_t count, const Operation& operation) {
  Result even = static_cast<Result>(numbers[0]), odd = static_cast<Result>(numbers[1]);
  std::int64_t k = 2;
  for (; k + 1 < count; k += 2) {
    even = operation(even, static_cast<Result>(numbers[k]));
    odd = operation(odd, static_cast<Result>(numbers[k + 1]));
  }
  if (k < count) even = operation(even, static_cast<Result>(numbers[k]));
  return operation(even, odd);
}

/// One axis of one coordinate: its bins side by side from -tail on.
template <class T>
class Axis {
 public:
  Axis(const Sizes& sizes, const T* weights) : sizes_(sizes), weights_(weights) {
    total_ = reduce<double>(weights, sizes.bins, [](double a, double b) { return a + b; });
    scale_ = sizes.span / total_;
  }

  Interval holding(double value) const {
    return walk([value](std::int64_t, double upper) { return value < upper; });
  }
  Interval at(std::int64_t index) const {
    return walk([index](std::int64_t k, double) { return k == index; });
  }

  /// Writes the cotangents of the logits, given those of one bin's lower end and size.
  void pull_back(const Interval& bin, double of_lower, double of_size, T* out) const {
    const double own = static_cast<double>(weights_[bin.index]);
    const double mean = (bin.before * of_lower + own * of_size) / total_;
    for (std::int64_t k = 0; k < sizes_.bins; ++k) {
      const double direct = k < bin.index ? of_lower : k == bin.index ? of_size : 0;
      out[k] = static_cast<T>(scale_ * static_cast<double>(weights_[k]) * (direct - mean));
    }
  }

 private:
  template <class Stop>
  Interval walk(const Stop& stop) const {
    double lower = -sizes_.tail, before = 0;
    const std::int64_t last = sizes_.bins - 1;
    for (std::int64_t k = 0; k < last; ++k) {
      const auto weight = static_cast<double>(weights_[k]);
      const double upper = lower + (sizes_.floor + scale_ * weight);
      if (stop(k, upper)) return {k, lower, upper - lower, before};
      lower = upper;
      before += weight;
    }
    return {last, lower, sizes_.tail - lower, before};
  }

  const Sizes& sizes_;
  const T* weights_;
  double total_ = 0, scale_ = 0;
};

/// A slope at a knot, and its derivative with respect to the number it comes from.
struct KnotSlope {
  double value = 1, derivative = 0;
};

template <class T>
KnotSlope knot_slope(const Sizes& sizes, const T* numbers, std::int64_t knot) {
  if (knot == 0 || knot == sizes.bins) return {};
  // tanh z = 1 - 2 / (exp 2z + 1), which neither overflows nor misses 0 at 0.
  constexpr T bound = kLogSlopeBound;
  const T t = 1 - 2 / (std::exp(numbers[knot - 1] * (2 / bound)) + 1);
  const auto value = static_cast<double>(std::exp(bound * t)), tanh = static_cast<double>(t);
  return {value, value * (1 - tanh * tanh)};
}

/// Cotangents of x and of what defines its bin.
struct BinCotangents {
  double x = 0, left = 0, width = 0, bottom = 0, height = 0, left_slope = 0, right_slope = 0;
};

/// The rational function of one bin at ξ; d₀, d₁ are the slopes at its ends.
struct Rational {
  double width, height, d0, d1, xi;
  double s, product, numerator, denominator, quadratic;

  Rational(double width, double height, double d0, double d1, double xi)
      : width(width), height(height), d0(d0), d1(d1), xi(xi) {
    s = height / width;
    product = xi * (1 - xi);
    numerator = s * xi * xi + d0 * product;
    denominator = s + (d0 + d1 - 2 * s) * product;
    quadratic = d1 * xi * xi + 2 * s * product + d0 * (1 - xi) * (1 - xi);
  }
  double rise() const { return height * numerator / denominator; }
  double slope() const {
    const double ratio = s / denominator;
    return ratio * ratio * quadratic;
  }
  /// Of a f(x) + b log f'(x).
  BinCotangents pull_back(double a, double b) const {
    const double rest = 1 - xi;
    const double to_numerator = a * height / denominator;
    const double to_denominator = -(a * rise() + 2 * b) / denominator;
    const double to_quadratic = b / quadratic;
    const double to_product =
        d0 * to_numerator + (d0 + d1 - 2 * s) * to_denominator + 2 * s * to_quadratic;
    const double to_xi = 2 * s * xi * to_numerator + 2 * (d1 * xi - d0 * rest) * to_quadratic +
                         to_product * (1 - 2 * xi);
    const double to_s = 2 * b / s + xi * xi * to_numerator + (1 - 2 * product) * to_denominator +
                        2 * product * to_quadratic;
    BinCotangents to;
    to.x = to_xi / width;
    to.left = -to.x;
    to.width = -(to_s * s + to_xi * xi) / width;
    to.bottom = a;
    to.height = a * numerator / denominator + to_s / width;
    to.left_slope = product * (to_numerator + to_denominator) + rest * rest * to_quadratic;
    to.right_slope = product * to_denominator + xi * xi * to_quadratic;
    return to;
  }
};

/// Of a g + b log g' for g = f or f⁻¹; `x` is then the cotangent of what g is applied to.
BinCotangents pull_back_of(const Rational& f, double a, double b, Direction direction) {
  if (direction == Direction::kForward) return f.pull_back(a, b);
  // With x = f⁻¹(y) this is a x - b log f'(x), and f(x; θ) = y ties x to y and θ.
  const double to_y = (a - b * f.pull_back(0, 1).x) / f.slope();
  BinCotangents to = f.pull_back(-to_y, -b);
  to.x = to_y;
  return to;
}

/// ξ at a share η of the bin's height: spline_composed.cpp says why in this form.
double solve(double s, double d0, double d1, double eta) {
  const double difference = d0 * (1 - eta) - d1 * eta, b = difference + 2 * s * eta;
  const double root = std::sqrt(difference * difference + 4 * s * s * eta * (1 - eta));
  return b >= 0 ? 2 * s * eta / (b + root) : (root - b) / (2 * (s - b));
}

/// One coordinate at a point inside the tails.
template <class T>
struct Coordinate {
  Axis<T> across, up;
  Interval horizontal, vertical;
  KnotSlope left, right;
  Rational rational;

  static Coordinate find(
      const Sizes& sizes, const T* weights, const T* theta, double value, Direction direction) {
    const Axis<T> across(sizes, weights), up(sizes, weights + sizes.bins);
    const bool forward = direction == Direction::kForward;
    const Interval found = (forward ? across : up).holding(value);
    const Interval other = (forward ? up : across).at(found.index);
    const Interval& h = forward ? found : other;
    const Interval& v = forward ? other : found;
    const T* slopes = theta + 2 * sizes.bins;
    const KnotSlope left = knot_slope(sizes, slopes, found.index);
    const KnotSlope right = knot_slope(sizes, slopes, found.index + 1);
    const double share = (value - found.lower) / found.size;
    const double xi = forward ? share : solve(v.size / h.size, left.value, right.value, share);
    return {across, up, h, v, left, right, {h.size, v.size, left.value, right.value, xi}};
  }

  /// Writes the cotangents of θ.
  void pull_back(const Sizes& sizes, const BinCotangents& to, T* out) const {
    across.pull_back(horizontal, to.left, to.width, out);
    up.pull_back(vertical, to.bottom, to.height, out + sizes.bins);
    T* slopes = out + 2 * sizes.bins;
    std::fill_n(slopes, sizes.bins - 1, T(0));
    const std::int64_t knot = horizontal.index;
    if (knot > 0) slopes[knot - 1] = static_cast<T>(to.left_slope * left.derivative);
    if (knot + 1 < sizes.bins) slopes[knot] = static_cast<T>(to.right_slope * right.derivative);
  }
};

/// Where a coordinate goes, and the logarithm of the slope there.
struct Image {
  double point, log_slope;
};

template <class T>
Image image_of(const Coordinate<T>& at, Direction direction) {
  const double log_slope = std::log(at.rational.slope());
  if (direction == Direction::kForward) return {at.vertical.lower + at.rational.rise(), log_slope};
  return {at.horizontal.lower + at.horizontal.size * at.rational.xi, -log_slope};
}

/// logit - greatest of both axes, (count, 2, bins).
template <class T>
void centre_logits(const Shape& shape, const T* theta, std::int64_t count, T* out) {
  const std::int64_t bins = shape.bins;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t axis = 0; axis < 2; ++axis) {
      const T* from = theta + i * shape.parameters() + axis * bins;
      T* to = out + (2 * i + axis) * bins;
      const T greatest = reduce<T>(from, bins, [](T a, T b) { return b > a ? b : a; });
      for (std::int64_t k = 0; k < bins; ++k) to[k] = from[k] - greatest;
    }
  }
}

/// Calls visit(i, weights) for every coordinate, with the exponentials of its logits, widths before
/// heights. They are taken block by block, by libtorch's vectors.
template <class T, class Visit>
void for_each_coordinate(const Shape& shape, const Tensor& theta, const Visit& visit) {
  const std::int64_t stride = shape.parameters(), row = 2 * shape.bins;
  const T* numbers = theta.data_ptr<T>();
  at::parallel_for(0, theta.numel() / stride, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const Tensor block = at::empty({std::min(kBlock, end - begin), row}, theta.options());
    T* weights = block.data_ptr<T>();
    for (std::int64_t first = begin; first < end; first += kBlock) {
      const std::int64_t count = std::min(kBlock, end - first);
      centre_logits(shape, numbers + first * stride, count, weights);
      block.narrow(0, 0, count).exp_();
      for (std::int64_t i = 0; i < count; ++i) visit(first + i, weights + i * row);
    }
  });
}

template <class T>
const T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

Tensor contiguous(const Tensor& tensor) {
  return tensor.defined() ? tensor.detach().contiguous() : tensor;
}

template <class T>
Transformed map_of(const Shape& shape, const Tensor& x, const Tensor& theta, Direction direction) {
  Transformed out{at::empty_like(x), at::empty_like(x)};
  const T* in = x.data_ptr<T>();
  const T* numbers = theta.data_ptr<T>();
  T* points = out.points.data_ptr<T>();
  T* logs = out.log_derivative.data_ptr<T>();
  const Sizes sizes(shape);
  for_each_coordinate<T>(shape, theta, [&](std::int64_t i, const T* weights) {
    points[i] = in[i];
    logs[i] = 0;
    const auto value = static_cast<double>(in[i]);
    if (!(std::abs(value) <= shape.tail)) return;
    const auto at =
        Coordinate<T>::find(sizes, weights, numbers + i * shape.parameters(), value, direction);
    const Image image = image_of(at, direction);
    points[i] = static_cast<T>(image.point);
    logs[i] = static_cast<T>(image.log_slope);
  });
  return out;
}

template <class T>
PulledBack pull_back_of(const Shape& shape,
                        const Place& place,
                        const Cotangents& up,
                        Wanted wanted) {
  PulledBack out{at::empty_like(place.points), {}};
  if (wanted == Wanted::kPointsAndTheta) out.theta = at::empty_like(place.theta);
  const T* in = place.points.data_ptr<T>();
  const T* numbers = place.theta.data_ptr<T>();
  const T* of_points = data_or_null<T>(up.points);
  const T* of_logs = data_or_null<T>(up.log_derivative);
  T* to_points = out.points.data_ptr<T>();
  T* to_theta = out.theta.defined() ? out.theta.data_ptr<T>() : nullptr;
  const std::int64_t stride = shape.parameters();
  const Sizes sizes(shape);
  for_each_coordinate<T>(shape, place.theta, [&](std::int64_t i, const T* weights) {
    const double a = of_points ? static_cast<double>(of_points[i]) : 0;
    const double b = of_logs ? static_cast<double>(of_logs[i]) : up.log_derivative_everywhere;
    to_points[i] = static_cast<T>(a);
    const auto value = static_cast<double>(in[i]);
    if (!(std::abs(value) <= shape.tail)) {
      if (to_theta != nullptr) std::fill_n(to_theta + i * stride, stride, T(0));
      return;
    }
    const auto at =
        Coordinate<T>::find(sizes, weights, numbers + i * stride, value, place.direction);
    const BinCotangents to = pull_back_of(at.rational, a, b, place.direction);
    to_points[i] = static_cast<T>(to.x);
    if (to_theta != nullptr) at.pull_back(sizes, to, to_theta + i * stride);
  });
  return out;
}

/// (G - ∂ log g'/∂x) / g' for g = f or f⁻¹.
double carried_force(const Rational& f, double force, Direction direction) {
  const double of_log_slope = f.pull_back(0, 1).x;
  return direction == Direction::kForward ? (force - of_log_slope) / f.slope()
                                          : force * f.slope() + of_log_slope;
}

template <class T>
CarriedCoordinates carry_of(const Shape& shape, const Place& place, const Tensor& force) {
  CarriedCoordinates out{{at::empty_like(place.points), at::empty_like(place.points)},
                         at::empty_like(place.points),
                         at::empty_like(place.theta)};
  const T* in = place.points.data_ptr<T>();
  const T* numbers = place.theta.data_ptr<T>();
  const T* forces = force.data_ptr<T>();
  T* points = out.mapped.points.data_ptr<T>();
  T* logs = out.mapped.log_derivative.data_ptr<T>();
  T* carried = out.force.data_ptr<T>();
  T* to_theta = out.theta.data_ptr<T>();
  const std::int64_t stride = shape.parameters();
  const Sizes sizes(shape);
  for_each_coordinate<T>(shape, place.theta, [&](std::int64_t i, const T* weights) {
    points[i] = in[i];
    logs[i] = 0;
    carried[i] = forces[i];
    const auto value = static_cast<double>(in[i]);
    if (!(std::abs(value) <= shape.tail)) {
      std::fill_n(to_theta + i * stride, stride, T(0));
      return;
    }
    const auto at =
        Coordinate<T>::find(sizes, weights, numbers + i * stride, value, place.direction);
    const Image image = image_of(at, place.direction);
    const double g = carried_force(at.rational, static_cast<double>(forces[i]), place.direction);
    points[i] = static_cast<T>(image.point);
    logs[i] = static_cast<T>(image.log_slope);
    carried[i] = static_cast<T>(g);
    at.pull_back(sizes, pull_back_of(at.rational, g, 1, place.direction), to_theta + i * stride);
  });
  return out;
}

}  // namespace

bool fused_applies(const Tensor& x, const Tensor& theta) {
  const auto type = x.scalar_type();
  return x.device().is_cpu() && theta.device().is_cpu() && type == theta.scalar_type() &&
         (type == at::kFloat || type == at::kDouble);
}

Transformed fused_map(const Shape& shape, const Place& at) {
  const Tensor x = contiguous(at.points), theta = contiguous(at.theta);
  return x.scalar_type() == at::kFloat ? map_of<float>(shape, x, theta, at.direction)
                                       : map_of<double>(shape, x, theta, at.direction);
}

PulledBack fused_pull_back(const Shape& shape,
                           const Place& at,
                           const Cotangents& cotangents,
                           Wanted wanted) {
  const Tensor x = contiguous(at.points), theta = contiguous(at.theta);
  const Place place{x, theta, at.direction};
  const Cotangents up{contiguous(cotangents.points), contiguous(cotangents.log_derivative),
                      cotangents.log_derivative_everywhere};
  return x.scalar_type() == at::kFloat ? pull_back_of<float>(shape, place, up, wanted)
                                       : pull_back_of<double>(shape, place, up, wanted);
}

CarriedCoordinates fused_carry(const Shape& shape, const Place& at, const Tensor& force) {
  const Tensor x = contiguous(at.points), theta = contiguous(at.theta), given = contiguous(force);
  const Place place{x, theta, at.direction};
  return x.scalar_type() == at::kFloat ? carry_of<float>(shape, place, given)
                                       : carry_of<double>(shape, place, given);
}

}  // namespace ergon::spline
