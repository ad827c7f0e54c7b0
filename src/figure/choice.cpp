#include "figure/choice.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "attention/kept_heads.h"
#include "attnviz/error.h"
#include "figure/scale.h"

namespace attnviz {
namespace {

void require_patterns(const AttentionPatterns& patterns) {
  if (patterns.layers.empty()) throw ShapeError("there are no layers to draw");
  const at::Tensor& first = patterns.layers[0];
  for (std::size_t l = 0; l < patterns.layers.size(); ++l) {
    const at::Tensor& layer = patterns.layers[l];
    const bool is_fit = layer.defined() && layer.dim() == 3 &&
                        layer.sizes().slice(1) == first.sizes().slice(1) && layer.size(1) > 0 &&
                        layer.size(2) > 0;
    if (is_fit) continue;
    std::ostringstream message;
    message << "the patterns of layer " << l << " have the shape "
            << (layer.defined() ? layer.sizes() : at::IntArrayRef{})
            << "; a figure needs [heads, queries, keys], as many in every layer";
    throw ShapeError(message.str());
  }
}

void require_labels(std::size_t n_labels, std::int64_t n, const char* of) {
  if (static_cast<std::int64_t>(n_labels) == n) return;
  throw ShapeError("there are " + std::to_string(n_labels) + " labels for " + std::to_string(n) +
                   " " + of + "; give one each");
}

/// Where the layer has the head; none: it lacks it.
std::optional<std::int64_t> index_of(const AttentionPatterns& patterns, int layer, int head) {
  if (patterns.kept.empty()) {
    return head < patterns.n_heads(layer) ? std::optional<std::int64_t>(head) : std::nullopt;
  }
  const auto& numbers = patterns.kept[layer];
  const auto found = std::find(numbers.begin(), numbers.end(), head);
  return found == numbers.end() ? std::nullopt : std::optional(found - numbers.begin());
}

/// Whether the border lies within what is shown.
std::optional<std::int64_t> border_within(std::int64_t border, std::int64_t n) {
  return border > 0 && border < n ? std::optional(border) : std::nullopt;
}

ShownPattern shown(const Choice& choice, const at::Tensor& pattern) {
  ShownPattern shown{focused(pattern, choice.causal(), choice.focus), ""};
  if (choice.focus.drop_first) {
    const double percent = 100 * share_left(pattern, choice.causal());
    shown.left = (percent > 0 && percent < 1 ? "<1" : decimal(percent, 0)) + " % left";
  }
  return shown;
}

}  // namespace

Choice choose(const View& view, const HeadChoice& heads, const Focus& focus) {
  require_patterns(view.patterns);
  require_labels(view.queries.size(), view.patterns.n_queries(), "queries");
  require_labels(view.keys.size(), view.patterns.n_keys(), "keys");
  Choice choice;
  choice.patterns = select_heads(view.patterns, heads);
  choice.focus = focus;
  std::set<int> numbers;
  const KeptHeads kept = kept_heads(choice.patterns);
  for (int layer = 0; layer < int(kept.size()); ++layer) {
    if (!heads.has_layer(layer)) continue;
    choice.layers.push_back(layer);
    numbers.insert(kept[layer].begin(), kept[layer].end());
  }
  choice.heads.assign(numbers.begin(), numbers.end());
  if (numbers.empty()) throw FigureError("there are no heads left to draw");
  const AttentionPatterns& patterns = choice.patterns;
  const LeftOut out = left_out(patterns.n_queries(), patterns.n_keys(), patterns.causal, focus);
  choice.queries = std::span(view.queries).subspan(std::size_t(out.queries));
  choice.keys = std::span(view.keys).subspan(std::size_t(out.keys));
  choice.first_query = view.first_query() + out.queries;
  choice.first_key = out.keys;
  if (view.n_prompt) {
    choice.query_border = border_within(*view.n_prompt - choice.first_query, choice.n_queries());
    choice.key_border = border_within(*view.n_prompt - choice.first_key, choice.n_keys());
  }
  choice.notes = view.notes;
  for (std::string& note : notes_of(focus)) choice.notes.push_back(std::move(note));
  if (choice.key_border) choice.notes.emplace_back("beyond the lines: written by the model");
  return choice;
}

bool has_head(const Choice& choice, int layer, int head) {
  return index_of(choice.patterns, layer, head).has_value();
}

ShownPattern pattern_of(const Choice& choice, int layer, int head) {
  const auto index = index_of(choice.patterns, layer, head);
  if (!index) return {};
  return shown(choice, choice.patterns.layers[layer].select(0, *index).to(at::kCPU, at::kFloat));
}

ShownPattern mean_over_heads(const Choice& choice, int layer) {
  at::Tensor sum;
  const at::Tensor& heads = choice.patterns.layers[layer];
  for (std::int64_t i = 0; i < heads.size(0); ++i) {
    const at::Tensor pattern = heads.select(0, i).to(at::kCPU, at::kFloat);
    if (i == 0) {
      sum = pattern.clone();
    } else {
      sum.add_(pattern);
    }
  }
  if (!sum.defined()) return {};
  return shown(choice, sum.div_(static_cast<double>(heads.size(0))));
}

std::string name_of_heads(const std::vector<int>& heads) {
  std::string list;
  for (const int head : heads) list += (list.empty() ? "" : ", ") + std::to_string(head);
  return (heads.size() == 1 ? "Head " : "Heads ") + list;
}

std::vector<int> heads_of(const Choice& choice, int layer) {
  const auto heads = kept_heads(choice.patterns)[layer];
  return {heads.begin(), heads.end()};
}

}  // namespace attnviz
