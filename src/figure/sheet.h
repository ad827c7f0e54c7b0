#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "attnviz/figure.h"
#include "figure/colours.h"

namespace attnviz {

/// A drawing in the making. Lengths of text and white space are given in points (1/72 inch) and
/// drawn in pixels, so that a figure looks the same at every dpi.
struct Sheet {
  Drawing drawing;
  double pixels_per_point;

  /// In inches; the picture is exactly that, times dpi, rounded. Throws FigureError for a
  /// picture that is too large to draw.
  Sheet(double width, double height, int dpi);

  [[nodiscard]] double px(double points) const { return points * pixels_per_point; }
  /// The em in pixels of letters of about that many points. Rounded so that small letters are
  /// whole pixels high: their upper edges come out sharp.
  [[nodiscard]] double font(double points) const;

  void text(Label parts, double x, double y, double size, Anchor anchor, int angle = 0,
            Colour colour = ink_colour);
  void text(const std::string& plain, double x, double y, double size, Anchor anchor, int angle = 0,
            Colour colour = ink_colour);
  /// Rounded to whole pixels, never thinner than one.
  void line(double x, double y, double width, double height, Colour colour);
  /// The largest letters of at most that many points, and at least as many as `least`, in which
  /// the text is no wider than `room` pixels.
  [[nodiscard]] double font_within(const std::string& plain, double points, double least,
                                   double room) const;
  /// The thickness of frames, in pixels.
  [[nodiscard]] double hairline() const { return std::max(1.0, std::round(px(0.4))); }
  /// Around the box, on its outside.
  void frame(const Box& box, Colour colour = frame_colour);
};

/// How far a line of text is moved down from its middle to its baseline, in ems.
inline constexpr double middle_to_baseline = 0.33;

/// The largest box of whole pixels within this one.
[[nodiscard]] Box whole_pixels(const Box& box);

}  // namespace attnviz
