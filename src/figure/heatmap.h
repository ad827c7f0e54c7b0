#pragma once

#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// The level of each pixel of a heatmap, row by row; these are not levels:
inline constexpr std::int16_t blank_pixel = -1;    ///< only keys after the query, or left out
inline constexpr std::int16_t missing_pixel = -2;  ///< not a number

/// From `from` up to, not including, `to`.
struct CellSpan {
  std::int64_t from = 0, to = 0;
};

/// For each of the pixels along a side, the cells under it: one where there are at least as many
/// pixels as cells, else several. Every cell is under some pixel, and none under two when shrunk.
[[nodiscard]] std::vector<CellSpan> cells_under_pixels(std::int64_t pixels, std::int64_t cells);

/// The levels of a heatmap's pixels, a row of pixels at a time. Width and height are those of the
/// item's box, which has whole pixels.
class HeatmapRows {
 public:
  /// The item must outlive it.
  explicit HeatmapRows(const HeatmapItem& item);

  /// Goes to row y of the box. False where it is the same as the last one, of the same cells.
  bool seek(std::int64_t y);

  /// Of the pixels of the row.
  [[nodiscard]] const std::vector<std::int16_t>& levels() const { return levels_; }

 private:
  void find_extremes();
  [[nodiscard]] std::int16_t level_at(CellSpan columns) const;

  const HeatmapItem* item_;
  std::vector<CellSpan> rows_, columns_;
  CellSpan cells_;  // of the row
  // Of each column over the row's cells. NaN is passed over; smallest is kept for a diverging map
  // alone.
  std::vector<float> largest_, smallest_;
  std::vector<std::int16_t> levels_;
};

}  // namespace attnviz
