#include "text/merge.h"

#include <algorithm>
#include <functional>

#include "attnviz/error.h"

namespace attnviz::text {
namespace {

constexpr std::uint32_t kNone = MergeTable::kNone;

}  // namespace

void Merger::append_tokens(std::string_view word, TokenIds& ids) {
  if (word.size() >= kNone) throw TextError("a single word of 4 GiB cannot be tokenized");
  start(word);
  merge_all();
  for (std::uint32_t i = 0; i != kNone; i = symbols_[i].next) ids.push_back(symbols_[i].id);
}

void Merger::start(std::string_view word) {
  symbols_.clear();
  queue_.clear();
  found_.clear();
  for (std::uint32_t i = 0; i < word.size(); ++i) {
    const std::uint32_t id = vocabulary_.byte_ids[static_cast<unsigned char>(word[i])];
    symbols_.push_back({id, kNone, i - 1, i + 1});  // the first one's previous is kNone
  }
  symbols_.back().next = kNone;
  for (std::uint32_t i = 0; i + 1 < symbols_.size(); ++i) update_rank(i);
  queue_.swap(found_);
  std::make_heap(queue_.begin(), queue_.end(), std::greater<>{});
}

/// GPT-2 takes the best pair of the word, merges it wherever it stands, from left to right, and
/// begins again: pairs that come up in a pass wait for the next one, however good they are.
void Merger::merge_all() {
  while (!queue_.empty()) {
    const auto rank = static_cast<std::uint32_t>(queue_.front() >> 32);
    while (!queue_.empty() && queue_.front() >> 32 == rank) {
      const auto position = static_cast<std::uint32_t>(queue_.front());
      std::pop_heap(queue_.begin(), queue_.end(), std::greater<>{});
      queue_.pop_back();
      if (symbols_[position].rank == rank) merge_at(position);  // else that pair is gone
    }
    for (const std::uint64_t pair : found_) {
      queue_.push_back(pair);
      std::push_heap(queue_.begin(), queue_.end(), std::greater<>{});
    }
    found_.clear();
  }
}

void Merger::merge_at(std::uint32_t position) {
  Symbol& left = symbols_[position];
  Symbol& right = symbols_[left.next];
  left.id = vocabulary_.merges[left.rank].result;
  left.next = right.next;
  right.rank = kNone;
  if (left.next != kNone) symbols_[left.next].previous = position;
  update_rank(position);
  if (left.previous != kNone) update_rank(left.previous);
}

void Merger::update_rank(std::uint32_t position) {
  Symbol& symbol = symbols_[position];
  symbol.rank =
      symbol.next == kNone ? kNone : vocabulary_.merges.rank(symbol.id, symbols_[symbol.next].id);
  if (symbol.rank != kNone) found_.push_back(std::uint64_t{symbol.rank} << 32 | position);
}

}  // namespace attnviz::text
