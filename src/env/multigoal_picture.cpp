#include "env/multigoal_picture.hpp"

#include "env/canvas.hpp"

namespace ergon {
namespace internal {
namespace {

constexpr Colour kPaper = {0.985, 0.985, 0.975};
constexpr Colour kGrid = {0.9, 0.91, 0.92};
constexpr Colour kBorder = {0.6, 0.63, 0.66};
constexpr Colour kGoalArea = {0.98, 0.87, 0.66};
constexpr Colour kGoal = {0.9, 0.56, 0.14};
constexpr Colour kWall = {0.22, 0.24, 0.28};
constexpr Colour kWalker = {0.16, 0.36, 0.72};
constexpr Colour kTrail = {0.62, 0.74, 0.92};
constexpr Colour kReached = {0.15, 0.35, 0.85};
constexpr Colour kReachedPastWall = {0.35, 0.8, 0.15};
constexpr Colour kMissed = {0.85, 0.16, 0.14};

Point at(PlanePoint point) { return {point.x, point.y}; }

Canvas plane_canvas(const MultigoalPlane& plane, PictureSize size) {
  Canvas canvas(size, {0.0, 0.0}, kPlaneReach + 0.3, kPaper);
  const double thin = canvas.pixel();
  for (int i = -6; i <= 6; ++i) {
    canvas.draw_line({1.0 * i, -kPlaneReach}, {1.0 * i, kPlaneReach}, thin, kGrid);
    canvas.draw_line({-kPlaneReach, 1.0 * i}, {kPlaneReach, 1.0 * i}, thin, kGrid);
  }
  for (const double border : {-kPlaneReach, kPlaneReach}) {
    canvas.draw_line({border, -kPlaneReach}, {border, kPlaneReach}, 2 * thin, kBorder);
    canvas.draw_line({-kPlaneReach, border}, {kPlaneReach, border}, 2 * thin, kBorder);
  }
  for (const PlanePoint& goal : plane.goals) {
    canvas.fill_disc(at(goal), kGoalRadius, kGoalArea);
    canvas.fill_disc(at(goal), 0.16, kGoal);
  }
  for (const PlaneWall& wall : plane.walls) {
    canvas.draw_line(at(wall.from), at(wall.to), 0.14, kWall);
  }
  return canvas;
}

Colour trajectory_colour(const PlaneTrajectory& trajectory) {
  if (!trajectory.reached) return kMissed;
  return trajectory.wall_hits > 0 ? kReachedPastWall : kReached;
}

}  // namespace

Image8 multigoal_picture(const MultigoalPlane& plane,
                         PlanePoint previous,
                         PlanePoint position,
                         PictureSize size) {
  Canvas canvas = plane_canvas(plane, size);
  canvas.draw_line(at(previous), at(position), 0.12, kTrail);
  canvas.fill_disc(at(position), 0.24, kWalker);
  return canvas.image();
}

}  // namespace internal

Image8 draw_trajectories(const MultigoalPlane& plane,
                         const std::vector<PlaneTrajectory>& trajectories,
                         PictureSize size) {
  internal::Canvas canvas = internal::plane_canvas(plane, size);
  const double width = 1.2 * canvas.pixel();
  for (const PlaneTrajectory& trajectory : trajectories) {
    const internal::Colour colour = internal::trajectory_colour(trajectory);
    for (std::size_t i = 1; i < trajectory.points.size(); ++i) {
      canvas.draw_line(internal::at(trajectory.points[i - 1]), internal::at(trajectory.points[i]),
                       width, colour);
    }
    canvas.fill_disc(internal::at(trajectory.points.back()), 0.09, colour);
  }
  canvas.fill_disc({0.0, 0.0}, 0.12, internal::kWall);  // the start
  return canvas.image();
}

}  // namespace ergon
