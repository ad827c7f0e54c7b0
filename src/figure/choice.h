#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// What a figure shows of a view: the layers and, by number, the heads, ascending. A layer may lack
/// some of the heads, or have none at all.
struct Choice {
  AttentionPatterns patterns;  ///< the chosen heads alone
  std::vector<int> layers, heads;
  Focus focus;
  std::span<const Label> queries, keys;         ///< of the rows and columns that are shown
  std::int64_t first_query = 0, first_key = 0;  ///< their positions
  /// Before which of the rows and columns the text's continuation begins; none: it has none, or
  /// nothing else is shown.
  std::optional<std::int64_t> query_border, key_border;
  std::vector<std::string> notes;

  [[nodiscard]] bool causal() const { return patterns.causal; }
  [[nodiscard]] std::int64_t n_queries() const { return std::int64_t(queries.size()); }
  [[nodiscard]] std::int64_t n_keys() const { return std::int64_t(keys.size()); }
};

/// Checks all that the three figures are given; throws as they promise. The view must outlive it.
[[nodiscard]] Choice choose(const View& view, const HeadChoice& heads, const Focus& focus);

/// head: its number, which is not its place where others were pruned.
[[nodiscard]] bool has_head(const Choice& choice, int layer, int head);

/// A pattern as it is shown.
struct ShownPattern {
  at::Tensor values;  ///< [query, key]; undefined: there is none
  std::string left;   ///< `3 % left`, where the first key was left out, of what there was; or empty
};

/// Of a head; undefined where the layer lacks it.
[[nodiscard]] ShownPattern pattern_of(const Choice& choice, int layer, int head);

/// The mean over those of the heads that the layer has; undefined where it has none.
[[nodiscard]] ShownPattern mean_over_heads(const Choice& choice, int layer);

/// `Head 3`, `Heads 1, 3, 5`.
[[nodiscard]] std::string name_of_heads(const std::vector<int>& heads);

/// The numbers of a layer's chosen heads.
[[nodiscard]] std::vector<int> heads_of(const Choice& choice, int layer);

}  // namespace attnviz
