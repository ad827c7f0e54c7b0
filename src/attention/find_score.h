#pragma once

#include <optional>
#include <string_view>

#include "attnviz/attention.h"

namespace attnviz {

/// The score that score_table calls so; none: there is no such.
[[nodiscard]] std::optional<Score> find_score(std::string_view name);

}  // namespace attnviz
