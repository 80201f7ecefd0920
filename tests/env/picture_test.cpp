#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "env/bare_mujoco.hpp"
#include "env/canvas.hpp"
#include "env/mujoco_picture.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/env/environment.hpp"

namespace ergon {
namespace {

constexpr PictureSize kSmall = {160, 120};

struct Pixel {
  int red;
  int green;
  int blue;
  int brightness() const { return red + green + blue; }
};

Pixel pixel(const Image8& image, std::int64_t column, std::int64_t row) {
  const auto at = static_cast<std::size_t>(3 * (row * image.columns + column));
  return {image.bytes[at], image.bytes[at + 1], image.bytes[at + 2]};
}

std::unique_ptr<Environment> started(const std::string& name) {
  auto environment = make_environment({name, 0});
  environment->seed(1);
  environment->reset();
  return environment;
}

TEST(EnvPicture, EveryEnvironmentDrawsTheSameBytesTwiceInTheSizeThatWasAsked) {
  for (const std::string& name : environment_names()) {
    const auto environment = started(name);
    const Image8 image = environment->picture({64, 48});
    EXPECT_EQ(image.columns, 64) << name;
    EXPECT_EQ(image.rows, 48) << name;
    EXPECT_EQ(image.channels, 3) << name;
    ASSERT_EQ(image.bytes.size(), 64u * 48u * 3u) << name;
    EXPECT_EQ(image.bytes, environment->picture({64, 48}).bytes) << name;
    const auto [low, high] = std::minmax_element(image.bytes.begin(), image.bytes.end());
    EXPECT_GT(*high - *low, 60) << name << " shows nothing";
  }
}

TEST(EnvPicture, DrawingLeavesTheSimulationAsItIs) {
  const auto watched = started("Hopper-v4");
  const auto alone = started("Hopper-v4");
  const std::vector<double> action(3, 0.4);
  for (int t = 0; t < 10; ++t) {
    watched->picture({32, 32});
    EXPECT_EQ(watched->step(action.data()).reward, alone->step(action.data()).reward);
  }
  EXPECT_EQ(watched->state().numbers, alone->state().numbers);
}

TEST(EnvPicture, ARestoredStateLooksTheSame) {
  const auto original = started("Walker2d-v4");
  const std::vector<double> action(6, 0.5);
  for (int t = 0; t < 5; ++t) original->step(action.data());
  const auto copy = make_environment({"Walker2d-v4", 0});
  copy->restore(original->state());
  EXPECT_EQ(copy->picture(kSmall).bytes, original->picture(kSmall).bytes);
}

TEST(EnvPicture, SkyIsAboveTheHorizonAndTilesBelowIt) {
  const Image8 image = started("Walker2d-v4")->picture(kSmall);
  // Elevation -20, field of view 45 degrees: the horizon is at 0.5 - tan(20)/(2 tan(22.5)) of the
  // height, row 7.
  const Pixel sky = pixel(image, 5, 2);
  EXPECT_GT(sky.blue, sky.red) << "the sky is bluish";
  int changes = 0;
  for (std::int64_t column = 1; column < image.columns; ++column) {
    const int step = std::abs(pixel(image, column, 110).brightness() -
                              pixel(image, column - 1, 110).brightness());
    changes += step > 20;
    EXPECT_LE(
        std::abs(pixel(image, column, 2).brightness() - pixel(image, column - 1, 2).brightness()),
        3);
  }
  EXPECT_GE(changes, 3) << "no tiles near the lower border";
}

/// Column and row at which a camera sees a point: the projection, worked out apart from the rays.
std::pair<int, int> seen_at(const std::array<double, 3>& point,
                            const internal::Camera& camera,
                            PictureSize size) {
  constexpr double kDegree = 3.14159265358979323846 / 180.0;
  // Turned by -azimuth around z, forward is x; then by -elevation around y.
  const double x = point[0] - camera.look_at[0];
  const double y = point[1] - camera.look_at[1];
  const double z = point[2] - camera.look_at[2];
  const double ahead =
      x * std::cos(camera.azimuth * kDegree) + y * std::sin(camera.azimuth * kDegree);
  const double right =
      x * std::sin(camera.azimuth * kDegree) - y * std::cos(camera.azimuth * kDegree);
  const double e = camera.elevation * kDegree;
  const double depth = camera.distance + ahead * std::cos(e) + z * std::sin(e);
  const double up = -ahead * std::sin(e) + z * std::cos(e);
  const double pixels = 0.5 * size.rows / std::tan(0.5 * camera.field_of_view * kDegree);
  return {static_cast<int>(0.5 * size.columns + pixels * right / depth),
          static_cast<int>(0.5 * size.rows - pixels * up / depth)};
}

TEST(EnvPicture, EveryLinkIsSeenWhereItsCentreProjectsTo) {
  const auto environment = started("HalfCheetah-v4");
  const testing::Numbers numbers(*environment);
  const mjModel& model = numbers.model();
  mjData* data = mj_makeData(&model);
  mj_forward(&model, data);
  const PictureSize size{320, 240};
  for (const double azimuth : {90.0, 60.0, 200.0}) {
    internal::Camera camera;
    camera.look_at = {0.1, 0.0, 0.5};
    camera.azimuth = azimuth;
    camera.distance = 3.0;
    const Image8 image = internal::mujoco_picture(&model, data, camera, size);
    const auto [column, row] = seen_at({data->xpos[3], data->xpos[4], data->xpos[5]}, camera, size);
    const Pixel torso = pixel(image, column, row);
    EXPECT_GT(torso.blue, torso.red + 20) << "the torso is blue; azimuth " << azimuth;
    const Pixel above = pixel(image, column, row - 60);
    EXPECT_LT(above.blue, above.red + 40) << azimuth;
  }
  mj_deleteData(data);
}

TEST(EnvPicture, TheBodyCastsAShadowOnTheFloor) {
  const auto environment = started("Ant-v4");
  const testing::Numbers numbers(*environment);
  const mjModel& model = numbers.model();
  mjData* data = mj_makeData(&model);
  mj_forward(&model, data);
  internal::Camera from_above;
  from_above.elevation = -90.0;
  const Image8 image = internal::mujoco_picture(&model, data, from_above, kSmall);
  int dark = 0;
  for (std::int64_t row = 0; row < image.rows; ++row) {
    for (std::int64_t column = 0; column < image.columns; ++column) {
      const Pixel one = pixel(image, column, row);
      const bool grey = std::abs(one.red - one.blue) < 25 && std::abs(one.red - one.green) < 25;
      dark += grey && one.brightness() < 3 * 165 && one.brightness() > 3 * 90;
    }
  }
  EXPECT_GT(dark, 50);
  mj_deleteData(data);
}

TEST(EnvPicture, AbsurdSizesAreRefused) {
  for (const char* name : {"Hopper-v4", "Pendulum-v1", "Multigoal-v0"}) {
    const auto environment = started(name);
    for (const PictureSize size : {PictureSize{0, 240}, {320, -1}, {15, 240}, {100000, 100}})
      EXPECT_THROW(environment->picture(size), InvalidInput) << name;
  }
}

TEST(EnvCanvas, ADiscCoversItsArea) {
  internal::Canvas canvas({100, 100}, {0, 0}, 50.0, {0, 0, 0});
  canvas.fill_disc({0.3, -0.2}, 20.0, {1, 1, 1});
  const Image8 image = canvas.image();
  double area = 0.0;
  for (std::size_t i = 0; i < image.bytes.size(); i += 3) area += image.bytes[i] / 255.0;
  EXPECT_NEAR(area, 3.14159265 * 400.0, 2.0);
}

TEST(EnvCanvas, LinesAndPolygonsCoverTheirAreaWhicheverWayTheyRun) {
  const auto area_of = [](const internal::Canvas& canvas) {
    const Image8 image = canvas.image();
    double area = 0.0;
    for (std::size_t i = 0; i < image.bytes.size(); i += 3) area += image.bytes[i] / 255.0;
    return area;
  };
  internal::Canvas line({100, 100}, {0, 0}, 50.0, {0, 0, 0});
  line.draw_line({-18, -24}, {18, 24}, 10.0, {1, 1, 1});
  EXPECT_NEAR(area_of(line), 60.0 * 10.0 + 3.14159265 * 25.0, 3.0);
  internal::Canvas triangle({100, 100}, {0, 0}, 50.0, {0, 0, 0});
  triangle.fill_polygon({{-30, -20}, {30, -20}, {0, 30}}, {1, 1, 1});
  EXPECT_NEAR(area_of(triangle), 1500.0, 5.0);
}

TEST(EnvCanvas, WhatLiesOutsideThePictureIsLeftOut) {
  internal::Canvas canvas({20, 30}, {0, 0}, 1.0, {0.5, 0.5, 0.5});
  const Image8 before = canvas.image();
  canvas.fill_disc({1e6, -1e6}, 10.0, {1, 0, 0});
  canvas.draw_line({-100, 50}, {100, 50}, 1.0, {1, 0, 0});
  EXPECT_EQ(canvas.image().bytes, before.bytes);
}

}  // namespace
}  // namespace ergon
