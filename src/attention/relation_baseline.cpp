#include "relation_baseline.h"

#include <algorithm>

namespace attnviz {
namespace {

/// How many of the query word's tokens look at the word when each looks d tokens back.
std::int64_t overlap(const TokenRange& word, const TokenRange& query, std::int64_t d) {
  return std::max<std::int64_t>(
      0, std::min(word.end, query.end - d) - std::max(word.first, query.first - d));
}

bool finds_target(const RelationItem& item, std::int64_t d) {
  const TokenRange& query = item.words[item.query];
  const std::int64_t on_target = overlap(item.words[item.target], query, d);
  if (on_target == 0) return false;
  for (std::size_t word = 1; word < item.query; ++word) {
    if (overlap(item.words[word], query, d) > on_target) return false;
  }
  return true;
}

}  // namespace

std::vector<FixedHead> fixed_heads_on_target(const RelationItem& item) {
  const auto head = [](FixedKind kind, std::int64_t place) {
    return FixedHead{static_cast<int>(kind), place};
  };
  std::vector<FixedHead> heads = {
      head(FixedKind::words_back, static_cast<std::int64_t>(item.query - item.target)),
      head(FixedKind::word, static_cast<std::int64_t>(item.target))};
  const TokenRange& target = item.words[item.target];
  for (std::int64_t token = target.first; token < target.end; ++token) {
    heads.push_back(head(FixedKind::token, token));
  }
  for (std::int64_t d = 1; d < item.words[item.query].end; ++d) {
    if (finds_target(item, d)) heads.push_back(head(FixedKind::tokens_back, d));
  }
  return heads;
}

std::size_t most_attended_word(std::span<const double> attention, const RelationItem& item) {
  std::size_t best = 0;
  double largest = 0;
  for (std::size_t word = 1; word < item.query; ++word) {
    double sum = 0;
    for (std::int64_t token = item.words[word].first; token < item.words[word].end; ++token) {
      sum += attention[token];
    }
    if (sum > largest) {
      largest = sum;
      best = word;
    } else if (sum == largest) {
      best = 0;
    }
  }
  return best;
}

}  // namespace attnviz
