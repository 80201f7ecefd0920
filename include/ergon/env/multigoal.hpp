#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ergon/env/environment.hpp"

namespace ergon {

struct PlanePoint {
  double x = 0.0;
  double y = 0.0;
};

/// A segment that stops whoever would cross or touch it.
struct PlaneWall {
  PlanePoint from;
  PlanePoint to;
};

/// The plane [-7, 7]^2 of the environments Multigoal* with its goals and walls, after S2AC
/// (arXiv 2405.00987, section 5.1). From the origin, a step s' = clip(s + clip(a)) is taken back
/// where it would meet a wall; reward -(30 |a|^2 + min_g |s' - g|^2), and 10 more at the goal that
/// ends the episode, |s' - g| < 0.5.
struct MultigoalPlane {
  std::string name;  ///< of the environment: "MultigoalObstacles-v0"
  std::vector<PlanePoint> goals;
  std::vector<PlaneWall> walls;
};

inline constexpr double kPlaneReach = 7.0;
inline constexpr double kGoalRadius = 0.5;

/// All of them.
const std::vector<MultigoalPlane>& multigoal_planes();
/// That of the environment of this name, if it is one of these environments.
std::optional<MultigoalPlane> multigoal_plane(const std::string& environment);

/// Whether the closed segments have a point in common; those of length zero are points.
bool segments_meet(const PlaneWall& first, const PlaneWall& second);
/// The goal nearest to a point, the first of equals.
std::size_t nearest_goal(const MultigoalPlane& plane, PlanePoint point);

/// What an episode left in the plane.
struct PlaneTrajectory {
  std::vector<PlanePoint> points;  ///< the start and every later position, at least one
  bool reached = false;            ///< ended at a goal
  std::int64_t wall_hits = 0;      ///< steps that a wall took back
};

/// How many episodes ended where.
struct PlaneCounts {
  std::vector<std::int64_t> goals;  ///< (goals) that ended at each
  std::int64_t missed = 0;          ///< that ended at none
  std::int64_t hit = 0;             ///< that met a wall at least once
};
PlaneCounts count_trajectories(const MultigoalPlane& plane,
                               const std::vector<PlaneTrajectory>& trajectories);

/// All of them over goals and walls, by S2AC's colours: blue for a goal reached without meeting a
/// wall, lime for a goal reached after one, red for no goal. Throws InvalidInput for an absurd
/// size.
Image8 draw_trajectories(const MultigoalPlane& plane,
                         const std::vector<PlaneTrajectory>& trajectories,
                         PictureSize size);

}  // namespace ergon
