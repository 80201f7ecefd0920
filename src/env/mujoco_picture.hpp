#pragma once

#include <mujoco/mujoco.h>

#include <array>

#include "ergon/core/png.hpp"
#include "ergon/env/environment.hpp"

namespace ergon::internal {

/// Where a picture is taken from. The camera looks at `look_at`, moved along x and y with the
/// followed body's position, from `distance` away. Angles in degrees as in MuJoCo's free camera:
/// azimuth 90 looks along +y with +x to the right; a negative elevation looks down.
struct Camera {
  int body = -1;                                 ///< followed; -1: the camera stands still
  std::array<double, 3> look_at{0.0, 0.0, 0.0};  ///< metres
  double distance = 4.0;                         ///< metres
  double azimuth = 90.0;
  double elevation = -20.0;
  double field_of_view = 45.0;  ///< vertical, degrees
};

/// The scene drawn on the CPU. `scratch` holds the positions of all bodies and geoms (kinematics
/// of the present qpos done); it belongs to the caller and may be overwritten. Throws InvalidInput
/// for sizes without pixels or absurdly large.
Image8 mujoco_picture(const mjModel* model,
                      mjData* scratch,
                      const Camera& camera,
                      PictureSize size);

}  // namespace ergon::internal
