#pragma once

#include <string>
#include <vector>

#include "figure/head_cells.h"

namespace attnviz {

/// What a reader has to know of a report's labels and flags, in sentences; some may be empty. The
/// last says what patterns cannot. cells: what is written in them.
[[nodiscard]] std::vector<std::string> summary_notes(const HeadReport& report,
                                                     const CellPlan& cells);

/// Short for caveat().
[[nodiscard]] std::string short_caveat();

}  // namespace attnviz
