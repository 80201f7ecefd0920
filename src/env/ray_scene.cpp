#include "env/ray_scene.hpp"

#include <algorithm>
#include <limits>

namespace ergon::internal {
namespace {

constexpr int kSamplesAcross = 4;  ///< of a pixel on an edge
constexpr double kAmbient = 0.4;
constexpr double kSun = 0.7;
constexpr double kHighlight = 0.12;
constexpr double kTileContrast = 0.13;
constexpr double kHazeTiles = 70.0;  ///< distance, in tiles, at which haze has taken two thirds

/// Screens show about the square root of the light: colours are squared to light, light is rooted
/// to bytes.
Vector3 light_of(const Colour& c) { return {c.red * c.red, c.green * c.green, c.blue * c.blue}; }

const Vector3 kHorizon = light_of({0.93, 0.95, 0.97});
const Vector3 kZenith = light_of({0.5, 0.66, 0.84});
const Vector3 kGround = light_of({0.8, 0.82, 0.83});

Vector3 mix(const Vector3& a, const Vector3& b, double share) {
  return (1.0 - share) * a + share * b;
}

double to_the_32nd(double x) {
  for (int i = 0; i < 5; ++i) x *= x;
  return x;
}

/// Whether the ray passes the sphere of squared radius, in front of its origin.
bool passes(const Ray& ray, const Vector3& centre, double square_radius) {
  const Vector3 offset = centre - ray.origin;
  const double along = dot(offset, ray.direction);
  const double square = dot(offset, offset);
  if (square <= square_radius) return true;
  return along > 0.0 && square - along * along <= square_radius;
}

/// 1 in even intervals, -1 in odd ones, averaged over `width`.
double tile_side(double at, double width) {
  const double whole = std::floor(at);
  const double side = std::fmod(std::fabs(whole), 2.0) == 0.0 ? 1.0 : -1.0;
  const double to_border = std::min(at - whole, whole + 1.0 - at);
  const double fading = std::clamp(1.5 - width, 0.0, 1.0);
  return side * fading * std::min(1.0, 2.0 * to_border / width);
}

}  // namespace

RayScene::RayScene(std::vector<Shape> shapes, const Viewpoint& viewpoint, double tile)
    : shapes_(std::move(shapes)), viewpoint_(viewpoint), tile_(tile) {
  for (const Shape& shape : shapes_) {
    radii_.push_back(shape.bounding_radius() * shape.bounding_radius());
  }
  // Over the viewer's left shoulder, and always from above.
  sun_ = normalized(-0.45 * viewpoint.right + -0.4 * viewpoint.forward + Vector3{0, 0, 0.9});
}

Ray RayScene::ray_at(double column, double row, PictureSize size) const {
  const double unit = 2.0 * viewpoint_.half_height / size.rows;
  const Vector3 direction = viewpoint_.forward +
                            ((column - 0.5 * size.columns) * unit) * viewpoint_.right +
                            ((0.5 * size.rows - row) * unit) * viewpoint_.up;
  return {viewpoint_.position, normalized(direction)};
}

RayScene::Nearest RayScene::nearest(const Ray& ray) const {
  Nearest nearest;
  nearest.hit.distance = std::numeric_limits<double>::infinity();
  Hit hit;
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    if (!passes(ray, shapes_[i].centre, radii_[i])) continue;
    if (intersect(shapes_[i], ray, hit) && hit.distance < nearest.hit.distance) {
      nearest = {static_cast<int>(i), hit};
    }
  }
  return nearest;
}

bool RayScene::lit(const Vector3& point) const {
  const Ray ray = {point, sun_};
  Hit hit;
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    if (shapes_[i].kind == ShapeKind::kPlane || !passes(ray, shapes_[i].centre, radii_[i]))
      continue;
    if (intersect(shapes_[i], ray, hit)) return false;
  }
  return true;
}

Vector3 RayScene::sky(const Vector3& direction) const {
  if (direction.z < 0.0) return mix(kHorizon, kGround, std::min(1.0, -3.0 * direction.z));
  return mix(kHorizon, kZenith, std::min(1.0, 1.6 * direction.z));
}

Vector3 RayScene::tiles(const Shape& plane, const Ray& ray, const Hit& hit, double spread) const {
  const Vector3 offset = ray.origin + hit.distance * ray.direction - plane.centre;
  const double across = hit.distance * spread;  // a pixel's length, seen from its front
  const double slope = -dot(ray.direction, hit.normal);
  double parity = 1.0;
  for (std::size_t i = 0; i < 2; ++i) {
    const Vector3& axis = plane.axes[i];
    const double along = std::fabs(dot(axis, ray.direction));
    const double width = across * (std::fabs(dot(axis, viewpoint_.right)) + along / slope);
    parity *= tile_side(dot(offset, axis) / tile_, width / tile_);
  }
  return (1.0 + kTileContrast * parity) * light_of(plane.colour);
}

RayScene::Sample RayScene::trace(const Ray& ray, double spread) const {
  const Nearest met = nearest(ray);
  if (met.shape < 0) return {sky(ray.direction), -1};
  const Shape& shape = shapes_[static_cast<std::size_t>(met.shape)];
  const bool plane = shape.kind == ShapeKind::kPlane;
  int edge = 2 * met.shape;
  const Vector3 own = plane ? tiles(shape, ray, met.hit, spread) : light_of(shape.colour);
  const Vector3& normal = met.hit.normal;
  const Vector3 at = ray.origin + met.hit.distance * ray.direction + (1e-6 * tile_) * normal;
  const double facing = dot(normal, sun_);
  const bool sunny = facing > 0.0 && lit(at);
  if (sunny) edge += 1;
  // The sky lights what looks up more than what looks down.
  double brightness = kAmbient * (0.75 + 0.25 * normal.z);
  Vector3 light;
  if (sunny) {
    brightness += kSun * facing;
    const Vector3 half = normalized(sun_ - ray.direction);
    const double glint = plane ? 0.0 : kHighlight * to_the_32nd(std::max(0.0, dot(normal, half)));
    light = {glint, glint, glint};
  }
  light = light + brightness * own;
  if (plane) {
    const double reach = met.hit.distance / (kHazeTiles * tile_);
    light = mix(light, kHorizon, reach * reach / (0.5 + reach * reach));
  }
  return {light, edge};
}

Image8 RayScene::picture(PictureSize size) const {
  require_picture_size(size);
  const double spread = 2.0 * viewpoint_.half_height / size.rows;
  const auto width = static_cast<std::size_t>(size.columns);
  std::vector<Sample> samples;
  samples.reserve(width * static_cast<std::size_t>(size.rows));
  for (int row = 0; row < size.rows; ++row) {
    for (int column = 0; column < size.columns; ++column) {
      samples.push_back(trace(ray_at(column + 0.5, row + 0.5, size), spread));
    }
  }
  const auto on_edge = [&](int row, int column) {
    const std::size_t at = static_cast<std::size_t>(row) * width + static_cast<std::size_t>(column);
    const int edge = samples[at].edge;
    return (column > 0 && samples[at - 1].edge != edge) ||
           (column + 1 < size.columns && samples[at + 1].edge != edge) ||
           (row > 0 && samples[at - width].edge != edge) ||
           (row + 1 < size.rows && samples[at + width].edge != edge);
  };
  Image8 image{size.columns, size.rows, 3, {}};
  image.bytes.reserve(3 * samples.size());
  for (int row = 0; row < size.rows; ++row) {
    for (int column = 0; column < size.columns; ++column) {
      Vector3 light =
          samples[static_cast<std::size_t>(row) * width + static_cast<std::size_t>(column)].light;
      if (on_edge(row, column)) {
        light = {};
        for (int i = 0; i < kSamplesAcross * kSamplesAcross; ++i) {
          const double right = (i % kSamplesAcross + 0.5) / kSamplesAcross;
          const double down = (i / kSamplesAcross + 0.5) / kSamplesAcross;
          light = light + trace(ray_at(column + right, row + down, size), spread).light;
        }
        light = (1.0 / (kSamplesAcross * kSamplesAcross)) * light;
      }
      for (const double value : {light.x, light.y, light.z})
        image.bytes.push_back(colour_byte(std::sqrt(value)));
    }
  }
  return image;
}

}  // namespace ergon::internal
