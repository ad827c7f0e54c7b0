#include "attnviz/view.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "attention/kept_heads.h"
#include "attnviz/error.h"

namespace attnviz {
namespace {

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();
constexpr double kLeast = 1e-6;  // of a row: what is left of less is rounding

void require_starts(std::span<const std::size_t> starts, std::int64_t n) {
  const bool ascend =
      std::adjacent_find(starts.begin(), starts.end(), std::greater_equal<>()) == starts.end();
  if (!starts.empty() && starts[0] == 0 && ascend && starts.back() < std::size_t(n)) return;
  throw ShapeError("words do not begin at ascending places from 0 to " + std::to_string(n - 1));
}

/// [word, token], 1 where the token is of the word.
at::Tensor membership(std::span<const std::size_t> starts, std::int64_t n) {
  at::Tensor members = at::zeros({std::int64_t(starts.size()), n});
  for (std::size_t word = 0; word < starts.size(); ++word) {
    const std::int64_t end = word + 1 < starts.size() ? std::int64_t(starts[word + 1]) : n;
    members[std::int64_t(word)].slice(0, std::int64_t(starts[word]), end).fill_(1);
  }
  return members;
}

std::vector<Label> joined(const std::vector<Label>& labels, std::span<const std::size_t> starts) {
  std::vector<Label> words;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (words.size() < starts.size() && starts[words.size()] == i) words.emplace_back();
    for (const LabelPart& part : labels[i]) {
      Label& word = words.back();
      if (word.empty() || word.back().is_mark != part.is_mark) word.push_back({"", part.is_mark});
      word.back().text += part.text;
    }
  }
  return words;
}

at::Tensor without_first(const at::Tensor& pattern, bool causal) {
  const LeftOut out = left_out(pattern.size(-2), pattern.size(-1), causal, {.drop_first = true});
  const at::Tensor rest = pattern.slice(-2, out.queries).slice(-1, out.keys);
  const at::Tensor sum = rest.sum(-1, /*keepdim=*/true);
  return at::where(sum > kLeast, rest / sum, at::full({}, kNothing));
}

at::Tensor strongest(const at::Tensor& pattern, std::int64_t n) {
  if (n >= pattern.size(-1)) return pattern;
  const at::Tensor order = std::get<1>(at::sort(pattern, /*stable=*/true, -1, /*descending=*/true));
  const at::Tensor weak =
      at::ones_like(pattern, at::kBool).scatter(-1, order.slice(-1, 0, n), false);
  return pattern.masked_fill(weak, kNothing);
}

/// The queries' words are the last of the keys', of the same tokens.
bool are_last(std::span<const std::size_t> queries, std::span<const std::size_t> keys,
              std::int64_t n_before) {
  if (queries.size() > keys.size()) return false;
  return std::ranges::equal(queries, keys.last(queries.size()),
                            [n_before](std::size_t query, std::size_t key) {
                              return std::int64_t(query) + n_before == std::int64_t(key);
                            });
}

}  // namespace

View view_of(AttentionPatterns patterns, std::vector<Label> labels, std::string text) {
  View view{std::move(patterns), labels, {}, std::move(text)};
  view.keys = std::move(labels);
  return view;
}

AttentionPatterns select_heads(AttentionPatterns patterns, const HeadChoice& choice) {
  if (choice.is_all()) return patterns;
  const KeptHeads there = kept_heads(patterns);
  std::vector<std::int64_t> n_heads;
  for (std::int64_t l = 0; l < patterns.n_layers(); ++l) n_heads.push_back(patterns.n_heads(l));
  const std::vector<HeadId> chosen = chosen_heads(n_heads, patterns.kept, choice);
  patterns.kept.assign(n_heads.size(), {});
  for (std::size_t layer = 0; layer < n_heads.size(); ++layer) {
    std::vector<std::int64_t> places;
    for (std::size_t i = 0; i < there[layer].size(); ++i) {
      if (!choice.has({int(layer), int(there[layer][i])})) continue;
      places.push_back(std::int64_t(i));
      patterns.kept[layer].push_back(there[layer][i]);
    }
    if (places.size() == there[layer].size()) continue;
    patterns.layers[layer] =
        patterns.layers[layer].index_select(0, at::tensor(places, at::kLong)).contiguous();
  }
  return patterns;
}

View merge_words(View view, std::span<const std::size_t> query_starts,
                 std::span<const std::size_t> key_starts) {
  const std::int64_t n_queries = view.patterns.n_queries(), n_keys = view.patterns.n_keys();
  require_starts(query_starts, n_queries);
  require_starts(key_starts, n_keys);
  at::Tensor from = membership(query_starts, n_queries);
  from = from / from.sum(-1, /*keepdim=*/true);
  const at::Tensor to = membership(key_starts, n_keys).t();
  for (at::Tensor& layer : view.patterns.layers) {
    layer = at::matmul(at::matmul(from, layer), to).contiguous();
  }
  view.patterns.causal =
      view.patterns.causal && are_last(query_starts, key_starts, n_keys - n_queries);
  view.queries = joined(view.queries, query_starts);
  view.keys = joined(view.keys, key_starts);
  if (view.n_prompt) {
    view.n_prompt = std::count_if(key_starts.begin(), key_starts.end(), [&](std::size_t start) {
      return std::int64_t(start) < *view.n_prompt;
    });
  }
  view.notes.emplace_back("pieces of words merged: sum over keys, mean over queries");
  return view;
}

at::Tensor focused(const at::Tensor& pattern, bool causal, const Focus& focus) {
  at::Tensor left = pattern;
  if (focus.drop_first) left = without_first(left, causal);
  if (focus.top > 0) left = strongest(left, focus.top);
  return left.contiguous();
}

double share_left(const at::Tensor& pattern, bool causal) {
  const LeftOut out = left_out(pattern.size(-2), pattern.size(-1), causal, {.drop_first = true});
  return pattern.slice(-2, out.queries).slice(-1, out.keys).sum(-1).mean().item<double>();
}

LeftOut left_out(std::int64_t n_queries, std::int64_t n_keys, bool causal, const Focus& focus) {
  if (!focus.drop_first) return {};
  const bool sees_nothing_else = causal && n_seen(0, n_queries, n_keys) <= 1;
  const LeftOut out{sees_nothing_else ? 1 : 0, 1};
  if (n_keys > out.keys && n_queries > out.queries) return out;
  throw ShapeError("without the first key nothing is left of " + std::to_string(n_keys) +
                   (n_keys == 1 ? " key" : " keys") + "; show it with its first key");
}

std::vector<std::string> notes_of(const Focus& focus) {
  std::vector<std::string> notes;
  if (focus.drop_first) {
    notes.emplace_back("first key left out, the rest of each row made to sum to 1");
  }
  if (focus.top > 0) {
    notes.push_back(focus.top == 1
                        ? "only each query's strongest key"
                        : "only each query's " + std::to_string(focus.top) + " strongest keys");
  }
  return notes;
}

}  // namespace attnviz
