#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "attnviz/text.h"
#include "text/vocabulary.h"

namespace attnviz::text {

/// Applies a vocabulary's merges to one word at a time. Keeps its working memory between words.
class Merger {
 public:
  explicit Merger(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// Appends the ids of the word's tokens. Takes O(n log n) time for n bytes.
  void append_tokens(std::string_view word, TokenIds& ids);

 private:
  /// A token of the word so far, and the rank of its merge with the next one.
  struct Symbol {
    std::uint32_t id, rank;
    std::uint32_t previous, next;
  };
  void start(std::string_view word);
  void merge_all();
  void merge_at(std::uint32_t position);
  void update_rank(std::uint32_t position);

  const Vocabulary& vocabulary_;
  std::vector<Symbol> symbols_;
  std::vector<std::uint64_t> queue_;  // rank << 32 | position, a heap with the lowest on top
  std::vector<std::uint64_t> found_;  // the same for pairs that this pass has made
};

}  // namespace attnviz::text
