#pragma once

#include "figure/head_values.h"
#include "figure/sheet.h"

namespace attnviz {

/// A map of heads: a row a layer, a column a head's number, cells of equal whole pixels.
struct HeadMap {
  double x = 0, y = 0;                     ///< upper left corner
  double cell_width = 1, cell_height = 1;  ///< with the white space at their right and below
  double space = 0;                        ///< that much of it, in pixels
  const HeadShape* shape = nullptr;

  [[nodiscard]] double width() const { return shape->columns * cell_width - space; }
  [[nodiscard]] double height() const { return shape->rows() * cell_height - space; }
  [[nodiscard]] Box at(int layer, int head) const {
    return {x + head * cell_width, y + layer * cell_height, cell_width - space,
            cell_height - space};
  }
};

/// Pixels of each of n cells that are `wanted` inches large; all of them together take `least` to
/// `most` inches, unless a cell would then be smaller than least_cell.
[[nodiscard]] double cell_of(double least, double wanted, double most, double n, double least_cell,
                             int dpi);

/// White space between cells of that many pixels: none where they are very small.
[[nodiscard]] double space_between(const Sheet& sheet, double cell);

/// Calls draw(place of the head, its cell) for all of them.
template <class Draw>
void for_each_cell(const HeadMap& map, const Draw& draw) {
  int place = 0;
  for (int layer = 0; layer < map.shape->rows(); ++layer) {
    for (const auto head : map.shape->heads[layer]) {
      draw(place++, map.at(layer, static_cast<int>(head)));
    }
  }
}

void fill(Sheet& sheet, const Box& box, Colour colour);

/// L0, L1 … at the left and H0, H1 … below, letters of at most that many points; where cells are
/// smaller than letters, every second, fifth, tenth …
void draw_head_axes(Sheet& sheet, const HeadMap& map, double points);

/// How far L0 … reach to the left of a map of so many layers, and H0 … below it, in pixels.
[[nodiscard]] double left_of_map(const Sheet& sheet, int n_layers, double points);
[[nodiscard]] double below_map(const Sheet& sheet, double points);

/// The numbers as colours, and in the cells where they all fit.
void draw_numbers(Sheet& sheet, const HeadMap& map, const HeadNumbers& numbers,
                  const ValueScale& scale, double points);

}  // namespace attnviz
