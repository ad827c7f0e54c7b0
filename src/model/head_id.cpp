#include "attnviz/head_id.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

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

namespace {

bool holds(const std::vector<int>& numbers, int number) {
  return numbers.empty() || std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

/// `0 to 7`, `1, 3, 5`
std::string told(const std::set<int>& numbers) {
  if (numbers.size() > 1 && *numbers.rbegin() == *numbers.begin() + int(numbers.size()) - 1) {
    return std::to_string(*numbers.begin()) + " to " + std::to_string(*numbers.rbegin());
  }
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

void require(const char* what, int number, const std::set<int>& there) {
  if (there.contains(number)) return;
  const bool is_one = there.size() == 1;
  throw UsageError(std::string("there is no ") + what + " " + std::to_string(number) + "; there " +
                   (is_one ? "is " : "are ") + what + (is_one ? " " : "s ") + told(there));
}

/// One number of a list, or both ends of a range.
int number_in(std::string_view digits, std::string_view list) {
  constexpr int kMost = 9999;
  int number = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || number < 0 || number > kMost) {
    throw UsageError("'" + std::string(list) + "' is no list of numbers, such as 0,3-5");
  }
  return number;
}

}  // namespace

bool HeadChoice::has(HeadId head) const {
  if (!only.empty()) return std::find(only.begin(), only.end(), head) != only.end();
  return holds(layers, head.layer) && holds(heads, head.head);
}

bool HeadChoice::has_layer(int layer) const {
  if (only.empty()) return holds(layers, layer);
  return std::any_of(only.begin(), only.end(), [&](HeadId head) { return head.layer == layer; });
}

std::vector<int> numbers_named(std::string_view list) {
  std::set<int> numbers;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t end = std::min(list.find(',', start), list.size());
    const std::string_view part = list.substr(start, end - start);
    const std::size_t dash = part.find('-');
    const int first = number_in(part.substr(0, dash), list);
    const int last = dash == part.npos ? first : number_in(part.substr(dash + 1), list);
    if (last < first) {
      throw UsageError("the range " + std::string(part) + " ends before it begins");
    }
    for (int number = first; number <= last; ++number) numbers.insert(number);
    start = end + 1;
  }
  return {numbers.begin(), numbers.end()};
}

std::vector<HeadId> chosen_heads(const std::vector<std::int64_t>& n_heads, const KeptHeads& kept,
                                 const HeadChoice& choice) {
  if (!choice.only.empty()) require_heads(n_heads, kept, choice.only);
  std::set<int> layers, numbers;
  for (int layer = 0; layer < int(n_heads.size()); ++layer) layers.insert(layer);
  for (const int layer : choice.layers) require("layer", layer, layers);
  std::vector<HeadId> chosen;
  for (const HeadId head : all_heads(n_heads, kept)) {
    if (choice.has_layer(head.layer)) numbers.insert(head.head);
    if (choice.has(head)) chosen.push_back(head);
  }
  if (numbers.empty()) throw UsageError("the chosen layers have no heads left; choose others");
  for (const int head : choice.heads) require("head", head, numbers);
  return chosen;
}

}  // namespace attnviz
