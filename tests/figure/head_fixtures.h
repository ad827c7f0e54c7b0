#pragma once

#include <optional>
#include <vector>

#include "attnviz/head_figure.h"

namespace attnviz {

/// A report on invented heads, as many in each layer as are given: previous-token heads in early
/// layers, induction heads after them, first-token sinks in the later half, and others; labels and
/// flags are those that the scores earn. 16 texts, 4 probes.
HeadReport make_report(const std::vector<int>& heads);

/// Without the other heads.
HeadReport pruned(HeadReport report, const KeptHeads& kept);

/// One a head: mostly small, one in seven below 0, one in eleven not measured.
std::vector<std::optional<double>> make_importance(const HeadReport& report);

/// The same scores before any head is trained at 0, and as they are at 1.
HeadReport make_checkpoint(const std::vector<int>& heads, double trained);

/// A score of that mean, its interval a little wide.
Statistic make_statistic(double mean, double chance = 0.05);

}  // namespace attnviz
