#include "attnviz/head_id.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "attnviz/error.h"

namespace attnviz {

std::string to_string(HeadId id) {
  return "L" + std::to_string(id.layer) + "H" + std::to_string(id.head);
}

std::string to_string(const std::vector<HeadId>& heads) {
  std::string text;
  for (const HeadId head : heads) text += (text.empty() ? "" : ", ") + to_string(head);
  return text;
}

HeadId head_named(std::string_view name) {
  HeadId id;
  const char* end = name.data() + name.size();
  if (!name.empty() && name[0] == 'L') {
    const auto layer = std::from_chars(name.data() + 1, end, id.layer);
    if (layer.ec == std::errc() && layer.ptr != end && *layer.ptr == 'H') {
      const auto head = std::from_chars(layer.ptr + 1, end, id.head);
      if (head.ec == std::errc() && head.ptr == end && id.layer >= 0 && id.head >= 0) return id;
    }
  }
  throw UsageError("'" + std::string(name) + "' names no head; head 1 of layer 5 is L5H1");
}

bool fits(const KeptHeads& kept, const std::vector<std::int64_t>& n_heads) {
  if (kept.empty()) return true;
  if (kept.size() != n_heads.size()) return false;
  for (std::size_t layer = 0; layer < kept.size(); ++layer) {
    const std::vector<std::int64_t>& numbers = kept[layer];
    const bool ascend =
        std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end();
    if (std::int64_t(numbers.size()) != n_heads[layer] || !ascend) return false;
    if (!numbers.empty() && numbers[0] < 0) return false;
  }
  return true;
}

int head_number(const KeptHeads& kept, std::int64_t layer, std::int64_t index) {
  if (kept.empty()) return static_cast<int>(index);
  return static_cast<int>(kept.at(std::size_t(layer)).at(std::size_t(index)));
}

std::optional<std::int64_t> head_index(const std::vector<std::int64_t>& n_heads,
                                       const KeptHeads& kept, HeadId head) {
  if (head.layer < 0 || std::size_t(head.layer) >= n_heads.size()) return std::nullopt;
  for (std::int64_t i = 0; i < n_heads[std::size_t(head.layer)]; ++i) {
    if (head_number(kept, head.layer, i) == head.head) return i;
  }
  return std::nullopt;
}

void require_heads(const std::vector<std::int64_t>& n_heads, const KeptHeads& kept,
                   const std::vector<HeadId>& heads) {
  if (heads.empty()) throw UsageError("no head is named");
  for (auto head = heads.begin(); head != heads.end(); ++head) {
    if (head->layer < 0 || std::size_t(head->layer) >= n_heads.size()) {
      throw UsageError("there is no head " + to_string(*head) + ": layers count from 0 to " +
                       std::to_string(std::int64_t(n_heads.size()) - 1));
    }
    if (!head_index(n_heads, kept, *head)) {
      std::string there;
      for (std::int64_t i = 0; i < n_heads[std::size_t(head->layer)]; ++i) {
        there +=
            (i ? ", " : "") + std::string("H") + std::to_string(head_number(kept, head->layer, i));
      }
      throw UsageError("there is no head " + to_string(*head) + ": layer " +
                       std::to_string(head->layer) + " has " +
                       (there.empty() ? "no heads left" : there));
    }
    if (std::find(heads.begin(), head, *head) != head) {
      throw UsageError(to_string(*head) + " is named twice");
    }
  }
}

std::vector<HeadId> all_heads(const std::vector<std::int64_t>& n_heads, const KeptHeads& kept) {
  std::vector<HeadId> heads;
  for (std::size_t layer = 0; layer < n_heads.size(); ++layer) {
    for (std::int64_t i = 0; i < n_heads[layer]; ++i) {
      heads.push_back({int(layer), head_number(kept, std::int64_t(layer), i)});
    }
  }
  return heads;
}

}  // namespace attnviz
