#include "env/ray_shapes.hpp"

#include <gtest/gtest.h>
#include <mujoco/mujoco.h>

#include <memory>

#include "env/mujoco_simulation.hpp"
#include "ergon/core/pcg64.hpp"

namespace ergon::internal {
namespace {

Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

Vector3 random_direction(Pcg64& random) {
  const double x = random.normal();
  const double y = random.normal();
  return normalized({x, y, random.normal()});
}

Shape random_shape(ShapeKind kind, Pcg64& random) {
  Shape shape;
  shape.kind = kind;
  const Vector3 third = random_direction(random);
  const Vector3 first = normalized(cross(third, random_direction(random)));
  shape.axes = {first, cross(third, first), third};
  for (double& side : shape.size) side = random.uniform(0.2, 1.0);
  shape.centre = {random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(-1, 1)};
  return shape;
}

int mujoco_type(ShapeKind kind) {
  switch (kind) {
    case ShapeKind::kPlane:
      return mjGEOM_PLANE;
    case ShapeKind::kSphere:
      return mjGEOM_SPHERE;
    case ShapeKind::kCapsule:
      return mjGEOM_CAPSULE;
    case ShapeKind::kCylinder:
      return mjGEOM_CYLINDER;
    case ShapeKind::kBox:
      return mjGEOM_BOX;
    case ShapeKind::kEllipsoid:
      return mjGEOM_ELLIPSOID;
  }
  return -1;
}

/// Calls mju_rayGeom, which newer versions of MuJoCo give one more argument, for the normal.
template <class Function, class... Arguments>
auto cast_by(int, Function function, Arguments... arguments) -> decltype(function(arguments...)) {
  return function(arguments...);
}
template <class Function, class... Arguments>
auto cast_by(long, Function function, Arguments... arguments)
    -> decltype(function(arguments..., nullptr)) {
  return function(arguments..., nullptr);
}

/// MuJoCo's own distance along the ray, or -1.
double mujoco_distance(const Shape& shape, const Ray& ray) {
  mjtNum matrix[9];
  for (std::size_t i = 0; i < 3; ++i) {
    matrix[i] = shape.axes[i].x;
    matrix[3 + i] = shape.axes[i].y;
    matrix[6 + i] = shape.axes[i].z;
  }
  const bool endless = shape.kind == ShapeKind::kPlane;  // size 0 in MuJoCo
  const mjtNum size[3] = {endless ? 0 : shape.size[0], endless ? 0 : shape.size[1], shape.size[2]};
  const mjtNum centre[3] = {shape.centre.x, shape.centre.y, shape.centre.z};
  const mjtNum origin[3] = {ray.origin.x, ray.origin.y, ray.origin.z};
  const mjtNum direction[3] = {ray.direction.x, ray.direction.y, ray.direction.z};
  return cast_by(0, mju_rayGeom, centre, matrix, size, origin, direction, mujoco_type(shape.kind));
}

class EnvRayShapes : public ::testing::TestWithParam<ShapeKind> {};

TEST_P(EnvRayShapes, RaysFromOutsideMeetItWhereMuJoCosOwnDo) {
  Pcg64 random(static_cast<std::uint64_t>(GetParam()) + 1);
  int met = 0;
  for (int i = 0; i < 4000; ++i) {
    const Shape shape = random_shape(GetParam(), random);
    const Vector3 origin = 4.0 * random_direction(random);
    const Vector3 aim = shape.centre + random_direction(random);
    const Ray ray = {origin, normalized(aim - origin)};
    const double expected = mujoco_distance(shape, ray);
    const bool above =
        GetParam() != ShapeKind::kPlane || dot(ray.origin - shape.centre, shape.axes[2]) > 0.0;
    Hit hit;
    const bool found = intersect(shape, ray, hit);
    ASSERT_EQ(found, expected >= 0 && above) << i;
    if (!found) continue;
    ++met;
    EXPECT_NEAR(hit.distance, expected, 1e-9);
    EXPECT_NEAR(dot(hit.normal, hit.normal), 1.0, 1e-12);
    EXPECT_LE(dot(hit.normal, ray.direction), 1e-9) << "the normal faces the ray";
  }
  EXPECT_GT(met, 500);
  EXPECT_LT(met, 4000);
}

TEST_P(EnvRayShapes, TheNormalIsThatOfTheSurface) {
  Pcg64 random(static_cast<std::uint64_t>(GetParam()) + 100);
  constexpr double kAside = 1e-5;
  int checked = 0;
  for (int i = 0; i < 2000; ++i) {
    const Shape shape = random_shape(GetParam(), random);
    const Vector3 origin = 4.0 * random_direction(random);
    const Ray ray = {origin, normalized(-1.0 * origin)};
    Hit hit;
    Hit near;
    if (!intersect(shape, ray, hit) || dot(hit.normal, ray.direction) > -0.2) continue;
    // A parallel ray close by meets the tangent plane, but for the square of the distance.
    const Vector3 side = kAside * normalized(cross(ray.direction, random_direction(random)));
    if (!intersect(shape, {origin + side, ray.direction}, near)) continue;
    if (dot(hit.normal, near.normal) < 0.999) continue;  // over an edge
    const double tangent = hit.distance - dot(hit.normal, side) / dot(hit.normal, ray.direction);
    EXPECT_NEAR(near.distance, tangent, 1e-6) << i;
    ++checked;
  }
  EXPECT_GT(checked, 50);
}

TEST_P(EnvRayShapes, WhatIsMetLiesInTheBoundingSphere) {
  Pcg64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const Shape shape = random_shape(GetParam(), random);
    const Vector3 origin = 4.0 * random_direction(random);
    const Ray ray = {origin, normalized(shape.centre + 0.7 * random_direction(random) - origin)};
    Hit hit;
    if (!intersect(shape, ray, hit)) continue;
    const Vector3 offset = origin + hit.distance * ray.direction - shape.centre;
    EXPECT_LE(dot(offset, offset), shape.bounding_radius() * shape.bounding_radius() + 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(AllShapes,
                         EnvRayShapes,
                         ::testing::Values(ShapeKind::kPlane,
                                           ShapeKind::kSphere,
                                           ShapeKind::kCapsule,
                                           ShapeKind::kCylinder,
                                           ShapeKind::kBox,
                                           ShapeKind::kEllipsoid));

}  // namespace
}  // namespace ergon::internal
