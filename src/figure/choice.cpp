#include "figure/choice.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>

#include "attention/kept_heads.h"
#include "attnviz/error.h"

namespace attnviz {
namespace {

std::vector<int> count_to(std::int64_t n) {
  std::vector<int> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

void require_patterns(const AttentionPatterns& patterns) {
  if (patterns.layers.empty()) throw ShapeError("there are no layers to draw");
  for (std::size_t l = 0; l < patterns.layers.size(); ++l) {
    const auto& layer = patterns.layers[l];
    const bool is_square = layer.defined() && layer.dim() == 3 && layer.size(1) == layer.size(2);
    if (!is_square || layer.size(1) != patterns.layers[0].size(1) || layer.size(1) == 0) {
      std::ostringstream message;
      message << "the patterns of layer " << l << " have the shape "
              << (layer.defined() ? layer.sizes() : at::IntArrayRef{})
              << "; a figure needs [heads, T, T] with the same T >= 1 in every layer";
      throw ShapeError(message.str());
    }
  }
}

// "1, 3, 5"
std::string listed(const std::vector<int>& numbers) {
  std::string list;
  for (const int number : numbers) list += (list.empty() ? "" : ", ") + std::to_string(number);
  return list;
}

// `heads 0 to 7`, `heads 1, 3, 5`, `head 2`
std::string told(const std::string& what, const std::vector<int>& numbers) {
  if (numbers.size() == 1) return what + " " + listed(numbers);
  const bool has_gaps = numbers.back() >= static_cast<int>(numbers.size());
  return what + "s " + (has_gaps ? listed(numbers) : "0 to " + std::to_string(numbers.back()));
}

// numbers: those that there are, ascending.
void require(const std::string& what, int number, const std::vector<int>& numbers) {
  if (std::binary_search(numbers.begin(), numbers.end(), number)) return;
  throw FigureError("there is no " + what + " " + std::to_string(number) + " to draw; there " +
                    (numbers.size() == 1 ? "is " : "are ") + told(what, numbers));
}

// Ascending, each once.
std::vector<int> numbers_of_heads(const AttentionPatterns& patterns,
                                  const std::vector<int>& layers) {
  const KeptHeads heads = kept_heads(patterns);
  std::set<int> numbers;
  for (const int layer : layers) numbers.insert(heads[layer].begin(), heads[layer].end());
  return {numbers.begin(), numbers.end()};
}

// Where the head is in its layer; none: the layer lacks it.
std::optional<std::int64_t> index_of(const AttentionPatterns& patterns, int layer, int head) {
  if (patterns.kept.empty()) {
    return head < patterns.n_heads(layer) ? std::optional<std::int64_t>(head) : std::nullopt;
  }
  const auto& numbers = patterns.kept[layer];
  const auto found = std::find(numbers.begin(), numbers.end(), head);
  return found == numbers.end() ? std::nullopt : std::optional(found - numbers.begin());
}

}  // namespace

Choice choose(const AttentionPatterns& patterns, std::span<const Label> labels,
              const FigureOptions& options) {
  require_patterns(patterns);
  if (static_cast<std::int64_t>(labels.size()) != patterns.n_positions()) {
    throw ShapeError("there are " + std::to_string(labels.size()) + " labels for " +
                     std::to_string(patterns.n_positions()) + " positions; give one each");
  }
  Choice choice{options.layers, options.heads};
  if (choice.layers.empty()) choice.layers = count_to(patterns.n_layers());
  for (const int layer : choice.layers) require("layer", layer, count_to(patterns.n_layers()));
  const auto heads = numbers_of_heads(patterns, choice.layers);
  if (heads.empty()) throw FigureError("the chosen layers have no heads to draw; choose others");
  if (choice.heads.empty()) choice.heads = heads;
  for (const int head : choice.heads) require("head", head, heads);
  return choice;
}

bool has_head(const AttentionPatterns& patterns, int layer, int head) {
  return index_of(patterns, layer, head).has_value();
}

at::Tensor pattern_of(const AttentionPatterns& patterns, int layer, int head) {
  const auto index = *index_of(patterns, layer, head);
  return patterns.layers[layer].select(0, index).to(at::kCPU, at::kFloat).contiguous();
}

at::Tensor mean_over_heads(const AttentionPatterns& patterns, int layer,
                           const std::vector<int>& heads) {
  at::Tensor sum;
  int count = 0;
  for (const int head : heads) {
    if (!has_head(patterns, layer, head)) continue;
    if (const auto pattern = pattern_of(patterns, layer, head); count++ == 0) {
      sum = pattern.clone();
    } else {
      sum.add_(pattern);
    }
  }
  return count == 0 ? at::Tensor() : sum.div_(count);
}

std::string name_of_heads(const std::vector<int>& heads) {
  return (heads.size() == 1 ? "Head " : "Heads ") + listed(heads);
}

std::string heads_left(const AttentionPatterns& patterns, int layer) {
  const auto heads = numbers_of_heads(patterns, {layer});
  return heads.empty() ? "no heads left" : told("head", heads);
}

}  // namespace attnviz
