#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attnviz/patterns.h"
#include "attnviz/text.h"

// Ways of looking at patterns, between what a model computed and what is drawn.
namespace attnviz {

/// The attention of one text, and all that is told beside it.
struct View {
  AttentionPatterns patterns;
  std::vector<Label> queries, keys;  ///< one per row, one per column
  std::string text;                  ///< what is quoted in titles
  /// So many of the keys were given, the rest the model went on with by itself; none: all were.
  std::optional<std::int64_t> n_prompt = {};
  std::vector<std::string> notes = {};  ///< what was done to the numbers; stands in every figure

  /// The position, counted by the keys, of the first query.
  [[nodiscard]] std::int64_t first_query() const {
    return patterns.causal ? patterns.n_keys() - patterns.n_queries() : 0;
  }
};

/// Of the same positions on both sides.
[[nodiscard]] View view_of(AttentionPatterns patterns, std::vector<Label> labels, std::string text);

/// The chosen heads alone: others are as pruned ones are, gone. Throws UsageError as chosen_heads.
[[nodiscard]] AttentionPatterns select_heads(AttentionPatterns patterns, const HeadChoice& choice);

/// Words instead of tokens (Clark et al. 2019, section 4.1): attention to a word is the sum over
/// its pieces, attention from a word the mean over its pieces. Rows still sum to 1. Both lists
/// say where words begin, ascending from 0, as word_starts gives them. Labels
/// are joined; n_prompt becomes that of the words that begin in the prompt. Causal patterns stay so
/// where the queries' words are the last of the keys'; else there are words that begin before their
/// first query, and no cell is taken to be in the future.
/// Throws ShapeError for starts that are no such places.
[[nodiscard]] View merge_words(View view, std::span<const std::size_t> query_starts,
                               std::span<const std::size_t> key_starts);

/// What to leave out of a pattern so that the rest can be seen.
struct Focus {
  /// The first key, where most attention is parked, and the rest of each row made to sum to 1. So
  /// goes a query that sees no other key.
  bool drop_first = false;
  std::int64_t top = 0;  ///< of each query, only so many of its strongest keys; 0: all

  [[nodiscard]] bool is_none() const { return !drop_first && top == 0; }
  bool operator==(const Focus&) const = default;
};

/// pattern: [..., query, key] float32, of a head or a mean of several. NaN stands where nothing is
/// left to be shown: keys that are not among the strongest (of equal ones the first are), and rows
/// that had 1e-6 or less beyond the first key. The result is without its first column, and without
/// its first row where that is [..., 0, 1:] of a causal pattern, which has nothing there.
/// Throws ShapeError for drop_first where that leaves no key.
[[nodiscard]] at::Tensor focused(const at::Tensor& pattern, bool causal, const Focus& focus);

/// How much of a pattern drop_first leaves: the mean over the rows that stay of the sum over all
/// keys but the first, before the rest is made to sum to 1; in [0, 1]. pattern: [query, key].
[[nodiscard]] double share_left(const at::Tensor& pattern, bool causal);

/// How many queries and keys that leaves out at the beginning.
struct LeftOut {
  std::int64_t queries = 0, keys = 0;
};
[[nodiscard]] LeftOut left_out(std::int64_t n_queries, std::int64_t n_keys, bool causal,
                               const Focus& focus);

/// `first key left out, the rest of each row made to sum to 1`; a note for each thing done.
[[nodiscard]] std::vector<std::string> notes_of(const Focus& focus);

}  // namespace attnviz
