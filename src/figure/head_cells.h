#pragma once

#include "figure/head_map.h"

namespace attnviz {

/// The sizes of what is written in the cells, the same in all, in pixels; 0: there is no room.
struct CellPlan {
  double value = 0, name = 0, flag = 0;
  double strip = 0;  ///< height of the flags' row
  double inset = 0;  ///< from the cell's edges
};
[[nodiscard]] CellPlan plan_cells(const Sheet& sheet, const HeadMap& map, const HeadReport& report);

/// Fills each head's cell with its primary label's colour and writes in it the score that decided,
/// the label's short name, and its flags in the upper right corner. Where flags have no room, a
/// corner has the colour of a measured effect or a warning.
void draw_labelled_heads(Sheet& sheet, const HeadMap& map, const HeadReport& report,
                         const CellPlan& plan);

}  // namespace attnviz
