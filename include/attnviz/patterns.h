#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "attnviz/head_id.h"

namespace attnviz {

/// The attention of one text: what the model room produces and every later room reads.
struct AttentionPatterns {
  /// Layer l: [head, query, key] float32 on the CPU, contiguous; rows sum to 1. Layers may have
  /// different numbers of heads; all have the same numbers of queries and keys. A model's are of
  /// the same positions, T; there are more keys than queries where the first were kept from before
  /// (a cache), and other keys than queries where a decoder looks at an encoder (cross-attention).
  std::vector<at::Tensor> layers;
  /// No query attends to a key after its own position; the last query's is the last key's.
  bool causal = true;
  /// Which heads they are, where some were pruned or left out: layers[l][i] is that of head
  /// kept[l][i].
  KeptHeads kept = {};
  /// Rows sum to 1 or less: the rest went to a sink that is no token.
  bool has_sinks = false;

  [[nodiscard]] std::int64_t n_layers() const { return static_cast<std::int64_t>(layers.size()); }
  [[nodiscard]] std::int64_t n_heads(std::int64_t layer) const { return layers.at(layer).size(0); }
  [[nodiscard]] std::int64_t n_queries() const { return layers.at(0).size(1); }
  [[nodiscard]] std::int64_t n_keys() const { return layers.at(0).size(2); }
  /// T, where queries and keys are the same positions.
  [[nodiscard]] std::int64_t n_positions() const { return n_keys(); }
};

/// How many keys a query sees, from the first on, where patterns are causal.
[[nodiscard]] constexpr std::int64_t n_seen(std::int64_t query, std::int64_t n_queries,
                                            std::int64_t n_keys) {
  return std::clamp<std::int64_t>(query + 1 + n_keys - n_queries, 0, n_keys);
}

}  // namespace attnviz
