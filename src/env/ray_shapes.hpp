#pragma once

#include <array>
#include <cmath>

#include "env/canvas.hpp"

namespace ergon::internal {

struct Vector3 {
  double x = 0.0;
  double y = 0.0;
  double z = 0.0;
};

inline Vector3 operator+(const Vector3& a, const Vector3& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Vector3 operator-(const Vector3& a, const Vector3& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Vector3 operator*(double factor, const Vector3& a) {
  return {factor * a.x, factor * a.y, factor * a.z};
}
inline double dot(const Vector3& a, const Vector3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vector3 normalized(const Vector3& a) { return (1.0 / std::sqrt(dot(a, a))) * a; }

/// From `origin` along `direction`, of length 1.
struct Ray {
  Vector3 origin;
  Vector3 direction;
};

enum class ShapeKind { kPlane, kSphere, kCapsule, kCylinder, kBox, kEllipsoid };

/// A solid in the sense of MuJoCo's geoms: centred, `size` as there. Sphere: radius. Capsule and
/// cylinder: radius, half length along its third axis. Box and ellipsoid: half sides, half axes.
/// Plane: all of the first and second axis, seen from the side of the third.
struct Shape {
  ShapeKind kind = ShapeKind::kSphere;
  Vector3 centre;
  std::array<Vector3, 3> axes = {Vector3{1, 0, 0}, Vector3{0, 1, 0}, Vector3{0, 0, 1}};
  std::array<double, 3> size = {1.0, 1.0, 1.0};
  Colour colour;

  /// Of a sphere around the centre that holds all of it; infinite for a plane.
  double bounding_radius() const;
};

struct Hit {
  double distance = 0.0;  ///< along the ray
  Vector3 normal;         ///< outward, of length 1
};

/// Whether the ray enters the shape from outside, at a positive distance; where.
bool intersect(const Shape& shape, const Ray& ray, Hit& hit);

}  // namespace ergon::internal
