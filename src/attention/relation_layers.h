#pragma once

#include <cstdint>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/patterns.h"

namespace attnviz {

/// The number of heads of each layer. before: the same of the patterns before, or empty.
/// Throws ShapeError: no layers, not causal, or other layers or heads than before.
inline std::vector<std::int64_t> heads_per_layer(const AttentionPatterns& patterns,
                                                 const std::vector<std::int64_t>& before) {
  if (patterns.layers.empty()) throw ShapeError("there are no attention patterns");
  if (!patterns.causal) {
    throw ShapeError("relations and similarity are measured on causal patterns only");
  }
  std::vector<std::int64_t> n_heads;
  for (const at::Tensor& layer : patterns.layers) n_heads.push_back(layer.size(0));
  if (!before.empty() && n_heads != before) {
    throw ShapeError("the texts come from models with different layers or heads");
  }
  return n_heads;
}

}  // namespace attnviz
