#pragma once

#include <vector>

#include "attnviz/patterns.h"

namespace attnviz {

/// Of each layer, the numbers of its heads; spelled out where none was pruned, too.
/// Throws ShapeError where patterns.kept is not that of these layers.
KeptHeads kept_heads(const AttentionPatterns& patterns);

/// The same, of a text that may follow others. before: what this gave for them, or empty.
/// Throws ShapeError also where no layer has a head, and for other layers or heads than before.
KeptHeads same_heads(const AttentionPatterns& patterns, const KeptHeads& before);

/// Layer by layer.
std::vector<HeadId> ids_of(const KeptHeads& heads);

}  // namespace attnviz
