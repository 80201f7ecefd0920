#include <algorithm>
#include <cmath>

#include "env/canvas.hpp"
#include "env/factories.hpp"

namespace ergon::internal {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kGravity = 10.0;
constexpr double kMass = 1.0;
constexpr double kLength = 1.0;
constexpr double kSecondsPerStep = 0.05;
constexpr double kHighestSpeed = 8.0;
constexpr double kHighestTorque = 2.0;

/// The angle in [-pi, pi), 0 upright; Python's modulo, whose sign is the divisor's.
double normalized_angle(double angle) {
  const double turn = 2.0 * kPi;
  double rest = std::fmod(angle + kPi, turn);
  if (rest < 0.0) rest += turn;
  return rest - kPi;
}

EnvironmentSpec with_sizes(EnvironmentSpec spec) {
  spec.observation_dim = 3;
  spec.action_dim = 1;
  spec.action_low = {-kHighestTorque};
  spec.action_high = {kHighestTorque};
  spec.seconds_per_step = kSecondsPerStep;
  return spec;
}

/// Gymnasium's Pendulum-v1 (gymnasium/envs/classic_control/pendulum.py): a rod with a motor at one
/// end. The torque enters in double precision; Gymnasium's float32 actions give the same.
class Pendulum : public Environment {
 public:
  explicit Pendulum(EnvironmentSpec spec) : Environment(with_sizes(std::move(spec))) {}

  std::vector<std::pair<std::string, double>> info() const override {
    if (steps() == 0) return {};
    return {{"angle", normalized_angle(angle_)}, {"speed", speed_}, {"torque", torque_}};
  }
  Image8 picture(PictureSize size) const override;

 protected:
  void begin(Pcg64& random, std::vector<double>& observation) override {
    angle_ = random.uniform(-kPi, kPi);
    speed_ = random.uniform(-1.0, 1.0);
    torque_ = 0.0;
    observe(observation);
  }

  Outcome advance(const double* action, std::vector<double>& observation) override {
    torque_ = std::clamp(action[0], -kHighestTorque, kHighestTorque);
    const double angle = normalized_angle(angle_);
    const double cost = angle * angle + 0.1 * (speed_ * speed_) + 0.001 * (torque_ * torque_);
    const double acceleration = 3.0 * kGravity / (2.0 * kLength) * std::sin(angle_) +
                                3.0 / (kMass * kLength * kLength) * torque_;
    speed_ = std::clamp(speed_ + acceleration * kSecondsPerStep, -kHighestSpeed, kHighestSpeed);
    angle_ += speed_ * kSecondsPerStep;
    observe(observation);
    return {-cost, false};
  }

  std::vector<double> numbers() const override { return {angle_, speed_, torque_}; }
  void set_numbers(const std::vector<double>& numbers) override {
    angle_ = numbers[0];
    speed_ = numbers[1];
    torque_ = numbers[2];
  }

 private:
  /// Rounded to single precision: what users of Gymnasium see.
  void observe(std::vector<double>& observation) const {
    observation[0] = static_cast<float>(std::cos(angle_));
    observation[1] = static_cast<float>(std::sin(angle_));
    observation[2] = static_cast<float>(speed_);
  }

  double angle_ = 0.0;   ///< rad from upright, counter-clockwise, not wrapped
  double speed_ = 0.0;   ///< rad/s
  double torque_ = 0.0;  ///< of the last step
};

/// The motor's torque as an arc around the axle, as long as it is strong, with a head.
void draw_torque(Canvas& canvas, double torque, Colour colour) {
  constexpr double kRadius = 0.34;
  constexpr int kPieces = 24;
  const double end = 0.75 * kPi * torque / kHighestTorque;
  if (std::fabs(end) < 0.05) return;
  const auto at = [&](double angle, double radius) {
    return Point{radius * std::cos(angle), radius * std::sin(angle)};
  };
  for (int i = 0; i < kPieces; ++i) {
    canvas.draw_line(at(end * i / kPieces, kRadius), at(end * (i + 1) / kPieces, kRadius), 0.035,
                     colour);
  }
  const double tip = end + std::copysign(0.3, end);
  std::vector<Point> head = {at(end, kRadius - 0.08), at(end, kRadius + 0.08), at(tip, kRadius)};
  if (end < 0.0) std::swap(head[0], head[1]);
  canvas.fill_polygon(head, colour);
}

Image8 Pendulum::picture(PictureSize size) const {
  Canvas canvas(size, {0.0, 0.0}, 1.3, {0.97, 0.97, 0.96});
  const Point axle = {0.0, 0.0};
  // Angle 0 points upwards and grows counter-clockwise.
  const Point tip = {-kLength * std::sin(angle_), kLength * std::cos(angle_)};
  canvas.draw_line({0.0, 0.0}, {0.0, kLength}, canvas.pixel(), {0.75, 0.78, 0.8});
  canvas.draw_line(axle, tip, 0.2, {0.62, 0.22, 0.2});
  canvas.draw_line(axle, tip, 0.16, {0.82, 0.33, 0.29});
  draw_torque(canvas, torque_, {0.16, 0.36, 0.62});
  canvas.fill_disc(axle, 0.06, {0.15, 0.15, 0.17});
  return canvas.image();
}

}  // namespace

std::unique_ptr<Environment> make_pendulum(EnvironmentSpec spec, int) {
  return std::make_unique<Pendulum>(std::move(spec));
}

}  // namespace ergon::internal
