#pragma once

#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// The level of each pixel of a heatmap, row by row; these are not levels:
inline constexpr std::int16_t blank_pixel = -1;    ///< only keys after the query
inline constexpr std::int16_t missing_pixel = -2;  ///< not a number

/// Width and height are those of the item's box, which has whole pixels.
[[nodiscard]] std::vector<std::int16_t> heatmap_levels(const HeatmapItem& item);

/// From `from` up to, not including, `to`.
struct CellSpan {
  std::int64_t from = 0, to = 0;
};

/// For each of the pixels along a side, the cells under it: one where there are at least as many
/// pixels as cells, else several. Every cell is under some pixel, and none under two when shrunk.
[[nodiscard]] std::vector<CellSpan> cells_under_pixels(std::int64_t pixels, std::int64_t cells);

}  // namespace attnviz
