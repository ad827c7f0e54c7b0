#include "figure/border.h"

#include <cmath>

namespace attnviz {
namespace {

/// Seen on what most of the heatmap is: the low end's colour, or blank where only some keys are
/// left.
Colour line_colour(ColourMap colours, const Focus& focus) {
  if (focus.top > 0) return quiet_colour;
  return colours == ColourMap::viridis ? white : ink_colour;
}

}  // namespace

void draw_border(Sheet& sheet, const Box& heatmap, const Choice& choice, ColourMap colours) {
  const Colour colour = line_colour(colours, choice.focus);
  const double thick = std::max(1.0, std::round(sheet.px(0.7)));
  double x = heatmap.x + heatmap.width, y = heatmap.y;
  if (choice.key_border) {
    x = std::round(heatmap.x + heatmap.width * static_cast<double>(*choice.key_border) /
                                   static_cast<double>(choice.n_keys()));
  }
  if (choice.query_border) {
    y = std::round(heatmap.y + heatmap.height * static_cast<double>(*choice.query_border) /
                                   static_cast<double>(choice.n_queries()));
    const double right = choice.causal() ? x : heatmap.x + heatmap.width;
    sheet.line(heatmap.x, y - thick / 2, right - heatmap.x, thick, colour);
  }
  if (!choice.key_border) return;
  const double top = choice.causal() ? y : heatmap.y;
  sheet.line(x - thick / 2, top, thick, heatmap.y + heatmap.height - top, colour);
}

}  // namespace attnviz
