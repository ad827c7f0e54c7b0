#pragma once

#include <string>
#include <vector>

#include "figure/scale.h"
#include "figure/sheet.h"

namespace attnviz {

/// What the colour bar at the right of a figure says.
struct ColourBarText {
  std::vector<ScaleTick> ticks;
  std::string title;  ///< beside it, turned; may be empty
  double size = 0;    ///< of the letters, in pixels
};

/// From the bar's left side to the far end of what is written beside it, in pixels.
[[nodiscard]] double colour_bar_width(const Sheet& sheet, const ColourBarText& text);

/// x, y: the upper left corner; the points of pointed ends are within the height.
void draw_colour_bar(Sheet& sheet, const ColourBarText& text, ColourBarItem bar);

}  // namespace attnviz
