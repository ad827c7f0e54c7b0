#include "figure/future_edge.h"

#include <algorithm>

#include "figure/heatmap.h"

namespace attnviz {

// A stair from the upper left to the lower right corner: a tread over each run of equal pixel rows,
// a riser at its right.
void draw_future_edge(Sheet& sheet, const Box& heatmap, std::int64_t n_positions) {
  const auto rows = cells_under_pixels(std::llround(heatmap.height), n_positions);
  const auto columns = cells_under_pixels(std::llround(heatmap.width), n_positions);
  const double thick = sheet.hairline();
  const auto first_blank = [&](const CellSpan& row) {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const CellSpan& column) { return column.from >= row.to; });
    return static_cast<double>(found - columns.begin());
  };
  double left = 0;
  for (std::size_t y = 0, next = 0; y < rows.size(); y = next) {
    while (next < rows.size() && rows[next].to == rows[y].to) ++next;
    const double right = first_blank(rows[y]), top = heatmap.y + static_cast<double>(y);
    if (y > 0) {
      const double width = std::min(right + thick, heatmap.width) - left;
      sheet.line(heatmap.x + left, top - thick, width, thick, frame_colour);
    }
    left = right;
    if (right + thick > heatmap.width) break;
    sheet.line(heatmap.x + right, top, thick, static_cast<double>(next - y), frame_colour);
  }
}

}  // namespace attnviz
