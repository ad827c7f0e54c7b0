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
/// the pictures. tolerance_of: given the default, the tolerance of a head.
[[nodiscard]] TextResult judge(
    const std::string& name, const Snapshot& before, Snapshot now,
    const std::function<Tolerance(HeadId, const Tolerance&)>& tolerance_of);

/// Of the heads that moved most, as NAME_diff.png shows them; empty where no patterns were compared
/// or none changed. Throws FigureError.
[[nodiscard]] std::string draw_changed_heads(const TextResult& result, const Snapshot& before,
                                             std::size_t n_heads, int dpi);

}  // namespace attnviz
