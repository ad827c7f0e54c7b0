#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "attnviz/survey.h"

namespace attnviz::command {

struct TableOptions {
  std::vector<Score> scores;  ///< a column each
  std::string sort = "head";  ///< head, importance or the name of a score
  std::string only = "all";   ///< all, flagged or the name of a label or flag
  std::size_t width = 80;     ///< columns that do not fit are left out, and named below
  bool colours = false;
  bool of_some = false;  ///< heads were chosen: nothing is said of the whole model
};

/// The columns that a person wants first.
[[nodiscard]] std::vector<Score> usual_scores();

/// Places in survey.report.heads, chosen and sorted; scores from the largest down, heads without
/// the score last.
[[nodiscard]] std::vector<std::size_t> chosen_heads(const Survey& survey,
                                                    const TableOptions& options);

/// One line a head under a line of names, then what the signs in it mean.
[[nodiscard]] std::string head_table(const Survey& survey, const TableOptions& options);

}  // namespace attnviz::command
