#pragma once

#include <string>
#include <vector>

#include "attnviz/change_figure.h"

namespace attnviz {

/// A row of the figure of changes.
struct ChangePanels {
  std::string name, note;
  at::Tensor before, after, difference;  ///< [query, key] float32, contiguous
  double largest = 0;  ///< difference in size, with its sign; passes over what is not finite
};

/// Checks all that the figure is given; throws as layout_changes promises.
[[nodiscard]] std::vector<ChangePanels> change_panels(std::span<const ChangedPattern> heads,
                                                      std::span<const Label> labels,
                                                      const ChangeFigureOptions& options);

}  // namespace attnviz
