#include "figure/painter.h"

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "figure/colours.h"

namespace attnviz {
namespace {

constexpr int band_rows = 32;

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

void require_inside(const Drawing& drawing, const Box& box) {
  const cv::Rect place = pixels_of(box);
  if ((place & cv::Rect(0, 0, drawing.width, drawing.height)) != place || place.empty()) {
    throw FigureError(
        "a heatmap, line or colour bar reaches beyond the picture; lay it out larger");
  }
}

// OpenCV's errors as ours.
template <typename Paint>
auto guarded(Paint paint) {
  try {
    return paint();
  } catch (const cv::Exception& error) {
    throw FigureError("OpenCV cannot paint the figure: " + error.err);
  }
}

}  // namespace

void require_sound(const Drawing& drawing) {
  if (drawing.width <= 0 || drawing.height <= 0)
    throw FigureError("a picture needs pixels to be painted");
  for (const auto& item : drawing.heatmaps) require_inside(drawing, item.box);
  for (const auto& bar : drawing.colour_bars) require_inside(drawing, bar.box);
  for (const auto& line : drawing.lines) require_inside(drawing, line.box);
}

Painter::Painter(const Drawing& drawing) : drawing_(drawing) {
  require_sound(drawing);
  guarded([&] {
    for (const auto& item : drawing.heatmaps) {
      heatmaps_.push_back({&item, pixels_of(item.box), HeatmapRows(item), {}});
    }
    for (const auto& item : drawing.texts) {
      auto lettering = letter(item);
      lettering.left += static_cast<int>(std::lround(item.x));
      lettering.top += static_cast<int>(std::lround(item.y));
      texts_.push_back({&item, std::move(lettering)});
    }
    band_.create(std::min(band_rows, drawing.height), drawing.width);
  });
}

const std::uint8_t* Painter::row(int y) {
  const int top = y / band_rows * band_rows;
  if (top != top_) guarded([&] { paint_band(top); });
  return band_[y - top]->val;
}

void Painter::paint_band(int top) {
  top_ = top;
  band_ = cv::Vec3b::all(255);
  for (auto& heatmap : heatmaps_) paint_heatmap(heatmap);
  for (const auto& bar : drawing_.colour_bars) paint_bar(bar);
  for (const auto& line : drawing_.lines) fill(pixels_of(line.box), line.colour);
  for (const auto& [item, ink] : texts_) {
    paint_cover(ink.characters, ink.left, ink.top, item->colour);
    paint_cover(ink.marks, ink.left, ink.top, item->mark_colour);
  }
}

void Painter::paint_heatmap(Heatmap& heatmap) {
  auto& [item, place, rows, line] = heatmap;
  const auto& colours = levels(item->colours);
  const int from = std::max(place.y, top_), to = std::min(place.br().y, top_ + band_.rows);
  for (int y = from; y < to; ++y) {
    if (rows.seek(y - place.y)) {
      line.clear();
      for (const std::int16_t level : rows.levels()) {
        // Heatmaps come first: where there is no cell there is the paper.
        line.push_back(level == blank_pixel     ? pixel(white)
                       : level == missing_pixel ? pixel(missing_colour)
                                                : pixel(colours[level]));
      }
    }
    std::copy(line.begin(), line.end(), band_[y - top_] + place.x);
  }
}

void Painter::fill(const cv::Rect& place, Colour colour) {
  const cv::Rect part = (place - cv::Point(0, top_)) & cv::Rect({0, 0}, band_.size());
  if (!part.empty()) band_(part) = pixel(colour);
}

void Painter::paint_cover(const cv::Mat1b& cover, int left, int top, Colour colour) {
  top -= top_;
  const cv::Rect part =
      cv::Rect(left, top, cover.cols, cover.rows) & cv::Rect({0, 0}, band_.size());
  const auto ink = pixel(colour);
  for (int y = part.y; y < part.br().y; ++y) {
    const auto* from = cover[y - top] - left;
    auto* to = band_[y];
    for (int x = part.x; x < part.br().x; ++x) {
      if (from[x] != 0) to[x] = blend(to[x], ink, from[x]);
    }
  }
}

// Points on the upper and lower side of a place, as the bar has them.
void Painter::paint_points(const ColourBarItem& bar, const cv::Rect& place, Colour low,
                           Colour high) {
  if (bar.pointed_high) {
    paint_cover(point_cover(place.width, true), place.x, place.y - place.width, high);
  }
  if (bar.pointed_low) {
    paint_cover(point_cover(place.width, false), place.x, place.br().y, low);
  }
}

void Painter::paint_bar(const ColourBarItem& bar) {
  const cv::Rect place = pixels_of(bar.box);
  const auto& colours = levels(bar.colours);
  const int frame = static_cast<int>(std::lround(bar.frame));
  const int above = bar.pointed_high ? 0 : frame, under = bar.pointed_low ? 0 : frame;
  const cv::Rect outer(place.x - frame, place.y - above, place.width + 2 * frame,
                       place.height + above + under);
  fill(outer, frame_colour);
  paint_points(bar, outer, frame_colour, frame_colour);
  for (int y = 0; y < place.height; ++y) {
    const double t = 1 - (y + 0.5) / place.height;
    fill({place.x, place.y + y, place.width, 1}, colours[level_of(t)]);
  }
  paint_points(bar, place, colours.front(), colours.back());
}

Image paint(const Drawing& drawing) {
  Painter painter(drawing);
  Image image{drawing.width, drawing.height, {}};
  const auto row_bytes = static_cast<std::size_t>(3) * image.width;
  image.rgb.reserve(row_bytes * image.height);
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = painter.row(y);
    image.rgb.insert(image.rgb.end(), row, row + row_bytes);
  }
  return image;
}

}  // namespace attnviz
