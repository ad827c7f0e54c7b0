#pragma once

#include "figure/sheet.h"

namespace attnviz {

/// A thin line along the blank future of a causal heatmap of that many rows, on the future's side:
/// where white is a value too, it shows where values end.
void draw_future_edge(Sheet& sheet, const Box& heatmap, std::int64_t n_positions);

}  // namespace attnviz
