#pragma once

#include <vector>

#include "env/ray_shapes.hpp"

namespace ergon::internal {

/// Where a picture is taken from: right, up and forward are of length 1 and at right angles.
struct Viewpoint {
  Vector3 position;
  Vector3 right;
  Vector3 up;
  Vector3 forward;
  double half_height = 0.41;  ///< tangent of half the vertical field of view
};

/// Solids under a sun and a sky.
class RayScene {
 public:
  /// `tile`: side of the squares on planes, > 0.
  RayScene(std::vector<Shape> shapes, const Viewpoint& viewpoint, double tile);

  /// Lambert's law with a highlight, hard shadows, a sky and haze towards the horizon. One ray a
  /// pixel, 16 where its neighbours show something else: smooth edges at little cost. The same
  /// scene gives the same bytes. Throws InvalidInput for sides beyond require_picture_size.
  Image8 picture(PictureSize size) const;

 private:
  /// What a ray met: light that comes back along it, and a number that differs where a picture
  /// has an edge.
  struct Sample {
    Vector3 light;
    int edge = 0;
  };
  struct Nearest {
    int shape = -1;
    Hit hit;
  };
  Ray ray_at(double column, double row, PictureSize size) const;
  Nearest nearest(const Ray& ray) const;
  bool lit(const Vector3& point) const;
  Sample trace(const Ray& ray, double spread) const;
  Vector3 sky(const Vector3& direction) const;
  /// Light of a plane's tiles at a hit, averaged over a pixel `spread` wide at distance 1.
  Vector3 tiles(const Shape& plane, const Ray& ray, const Hit& hit, double spread) const;

  std::vector<Shape> shapes_;
  std::vector<double> radii_;  ///< bounding radii, squared
  Viewpoint viewpoint_;
  double tile_;
  Vector3 sun_;  ///< towards it
};

}  // namespace ergon::internal
