#pragma once

#include <functional>
#include <string>

#include "attnviz/snapshot.h"

namespace attnviz {

/// A head's tolerance by the rules, the first that sets it, else the default.
[[nodiscard]] Tolerance tolerance_of(HeadId head,
                                     std::initializer_list<const ToleranceRules*> rules,
                                     const Tolerance& otherwise);

/// Holds a text's snapshot against the one before: verdict, message and all that it rests on but
/// the pictures and `now`. tolerance_of: given the default, the tolerance of a head.
[[nodiscard]] TextResult judge(
    const std::string& name, const Snapshot& before, const Snapshot& now,
    const std::function<Tolerance(HeadId, const Tolerance&)>& tolerance_of);

/// Draws the heads that changed most, if any, as NAME_diff.png shows them. Where that cannot be,
/// the message says why, and the verdict stays.
void add_picture(TextResult& result, const Snapshot& before, const Snapshot& now,
                 std::size_t n_heads, int dpi);

}  // namespace attnviz
