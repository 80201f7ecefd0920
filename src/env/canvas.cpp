#include "env/canvas.hpp"

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

constexpr int kSmallestSide = 16;
constexpr int kLargestSide = 4096;

double blend(double below, double above, double share) { return below + share * (above - below); }

double length(Point vector) { return std::sqrt(vector.x * vector.x + vector.y * vector.y); }

Point minus(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }

double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }

}  // namespace

void require_picture_size(PictureSize size) {
  const bool fits = size.columns >= kSmallestSide && size.columns <= kLargestSide &&
                    size.rows >= kSmallestSide && size.rows <= kLargestSide;
  require(fits, "a picture of {} x {} pixels cannot be drawn; both sides must be {} to {}",
          size.columns, size.rows, kSmallestSide, kLargestSide);
}

std::uint8_t colour_byte(double brightness) {
  return static_cast<std::uint8_t>(std::clamp(brightness, 0.0, 1.0) * 255.0 + 0.5);
}

Canvas::Canvas(PictureSize size, Point centre, double reach, Colour background)
    : size_(size), centre_(centre) {
  require_picture_size(size);
  scale_ = 0.5 * std::min(size.columns, size.rows) / reach;
  pixels_.assign(static_cast<std::size_t>(size.columns) * static_cast<std::size_t>(size.rows),
                 background);
}

template <class Distance>
void Canvas::paint(Point low, Point high, Colour colour, const Distance& distance) {
  const double left = 0.5 * size_.columns - centre_.x * scale_;  // column of x = 0
  const double top = 0.5 * size_.rows + centre_.y * scale_;      // row of y = 0
  const auto within = [](double at, int count) {
    return static_cast<int>(std::clamp(at, 0.0, static_cast<double>(count)));
  };
  const int first_column = within(left + low.x * scale_ - 1.0, size_.columns);
  const int last_column = within(left + high.x * scale_ + 2.0, size_.columns);
  const int first_row = within(top - high.y * scale_ - 1.0, size_.rows);
  const int last_row = within(top - low.y * scale_ + 2.0, size_.rows);
  for (int row = first_row; row < last_row; ++row) {
    for (int column = first_column; column < last_column; ++column) {
      const Point at = {(column + 0.5 - left) / scale_, (top - row - 0.5) / scale_};
      const double share = std::clamp(0.5 - distance(at) * scale_, 0.0, 1.0);
      Colour& pixel =
          pixels_[static_cast<std::size_t>(row) * static_cast<std::size_t>(size_.columns) +
                  static_cast<std::size_t>(column)];
      pixel.red = blend(pixel.red, colour.red, share);
      pixel.green = blend(pixel.green, colour.green, share);
      pixel.blue = blend(pixel.blue, colour.blue, share);
    }
  }
}

void Canvas::fill_disc(Point centre, double radius, Colour colour) {
  paint({centre.x - radius, centre.y - radius}, {centre.x + radius, centre.y + radius}, colour,
        [&](Point at) { return length(minus(at, centre)) - radius; });
}

void Canvas::draw_line(Point from, Point to, double width, Colour colour) {
  const double radius = 0.5 * width;
  const Point along = minus(to, from);
  const double square = dot(along, along);
  const Point low = {std::min(from.x, to.x) - radius, std::min(from.y, to.y) - radius};
  const Point high = {std::max(from.x, to.x) + radius, std::max(from.y, to.y) + radius};
  paint(low, high, colour, [&](Point at) {
    const Point offset = minus(at, from);
    const double share = square > 0 ? std::clamp(dot(offset, along) / square, 0.0, 1.0) : 0.0;
    return length({offset.x - share * along.x, offset.y - share * along.y}) - radius;
  });
}

void Canvas::fill_polygon(const std::vector<Point>& corners, Colour colour) {
  Point low = corners.front();
  Point high = corners.front();
  for (const Point& corner : corners) {
    low = {std::min(low.x, corner.x), std::min(low.y, corner.y)};
    high = {std::max(high.x, corner.x), std::max(high.y, corner.y)};
  }
  paint(low, high, colour, [&](Point at) {
    double distance = -1e300;
    for (std::size_t i = 0; i < corners.size(); ++i) {
      const Point edge = minus(corners[(i + 1) % corners.size()], corners[i]);
      const Point outward = {edge.y, -edge.x};
      distance = std::max(distance, dot(minus(at, corners[i]), outward) / length(outward));
    }
    return distance;
  });
}

Image8 Canvas::image() const {
  Image8 image{size_.columns, size_.rows, 3, {}};
  image.bytes.reserve(3 * pixels_.size());
  for (const Colour& pixel : pixels_) {
    for (const double value : {pixel.red, pixel.green, pixel.blue})
      image.bytes.push_back(colour_byte(value));
  }
  return image;
}

}  // namespace ergon::internal
