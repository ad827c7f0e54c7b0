#pragma once

#include <string>
#include <vector>

#include "figure/sheet.h"

namespace attnviz {

/// Sentences as lines of at most `room` pixels; a sentence stays whole where it fits a line.
[[nodiscard]] std::vector<std::string> foot_lines(const Sheet& sheet,
                                                  const std::vector<std::string>& sentences,
                                                  double room);
[[nodiscard]] double foot_height(const Sheet& sheet, const std::vector<std::string>& lines);

/// Below y, in the notes' letters.
void draw_foot(Sheet& sheet, const std::vector<std::string>& lines, double x, double y);

}  // namespace attnviz
