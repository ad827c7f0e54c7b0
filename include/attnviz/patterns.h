#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "attnviz/head_id.h"

namespace attnviz {

/// The attention of one text: what the model room produces and every later room reads.
struct AttentionPatterns {
  /// Layer l: [head, query, key] float32 on the CPU, contiguous; rows sum to 1. Layers may have
  /// different numbers of heads; all have the same number of positions T = query = key.
  std::vector<at::Tensor> layers;
  /// No row attends to a later position.
  bool causal = true;
  /// Which heads they are, where some were pruned: layers[l][i] is that of head kept[l][i].
  KeptHeads kept = {};

  [[nodiscard]] std::int64_t n_layers() const { return static_cast<std::int64_t>(layers.size()); }
  [[nodiscard]] std::int64_t n_heads(std::int64_t layer) const { return layers.at(layer).size(0); }
  [[nodiscard]] std::int64_t n_positions() const { return layers.at(0).size(1); }
};

}  // namespace attnviz
