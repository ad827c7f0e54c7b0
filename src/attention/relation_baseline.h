#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "attnviz/relations.h"

namespace attnviz {

/// A head that knows only position.
enum class FixedKind { words_back, tokens_back, word, token };
using FixedHead = std::pair<int, std::int64_t>;  ///< FixedKind, distance or position

[[nodiscard]] inline bool is_offset(const FixedHead& head) {
  return head.first == static_cast<int>(FixedKind::words_back) ||
         head.first == static_cast<int>(FixedKind::tokens_back);
}

/// All of them that find the item's target. Where the query or the target has several tokens, a
/// head so many tokens back may rest on several words alike: it then counts as one that does.
std::vector<FixedHead> fixed_heads_on_target(const RelationItem& item);

/// The word, 1 .. query - 1, that holds more of the attention than any other; 0: none does.
/// attention: a weight for each token, from the query word.
std::size_t most_attended_word(std::span<const double> attention, const RelationItem& item);

}  // namespace attnviz
