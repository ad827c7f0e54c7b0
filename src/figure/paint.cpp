#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "figure/colours.h"
#include "figure/heatmap.h"
#include "figure/lettering.h"

namespace attnviz {
namespace {

using Canvas = cv::Mat3b;  // red, green, blue

cv::Vec3b pixel(Colour colour) {
  return {colour[0], colour[1], colour[2]};
}

cv::Rect pixels_of(const Box& box) {
  const auto x = static_cast<int>(std::lround(box.x)), y = static_cast<int>(std::lround(box.y));
  return {x, y, static_cast<int>(std::lround(box.width)),
          static_cast<int>(std::lround(box.height))};
}

bool is_grey(const cv::Vec3b& colour) {
  return colour[0] == colour[1] && colour[1] == colour[2];
}

// Between two greys only the n_greys of the palette, 4 of 255 away at most: they are the soft
// edges of letters. Between other colours, exact.
cv::Vec3b blend(const cv::Vec3b& below, const cv::Vec3b& above, int cover) {
  cv::Vec3b mixed;
  for (int c = 0; c < 3; ++c) {
    mixed[c] = static_cast<std::uint8_t>((below[c] * (255 - cover) + above[c] * cover + 127) / 255);
  }
  if (is_grey(below) && is_grey(above)) return pixel(grey((mixed[0] * (n_greys - 1) + 127) / 255));
  return mixed;
}

void paint_cover(Canvas& canvas, const cv::Mat1b& cover, int left, int top, Colour colour) {
  const cv::Rect whole({0, 0}, canvas.size());
  const cv::Rect part = cv::Rect(left, top, cover.cols, cover.rows) & whole;
  const auto ink = pixel(colour);
  for (int y = part.y; y < part.br().y; ++y) {
    const auto* from = cover[y - top] - left;
    auto* to = canvas[y];
    for (int x = part.x; x < part.br().x; ++x) {
      if (from[x] != 0) to[x] = blend(to[x], ink, from[x]);
    }
  }
}

void paint_text(Canvas& canvas, const TextItem& text) {
  const auto lettering = letter(text);
  const int x = static_cast<int>(std::lround(text.x)), y = static_cast<int>(std::lround(text.y));
  paint_cover(canvas, lettering.characters, x + lettering.left, y + lettering.top, text.colour);
  paint_cover(canvas, lettering.marks, x + lettering.left, y + lettering.top, text.mark_colour);
}

void paint_heatmap(Canvas& canvas, const HeatmapItem& item) {
  const cv::Rect place = pixels_of(item.box);
  const auto shown = heatmap_levels(item);
  const auto& colours = levels(item.colours);
  for (int y = 0; y < place.height; ++y) {
    auto* line = canvas[place.y + y] + place.x;
    const auto* level = shown.data() + static_cast<std::ptrdiff_t>(y) * place.width;
    for (int x = 0; x < place.width; ++x) {
      if (level[x] == blank_pixel) continue;
      line[x] = pixel(level[x] == missing_pixel ? missing_colour : colours[level[x]]);
    }
  }
}

// Cover of a point as high as it is wide, in eighths: 7 blended colours fit the palette.
cv::Mat1b point_cover(int width, bool is_high) {
  cv::Mat1b cover(width, width);
  for (int y = 0; y < width; ++y) {
    const double half = (is_high ? y + 0.5 : width - y - 0.5) / 2, middle = width / 2.0;
    for (int x = 0; x < width; ++x) {
      const double from = std::max<double>(x, middle - half);
      const double to = std::min<double>(x + 1, middle + half);
      const auto eighths = std::lround(std::max(0.0, to - from) * 8);
      cover(y, x) = static_cast<std::uint8_t>(eighths * 255 / 8);
    }
  }
  return cover;
}

// Points on the upper and lower side of a place, as the bar has them.
void paint_points(Canvas& canvas, const ColourBarItem& bar, const cv::Rect& place, Colour low,
                  Colour high) {
  if (bar.pointed_high) {
    const auto cover = point_cover(place.width, true);
    paint_cover(canvas, cover, place.x, place.y - place.width, high);
  }
  if (bar.pointed_low) {
    paint_cover(canvas, point_cover(place.width, false), place.x, place.br().y, low);
  }
}

void paint_bar(Canvas& canvas, const ColourBarItem& bar) {
  const cv::Rect place = pixels_of(bar.box);
  const auto& colours = levels(bar.colours);
  const int frame = static_cast<int>(std::lround(bar.frame));
  const int above = bar.pointed_high ? 0 : frame, under = bar.pointed_low ? 0 : frame;
  const cv::Rect outer(place.x - frame, place.y - above, place.width + 2 * frame,
                       place.height + above + under);
  canvas(outer & cv::Rect({0, 0}, canvas.size())) = pixel(frame_colour);
  paint_points(canvas, bar, outer, frame_colour, frame_colour);
  for (int y = 0; y < place.height; ++y) {
    const double t = 1 - (y + 0.5) / place.height;
    canvas(cv::Rect(place.x, place.y + y, place.width, 1)) = pixel(colours[level_of(t)]);
  }
  paint_points(canvas, bar, place, colours.front(), colours.back());
}

void require_inside(const Drawing& drawing, const Box& box) {
  const cv::Rect place = pixels_of(box);
  if ((place & cv::Rect(0, 0, drawing.width, drawing.height)) != place || place.empty()) {
    throw FigureError(
        "a heatmap, line or colour bar reaches beyond the picture; lay it out larger");
  }
}

void require_sound(const Drawing& drawing) {
  if (drawing.width <= 0 || drawing.height <= 0)
    throw FigureError("a picture needs pixels to be painted");
  for (const auto& item : drawing.heatmaps) require_inside(drawing, item.box);
  for (const auto& bar : drawing.colour_bars) require_inside(drawing, bar.box);
  for (const auto& line : drawing.lines) require_inside(drawing, line.box);
}

}  // namespace

Image paint(const Drawing& drawing) {
  require_sound(drawing);
  Image image{drawing.width, drawing.height, {}};
  image.rgb.assign(static_cast<std::size_t>(3) * image.width * image.height, 255);
  Canvas canvas(image.height, image.width, reinterpret_cast<cv::Vec3b*>(image.rgb.data()));
  try {
    for (const auto& item : drawing.heatmaps) paint_heatmap(canvas, item);
    for (const auto& bar : drawing.colour_bars) paint_bar(canvas, bar);
    for (const auto& line : drawing.lines) canvas(pixels_of(line.box)) = pixel(line.colour);
    for (const auto& text : drawing.texts) paint_text(canvas, text);
  } catch (const cv::Exception& error) {
    throw FigureError("OpenCV cannot paint the figure: " + error.err);
  }
  return image;
}

}  // namespace attnviz
