#include "ergon/env/multigoal.hpp"

#include <algorithm>
#include <cmath>

#include "env/factories.hpp"
#include "env/multigoal_picture.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kActionCost = 30.0;
constexpr double kGoalReward = 10.0;

double square_distance(PlanePoint a, PlanePoint b) {
  return (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y);
}

/// Twice the signed area of the triangle: > 0 where c lies to the left of a -> b.
double side(PlanePoint a, PlanePoint b, PlanePoint c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/// Whether c, on the line through the segment, lies within it.
bool within(const PlaneWall& segment, PlanePoint c) {
  return c.x >= std::min(segment.from.x, segment.to.x) &&
         c.x <= std::max(segment.from.x, segment.to.x) &&
         c.y >= std::min(segment.from.y, segment.to.y) &&
         c.y <= std::max(segment.from.y, segment.to.y);
}

int sign(double value) { return (value > 0.0) - (value < 0.0); }

}  // namespace

const std::vector<MultigoalPlane>& multigoal_planes() {
  static const std::vector<PlanePoint> cross = {{5, 0}, {-5, 0}, {0, 5}, {0, -5}};
  // At one distance, but two to the left: the way there has the higher entropy.
  static const std::vector<PlanePoint> fork = {{5, 0}, {-4, 3}, {-4, -3}};
  static const std::vector<MultigoalPlane> planes = {
      {"Multigoal-v0", cross, {}},
      {"MultigoalMaxEntropy-v0", fork, {}},
      {"MultigoalObstacles-v0", cross, {{{-1.5, 3}, {1.5, 3}}}},
      {"MultigoalMaxEntropyObstacles-v0", fork, {{{-2, 0}, {0, 2}}}}};
  return planes;
}

std::optional<MultigoalPlane> multigoal_plane(const std::string& environment) {
  for (const MultigoalPlane& plane : multigoal_planes()) {
    if (plane.name == environment) return plane;
  }
  return std::nullopt;
}

bool segments_meet(const PlaneWall& first, const PlaneWall& second) {
  const int a = sign(side(second.from, second.to, first.from));
  const int b = sign(side(second.from, second.to, first.to));
  const int c = sign(side(first.from, first.to, second.from));
  const int d = sign(side(first.from, first.to, second.to));
  if (a * b < 0 && c * d < 0) return true;
  // Else they can only touch, at an end of one of them.
  return (a == 0 && within(second, first.from)) || (b == 0 && within(second, first.to)) ||
         (c == 0 && within(first, second.from)) || (d == 0 && within(first, second.to));
}

std::size_t nearest_goal(const MultigoalPlane& plane, PlanePoint point) {
  std::size_t nearest = 0;
  for (std::size_t i = 1; i < plane.goals.size(); ++i) {
    if (square_distance(point, plane.goals[i]) < square_distance(point, plane.goals[nearest]))
      nearest = i;
  }
  return nearest;
}

PlaneCounts count_trajectories(const MultigoalPlane& plane,
                               const std::vector<PlaneTrajectory>& trajectories) {
  PlaneCounts counts;
  counts.goals.assign(plane.goals.size(), 0);
  for (const PlaneTrajectory& trajectory : trajectories) {
    if (trajectory.wall_hits > 0) ++counts.hit;
    if (trajectory.reached) {
      ++counts.goals[nearest_goal(plane, trajectory.points.back())];
    } else {
      ++counts.missed;
    }
  }
  return counts;
}

namespace internal {
namespace {

EnvironmentSpec with_sizes(EnvironmentSpec spec) {
  spec.observation_dim = 2;
  spec.action_dim = 2;
  spec.action_low = {-1.0, -1.0};
  spec.action_high = {1.0, 1.0};
  spec.seconds_per_step = 1.0;
  return spec;
}

class Multigoal : public Environment {
 public:
  Multigoal(EnvironmentSpec spec, MultigoalPlane plane)
      : Environment(with_sizes(std::move(spec))), plane_(std::move(plane)) {}

  std::vector<std::pair<std::string, double>> info() const override {
    if (steps() == 0) return {};
    const std::size_t goal = nearest_goal(plane_, position_);
    const double distance = std::sqrt(square_distance(position_, plane_.goals[goal]));
    const double reached = distance < kGoalRadius ? static_cast<double>(goal) : -1.0;
    return {{"goal", reached},
            {"nearest_goal", static_cast<double>(goal)},
            {"distance", distance},
            {"wall_hits", wall_hits_}};
  }

  Image8 picture(PictureSize size) const override {
    return multigoal_picture(plane_, previous_, position_, size);
  }

 protected:
  void begin(Pcg64&, std::vector<double>& observation) override {
    position_ = previous_ = {0.0, 0.0};
    wall_hits_ = 0.0;
    observe(observation);
  }

  Outcome advance(const double* action, std::vector<double>& observation) override {
    const double dx = std::clamp(action[0], -1.0, 1.0);
    const double dy = std::clamp(action[1], -1.0, 1.0);
    previous_ = position_;
    move_to({std::clamp(position_.x + dx, -kPlaneReach, kPlaneReach),
             std::clamp(position_.y + dy, -kPlaneReach, kPlaneReach)});
    observe(observation);
    const PlanePoint goal = plane_.goals[nearest_goal(plane_, position_)];
    const double square = square_distance(position_, goal);
    const bool reached = square < kGoalRadius * kGoalRadius;
    const double cost = kActionCost * (dx * dx + dy * dy) + square;
    return {(reached ? kGoalReward : 0.0) - cost, reached};
  }

  std::vector<double> numbers() const override {
    return {position_.x, position_.y, previous_.x, previous_.y, wall_hits_};
  }
  void set_numbers(const std::vector<double>& numbers) override {
    position_ = {numbers[0], numbers[1]};
    previous_ = {numbers[2], numbers[3]};
    wall_hits_ = numbers[4];
  }

 private:
  void move_to(PlanePoint next) {
    const bool stopped =
        std::any_of(plane_.walls.begin(), plane_.walls.end(), [&](const PlaneWall& wall) {
          return segments_meet(wall, {position_, next});
        });
    if (stopped) {
      wall_hits_ += 1.0;
    } else {
      position_ = next;
    }
  }

  void observe(std::vector<double>& observation) const {
    observation[0] = position_.x;
    observation[1] = position_.y;
  }

  MultigoalPlane plane_;
  PlanePoint position_;
  PlanePoint previous_;     ///< before the last step
  double wall_hits_ = 0.0;  ///< steps of this episode that a wall took back
};

}  // namespace

std::unique_ptr<Environment> make_multigoal(EnvironmentSpec spec, int) {
  const auto plane = multigoal_plane(spec.name);
  ERGON_CHECK(plane.has_value(), "no plane is called {}", spec.name);
  return std::make_unique<Multigoal>(std::move(spec), *plane);
}

}  // namespace internal
}  // namespace ergon
