#pragma once

#include <vector>

#include "ergon/env/environment.hpp"

namespace ergon::internal {

/// Red, green, blue in [0, 1], as screens show them.
struct Colour {
  double red = 0.0;
  double green = 0.0;
  double blue = 0.0;
};

/// A point of a plane whose second coordinate grows upwards.
struct Point {
  double x = 0.0;
  double y = 0.0;
};

/// Throws InvalidInput unless both sides are between 16 and 4096 pixels.
void require_picture_size(PictureSize size);

/// The byte of a brightness in [0, 1]; what lies outside is cut.
std::uint8_t colour_byte(double brightness);

/// A picture of a part of the plane, drawn shape over shape with smooth edges: a pixel takes a
/// shape's colour by the share of it that the shape covers, estimated from the distance between the
/// pixel's centre and the shape's border.
class Canvas {
 public:
  /// Shows at least the square of half side `reach` around `centre`, whole, in the middle. Throws
  /// InvalidInput: see require_picture_size.
  Canvas(PictureSize size, Point centre, double reach, Colour background);

  /// All lengths are in the plane's units.
  void fill_disc(Point centre, double radius, Colour colour);
  /// With round ends.
  void draw_line(Point from, Point to, double width, Colour colour);
  /// A convex polygon, its corners counter-clockwise.
  void fill_polygon(const std::vector<Point>& corners, Colour colour);
  /// The length of a pixel's side.
  double pixel() const { return 1.0 / scale_; }

  Image8 image() const;

 private:
  /// Blends `colour` into the pixels of the rectangle [low, high]; distance(point) is the signed
  /// distance to the border, negative inside.
  template <class Distance>
  void paint(Point low, Point high, Colour colour, const Distance& distance);

  PictureSize size_;
  Point centre_;
  double scale_;  ///< pixels per unit
  std::vector<Colour> pixels_;
};

}  // namespace ergon::internal
