#include "figure/colour_bar.h"

#include <algorithm>
#include <cmath>

#include "figure/lettering.h"

namespace attnviz {
namespace {

constexpr double bar_width = 12, tick = 3, gap = 3, title_gap = 8;  // points

double widest(const ColourBarText& text) {
  double width = 0;
  for (const auto& mark : text.ticks) {
    width = std::max(width, measure({{mark.label, false}}, text.size).width);
  }
  return width;
}

// Middle of the title's letters, from the bar's left side.
double title_x(const Sheet& sheet, const ColourBarText& text) {
  return sheet.px(bar_width + tick + gap + title_gap) + widest(text) + 0.8 * text.size;
}

// Every second, third … tick where all of them would be too close; a bar has at least its ends.
std::vector<ScaleTick> apart(const ColourBarText& text, double height) {
  if (text.ticks.size() < 2) return text.ticks;
  const double pitch = (text.ticks[1].place - text.ticks[0].place) * height;
  const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil(1.4 * text.size / pitch)));
  std::vector<ScaleTick> ticks;
  for (std::size_t i = 0; i < text.ticks.size(); i += every) ticks.push_back(text.ticks[i]);
  return ticks;
}

}  // namespace

double colour_bar_width(const Sheet& sheet, const ColourBarText& text) {
  if (text.title.empty()) return sheet.px(bar_width + tick + gap) + widest(text);
  return title_x(sheet, text) + 0.25 * text.size;
}

void draw_colour_bar(Sheet& sheet, const ColourBarText& text, ColourBarItem bar) {
  bar.box = whole_pixels({bar.box.x, bar.box.y, sheet.px(bar_width), bar.box.height});
  const Box whole = bar.box;
  if (bar.pointed_high) {
    bar.box.y += bar.box.width;
    bar.box.height -= bar.box.width;
  }
  if (bar.pointed_low) bar.box.height -= bar.box.width;
  const double right = bar.box.x + bar.box.width + sheet.hairline();
  for (const auto& mark : apart(text, bar.box.height)) {
    const double y = bar.box.y + (1 - mark.place) * bar.box.height;
    sheet.line(right, std::clamp(y - sheet.px(0.25), bar.box.y, bar.box.y + bar.box.height - 1),
               sheet.px(tick), sheet.px(0.5), quiet_colour);
    sheet.text(mark.label, right + sheet.px(tick + gap), y + 0.365 * text.size, text.size,
               Anchor::start, 0, quiet_colour);
  }
  const double size =
      sheet.font_within(text.title, text.size / sheet.pixels_per_point, 6, whole.height);
  if (measure({{text.title, false}}, size).width <= whole.height) {
    sheet.text(text.title, bar.box.x + title_x(sheet, text), whole.y + whole.height / 2, size,
               Anchor::middle, 90, ink_colour);
  }
  bar.frame = sheet.hairline();
  sheet.drawing.colour_bars.push_back(bar);
}

}  // namespace attnviz
