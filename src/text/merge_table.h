#pragma once

#include <cstdint>
#include <vector>

#include "text/hash_index.h"

namespace attnviz::text {

/// The pair of tokens `left`, `right` becomes the token `result`.
struct Merge {
  std::uint32_t left, right, result;
};

/// Merges by rank (the lower, the earlier it is applied), and ranks by pair.
class MergeTable {
 public:
  static constexpr std::uint32_t kNone = HashIndex::kNone;

  explicit MergeTable(std::size_t max_merges = 0) : index_(max_merges) {
    merges_.reserve(max_merges);
  }

  /// Adds the merge of the next rank; false if the pair has one already.
  bool add(const Merge& merge) {
    const auto next = static_cast<std::uint32_t>(merges_.size());
    if (index_.add(hash(merge.left, merge.right), next, Joins{*this, merge.left, merge.right}) !=
        kNone) {
      return false;
    }
    merges_.push_back(merge);
    return true;
  }

  /// Rank of the merge of two tokens, or kNone.
  [[nodiscard]] std::uint32_t rank(std::uint32_t left, std::uint32_t right) const {
    return index_.find(hash(left, right), Joins{*this, left, right});
  }

  [[nodiscard]] const Merge& operator[](std::size_t rank) const { return merges_[rank]; }
  [[nodiscard]] std::size_t size() const { return merges_.size(); }

 private:
  struct Joins {
    const MergeTable& table;
    std::uint32_t left, right;
    bool operator()(std::uint32_t rank) const {
      return table[rank].left == left && table[rank].right == right;
    }
  };

  static std::uint64_t hash(std::uint32_t left, std::uint32_t right) {
    return std::uint64_t{left} << 32 | right;
  }

  std::vector<Merge> merges_;
  HashIndex index_;
};

}  // namespace attnviz::text
