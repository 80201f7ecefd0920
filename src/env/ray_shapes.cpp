#include "env/ray_shapes.hpp"

#include <algorithm>
#include <limits>

namespace ergon::internal {
namespace {

/// A crossing in the shape's own coordinates.
struct Crossing {
  double distance;
  Vector3 normal;
};

constexpr double kNone = std::numeric_limits<double>::infinity();

/// The smaller root of a t^2 + 2 b t + c = 0 where it is positive.
double entry(double a, double b, double c) {
  const double discriminant = b * b - a * c;
  if (discriminant <= 0.0 || a <= 0.0) return kNone;
  const double root = (-b - std::sqrt(discriminant)) / a;
  return root > 0.0 ? root : kNone;
}

Vector3 point_at(const Ray& ray, double distance) { return ray.origin + distance * ray.direction; }

Crossing cross_plane(const Ray& ray) {
  const bool towards = ray.origin.z > 0.0 && ray.direction.z < 0.0;
  return {towards ? -ray.origin.z / ray.direction.z : kNone, {0, 0, 1}};
}

Crossing cross_sphere(const Ray& ray, double radius) {
  const double distance =
      entry(1.0, dot(ray.origin, ray.direction), dot(ray.origin, ray.origin) - radius * radius);
  return {distance, (1.0 / radius) * point_at(ray, distance)};
}

/// The mantle around the third axis, |z| <= half.
Crossing cross_mantle(const Ray& ray, double radius, double half) {
  const Vector3& o = ray.origin;
  const Vector3& d = ray.direction;
  const double distance =
      entry(d.x * d.x + d.y * d.y, o.x * d.x + o.y * d.y, o.x * o.x + o.y * o.y - radius * radius);
  if (distance == kNone) return {kNone, {}};
  const Vector3 at = point_at(ray, distance);
  if (std::fabs(at.z) > half) return {kNone, {}};
  return {distance, {at.x / radius, at.y / radius, 0.0}};
}

Crossing cross_capsule(const Ray& ray, double radius, double half) {
  Crossing nearest = cross_mantle(ray, radius, half);
  for (const double end : {-half, half}) {
    const Vector3 centre = {0, 0, end};
    const Crossing cap = cross_sphere({ray.origin - centre, ray.direction}, radius);
    if (cap.distance < nearest.distance) nearest = cap;
  }
  return nearest;
}

Crossing cross_cylinder(const Ray& ray, double radius, double half) {
  Crossing nearest = cross_mantle(ray, radius, half);
  if (ray.direction.z == 0.0) return nearest;
  const double side = ray.direction.z < 0.0 ? 1.0 : -1.0;  // the lid that faces the ray
  const double distance = (side * half - ray.origin.z) / ray.direction.z;
  const Vector3 at = point_at(ray, distance);
  const bool on_lid = distance > 0.0 && at.x * at.x + at.y * at.y <= radius * radius;
  if (on_lid && distance < nearest.distance) nearest = {distance, {0, 0, side}};
  return nearest;
}

Crossing cross_box(const Ray& ray, const std::array<double, 3>& size) {
  const double origin[3] = {ray.origin.x, ray.origin.y, ray.origin.z};
  const double direction[3] = {ray.direction.x, ray.direction.y, ray.direction.z};
  double enter = -kNone;
  double leave = kNone;
  int axis = 0;
  for (int i = 0; i < 3; ++i) {
    if (direction[i] == 0.0) {
      if (std::fabs(origin[i]) > size[static_cast<std::size_t>(i)]) return {kNone, {}};
      continue;
    }
    const double half = std::copysign(size[static_cast<std::size_t>(i)], direction[i]);
    const double near = (-half - origin[i]) / direction[i];
    if (near > enter) {
      enter = near;
      axis = i;
    }
    leave = std::min(leave, (half - origin[i]) / direction[i]);
  }
  if (enter > leave || enter <= 0.0) return {kNone, {}};
  double normal[3] = {0, 0, 0};
  normal[axis] = direction[axis] > 0.0 ? -1.0 : 1.0;
  return {enter, {normal[0], normal[1], normal[2]}};
}

Crossing cross_ellipsoid(const Ray& ray, const std::array<double, 3>& size) {
  const auto scaled = [&](const Vector3& v) {
    return Vector3{v.x / size[0], v.y / size[1], v.z / size[2]};
  };
  const Vector3 o = scaled(ray.origin);
  const Vector3 d = scaled(ray.direction);
  const double distance = entry(dot(d, d), dot(o, d), dot(o, o) - 1.0);
  if (distance == kNone) return {kNone, {}};
  return {distance, normalized(scaled(scaled(point_at(ray, distance))))};
}

Crossing cross(const Shape& shape, const Ray& local) {
  switch (shape.kind) {
    case ShapeKind::kPlane:
      return cross_plane(local);
    case ShapeKind::kSphere:
      return cross_sphere(local, shape.size[0]);
    case ShapeKind::kCapsule:
      return cross_capsule(local, shape.size[0], shape.size[1]);
    case ShapeKind::kCylinder:
      return cross_cylinder(local, shape.size[0], shape.size[1]);
    case ShapeKind::kBox:
      return cross_box(local, shape.size);
    case ShapeKind::kEllipsoid:
      return cross_ellipsoid(local, shape.size);
  }
  return {kNone, {}};
}

}  // namespace

double Shape::bounding_radius() const {
  switch (kind) {
    case ShapeKind::kPlane:
      return kNone;
    case ShapeKind::kSphere:
      return size[0];
    case ShapeKind::kCapsule:
      return size[0] + size[1];
    case ShapeKind::kCylinder:
      return std::sqrt(size[0] * size[0] + size[1] * size[1]);
    case ShapeKind::kBox:
      return std::sqrt(size[0] * size[0] + size[1] * size[1] + size[2] * size[2]);
    case ShapeKind::kEllipsoid:
      return std::max({size[0], size[1], size[2]});
  }
  return kNone;
}

bool intersect(const Shape& shape, const Ray& ray, Hit& hit) {
  const auto own = [&](const Vector3& v) {
    return Vector3{dot(v, shape.axes[0]), dot(v, shape.axes[1]), dot(v, shape.axes[2])};
  };
  const Crossing crossing = cross(shape, {own(ray.origin - shape.centre), own(ray.direction)});
  if (crossing.distance == kNone) return false;
  hit.distance = crossing.distance;
  hit.normal = crossing.normal.x * shape.axes[0] + crossing.normal.y * shape.axes[1] +
               crossing.normal.z * shape.axes[2];
  return true;
}

}  // namespace ergon::internal
