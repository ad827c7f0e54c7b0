#include "figure/vector.h"

#include <cmath>

#include "figure/colours.h"
#include "figure/heatmap.h"
#include "figure/painter.h"

namespace attnviz {
namespace {

constexpr std::size_t most_rectangles = 20'000;  // of a drawing; viewers get slow from there on

Colour colour_of(std::int16_t level, ColourMap map) {
  return level == missing_pixel ? missing_colour : levels(map)[static_cast<std::size_t>(level)];
}

// One row of cells, from pixel row y of the picture on; how high it is is not known yet.
void add_row(const std::vector<std::int16_t>& row, const HeatmapItem& item, int y,
             std::vector<CellRectangle>& rectangles) {
  const auto left = static_cast<int>(std::lround(item.box.x));
  for (std::size_t x = 0; x < row.size();) {
    std::size_t end = x;
    while (end < row.size() && row[end] == row[x]) ++end;
    if (row[x] != blank_pixel) {
      rectangles.push_back({left + static_cast<int>(x), y, static_cast<int>(end - x), 0,
                            colour_of(row[x], item.colours)});
    }
    x = end;
  }
}

std::vector<Shape> points(const ColourBarItem& bar, const Box& box, Colour low, Colour high) {
  std::vector<Shape> shapes;
  if (bar.pointed_high) shapes.push_back({{box.x, box.y, box.width, 0}, box.y - box.width, high});
  const double bottom = box.y + box.height;
  if (bar.pointed_low) shapes.push_back({{box.x, bottom, box.width, 0}, bottom + box.width, low});
  return shapes;
}

}  // namespace

std::vector<CellRectangle> cell_rectangles(const HeatmapItem& item) {
  const auto top = static_cast<int>(std::lround(item.box.y));
  const auto height = static_cast<int>(std::lround(item.box.height));
  HeatmapRows rows(item);
  std::vector<CellRectangle> rectangles;
  std::size_t first = 0;  // of the row of cells
  for (int y = 0; y < height; ++y) {
    if (rows.seek(y)) {
      first = rectangles.size();
      add_row(rows.levels(), item, top + y, rectangles);
    }
    for (std::size_t i = first; i < rectangles.size(); ++i) ++rectangles[i].height;
  }
  return rectangles;
}

std::optional<std::vector<std::vector<CellRectangle>>> cells_of(const Drawing& drawing) {
  std::vector<std::vector<CellRectangle>> cells;
  std::size_t n = 0;
  for (const auto& item : drawing.heatmaps) {
    cells.push_back(cell_rectangles(item));
    n += cells.back().size();
    if (n > most_rectangles) return std::nullopt;
  }
  return cells;
}

Image heatmap_image(const HeatmapItem& item) {
  Drawing alone;
  alone.width = static_cast<int>(std::lround(item.box.width));
  alone.height = static_cast<int>(std::lround(item.box.height));
  alone.heatmaps = {item};
  alone.heatmaps[0].box.x = alone.heatmaps[0].box.y = 0;
  return paint(alone);
}

std::vector<Shape> bar_shapes(const ColourBarItem& bar) {
  const Box box = whole(bar.box);
  const double frame = std::round(bar.frame);
  const double above = bar.pointed_high ? 0 : frame, under = bar.pointed_low ? 0 : frame;
  const Box outer{box.x - frame, box.y - above, box.width + 2 * frame, box.height + above + under};
  std::vector<Shape> shapes = {{outer, std::nullopt, frame_colour}};
  const auto add = [&](const std::vector<Shape>& more) {
    shapes.insert(shapes.end(), more.begin(), more.end());
  };
  add(points(bar, outer, frame_colour, frame_colour));
  const auto& colours = levels(bar.colours);
  int last = -1;
  for (int y = 0; y < static_cast<int>(box.height); ++y) {
    const int level = level_of(1 - (y + 0.5) / box.height);
    if (level != last) {
      shapes.push_back(
          {{box.x, box.y + y, box.width, 0}, std::nullopt, colours[std::size_t(level)]});
    }
    shapes.back().box.height += 1;
    last = level;
  }
  add(points(bar, box, colours.front(), colours.back()));
  return shapes;
}

std::string encode(const Drawing& drawing, FileFormat format, int dpi,
                   std::span<const std::pair<std::string, std::string>> texts) {
  switch (format) {
    case FileFormat::svg:
      require_sound(drawing);
      return encode_svg(drawing, dpi, texts);
    case FileFormat::pdf:
      require_sound(drawing);
      return encode_pdf(drawing, dpi, texts);
    case FileFormat::png:
      break;
  }
  return encode_png(drawing, dpi, texts);
}

Box whole(const Box& box) {
  return {std::round(box.x), std::round(box.y), std::round(box.width), std::round(box.height)};
}

}  // namespace attnviz
