#pragma once

#include <optional>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

// What the painters of SVG and PDF share: a drawing as shapes of one colour, at the same places as
// the pixels of the PNG.

/// Neighbouring cells of one colour in a row of cells, as the pixels of the picture that they fill.
struct CellRectangle {
  int x = 0, y = 0, width = 0, height = 0;
  Colour colour{};
};

/// The cells of a heatmap, row by row from the top; those that are left blank are in none.
[[nodiscard]] std::vector<CellRectangle> cell_rectangles(const HeatmapItem& item);

/// One list a heatmap. None where that would be more than viewers like: then each heatmap is to be
/// an image of its own.
[[nodiscard]] std::optional<std::vector<std::vector<CellRectangle>>> cells_of(
    const Drawing& drawing);

/// The heatmap alone, of the size of its box.
[[nodiscard]] Image heatmap_image(const HeatmapItem& item);

/// A box, or with a tip the triangle over its upper side.
struct Shape {
  Box box;
  std::optional<double> tip;  ///< its y
  Colour colour{};
};

/// A colour bar, to be filled one after the other.
[[nodiscard]] std::vector<Shape> bar_shapes(const ColourBarItem& bar);

/// The pixels that the painter fills for a box.
[[nodiscard]] Box whole(const Box& box);

/// As encode() says. Both throw FigureError for a drawing that reaches beyond its picture.
[[nodiscard]] std::string encode_svg(const Drawing& drawing, int dpi,
                                     std::span<const std::pair<std::string, std::string>> texts);
[[nodiscard]] std::string encode_pdf(const Drawing& drawing, int dpi,
                                     std::span<const std::pair<std::string, std::string>> texts);

}  // namespace attnviz
