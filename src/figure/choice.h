#pragma once

#include <span>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// The layers and, by number, the heads that a figure shows, in its order. A layer may lack some of
/// the heads, or have none at all.
struct Choice {
  std::vector<int> layers, heads;
};

/// Checks all that the three figures are given; throws as they promise.
[[nodiscard]] Choice choose(const AttentionPatterns& patterns, std::span<const Label> labels,
                            const FigureOptions& options);

/// head: its number, which is not its place where others were pruned.
[[nodiscard]] bool has_head(const AttentionPatterns& patterns, int layer, int head);

/// [query, key], of a head that the layer has.
[[nodiscard]] at::Tensor pattern_of(const AttentionPatterns& patterns, int layer, int head);

/// [query, key], over those of the heads that the layer has; undefined where it has none.
[[nodiscard]] at::Tensor mean_over_heads(const AttentionPatterns& patterns, int layer,
                                         const std::vector<int>& heads);

/// `Head 3`, `Heads 1, 3, 5`.
[[nodiscard]] std::string name_of_heads(const std::vector<int>& heads);

/// What a layer has, for a message: `heads 0 to 7`, `heads 1, 3, 5`, `no heads left`.
[[nodiscard]] std::string heads_left(const AttentionPatterns& patterns, int layer);

}  // namespace attnviz
