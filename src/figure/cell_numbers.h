#pragma once

#include <string>
#include <vector>

#include "figure/sheet.h"

namespace attnviz {

/// The size, in pixels, of letters of at most that many points in which each of the numbers fits a
/// cell; 0 where the cells are too small for legible ones.
[[nodiscard]] double number_size(const Sheet& sheet, const std::vector<std::string>& numbers,
                                 const Box& cell, double points);

}  // namespace attnviz
