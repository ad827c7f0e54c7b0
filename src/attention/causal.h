#pragma once

#include "attnviz/error.h"
#include "attnviz/patterns.h"

namespace attnviz {

/// Throws ShapeError: no layers, or not causal.
inline void require_causal(const AttentionPatterns& patterns) {
  if (patterns.layers.empty()) throw ShapeError("there are no attention patterns");
  if (!patterns.causal) {
    throw ShapeError("relations and similarity are measured on causal patterns only");
  }
}

}  // namespace attnviz
