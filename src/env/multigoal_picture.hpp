#pragma once

#include "ergon/env/multigoal.hpp"

namespace ergon::internal {

/// Goals, walls, the last step and where it led.
Image8 multigoal_picture(const MultigoalPlane& plane,
                         PlanePoint previous,
                         PlanePoint position,
                         PictureSize size);

}  // namespace ergon::internal
