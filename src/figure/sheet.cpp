#include "figure/sheet.h"

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "figure/lettering.h"

namespace attnviz {
namespace {

constexpr double x_height = 0.547;     // of DejaVu Sans, in ems
constexpr double most_pixels = 400e6;  // 1.2 GB as an Image
constexpr int least_dpi = 40, most_dpi = 1200;

void require_dpi(int dpi) {
  if (dpi < least_dpi || dpi > most_dpi) {
    throw FigureError("figures of " + std::to_string(dpi) + " dots an inch cannot be drawn; use " +
                      std::to_string(least_dpi) + " to " + std::to_string(most_dpi));
  }
}

}  // namespace

Sheet::Sheet(double width, double height, int dpi) : pixels_per_point(dpi / 72.0) {
  require_dpi(dpi);
  drawing.width = static_cast<int>(std::lround(width * dpi));
  drawing.height = static_cast<int>(std::lround(height * dpi));
  if (static_cast<double>(drawing.width) * drawing.height > most_pixels) {
    throw FigureError("a picture of " + std::to_string(drawing.width) + " x " +
                      std::to_string(drawing.height) +
                      " pixels is too large; lower the dpi or choose fewer layers or heads");
  }
}

double Sheet::font(double points) const {
  return std::max(3.0, std::round(px(points) * x_height)) / x_height;
}

double Sheet::font_within(const std::string& plain, double points, double least,
                          double room) const {
  while (points > least && measure({{plain, false}}, font(points)).width > room) points -= 0.5;
  return font(std::max(points, least));
}

void Sheet::text(Label parts, double x, double y, double size, Anchor anchor, int angle,
                 Colour colour) {
  const Box ink = measure(parts, size, anchor);
  if (ink.width <= 0) return;
  drawing.texts.push_back({std::move(parts), std::round(x), std::round(y), size, angle, anchor,
                           colour, mark_colour, ink});
}

void Sheet::text(const std::string& plain, double x, double y, double size, Anchor anchor,
                 int angle, Colour colour) {
  text(Label{{plain, false}}, x, y, size, anchor, angle, colour);
}

void Sheet::line(double x, double y, double width, double height, Colour colour) {
  drawing.lines.push_back({{std::round(x), std::round(y), std::max(1.0, std::round(width)),
                            std::max(1.0, std::round(height))},
                           colour});
}

void Sheet::frame(const Box& box, Colour colour) {
  const double w = hairline();
  line(box.x - w, box.y - w, box.width + 2 * w, w, colour);
  line(box.x - w, box.y + box.height, box.width + 2 * w, w, colour);
  line(box.x - w, box.y, w, box.height, colour);
  line(box.x + box.width, box.y, w, box.height, colour);
}

Box whole_pixels(const Box& box) {
  const double x = std::ceil(box.x - 1e-6), y = std::ceil(box.y - 1e-6);
  return {x, y, std::max(1.0, std::floor(box.x + box.width + 1e-6) - x),
          std::max(1.0, std::floor(box.y + box.height + 1e-6) - y)};
}

}  // namespace attnviz
