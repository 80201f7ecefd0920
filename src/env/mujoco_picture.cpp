#include "env/mujoco_picture.hpp"

#include <optional>

#include "env/ray_scene.hpp"

namespace ergon::internal {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kShownGroups = 3;  ///< geoms of later groups are hidden, as in MuJoCo's viewer

std::optional<ShapeKind> shape_kind(int geom_type) {
  switch (geom_type) {
    case mjGEOM_PLANE:
      return ShapeKind::kPlane;
    case mjGEOM_SPHERE:
      return ShapeKind::kSphere;
    case mjGEOM_CAPSULE:
      return ShapeKind::kCapsule;
    case mjGEOM_CYLINDER:
      return ShapeKind::kCylinder;
    case mjGEOM_BOX:
      return ShapeKind::kBox;
    case mjGEOM_ELLIPSOID:
      return ShapeKind::kEllipsoid;
    default:  // meshes and height fields: none of our models has one
      return std::nullopt;
  }
}

/// A material's colour goes before the geom's own, as in MuJoCo.
const float* geom_rgba(const mjModel& model, int geom) {
  const int material = model.geom_matid[geom];
  return material >= 0 ? model.mat_rgba + 4 * material : model.geom_rgba + 4 * geom;
}

std::vector<Shape> shapes_of(const mjModel& model, const mjData& data) {
  std::vector<Shape> shapes;
  for (int geom = 0; geom < model.ngeom; ++geom) {
    const auto kind = shape_kind(model.geom_type[geom]);
    const float* rgba = geom_rgba(model, geom);
    if (!kind || rgba[3] == 0.0f || model.geom_group[geom] >= kShownGroups) continue;
    Shape shape;
    shape.kind = *kind;
    const mjtNum* position = data.geom_xpos + 3 * geom;
    const mjtNum* turn = data.geom_xmat + 9 * geom;  // row-major, its columns are the axes
    shape.centre = {position[0], position[1], position[2]};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      shape.axes[axis] = {turn[axis], turn[3 + axis], turn[6 + axis]};
      shape.size[axis] = model.geom_size[3 * geom + static_cast<int>(axis)];
    }
    shape.colour = {rgba[0], rgba[1], rgba[2]};
    shapes.push_back(shape);
  }
  return shapes;
}

Viewpoint viewpoint_of(const Camera& camera, const mjData& data) {
  const double azimuth = camera.azimuth * kPi / 180.0;
  const double elevation = camera.elevation * kPi / 180.0;
  Viewpoint viewpoint;
  viewpoint.forward = {std::cos(elevation) * std::cos(azimuth),
                       std::cos(elevation) * std::sin(azimuth), std::sin(elevation)};
  viewpoint.right = {std::sin(azimuth), -std::cos(azimuth), 0.0};
  viewpoint.up = {-std::sin(elevation) * std::cos(azimuth),
                  -std::sin(elevation) * std::sin(azimuth), std::cos(elevation)};
  Vector3 target = {camera.look_at[0], camera.look_at[1], camera.look_at[2]};
  if (camera.body >= 0) {
    target.x += data.xpos[3 * camera.body];
    target.y += data.xpos[3 * camera.body + 1];
  }
  viewpoint.position = target - camera.distance * viewpoint.forward;
  viewpoint.half_height = std::tan(0.5 * camera.field_of_view * kPi / 180.0);
  return viewpoint;
}

}  // namespace

Image8 mujoco_picture(const mjModel* model,
                      mjData* scratch,
                      const Camera& camera,
                      PictureSize size) {
  // Tiles as large as the scene: an eighth of the distance, half a metre at four.
  const double tile = 0.125 * camera.distance;
  const RayScene scene(shapes_of(*model, *scratch), viewpoint_of(camera, *scratch), tile);
  return scene.picture(size);
}

}  // namespace ergon::internal
