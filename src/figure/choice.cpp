#include "figure/choice.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <sstream>

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

[[noreturn]] void refuse(const std::string& what, int number, std::int64_t count) {
  throw FigureError("there is no " + what + " " + std::to_string(number) + " to draw; " + what +
                    "s are numbered from 0 to " + std::to_string(count - 1));
}

std::int64_t most_heads(const AttentionPatterns& patterns, const std::vector<int>& layers) {
  std::int64_t most = 0;
  for (const int layer : layers) most = std::max(most, patterns.n_heads(layer));
  return most;
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
  for (const int layer : choice.layers) {
    if (layer < 0 || layer >= patterns.n_layers()) refuse("layer", layer, patterns.n_layers());
  }
  const auto n_heads = most_heads(patterns, choice.layers);
  if (n_heads == 0) throw FigureError("the chosen layers have no heads to draw; choose others");
  if (choice.heads.empty()) choice.heads = count_to(n_heads);
  for (const int head : choice.heads) {
    if (head < 0 || head >= n_heads) refuse("head", head, n_heads);
  }
  return choice;
}

bool has_head(const AttentionPatterns& patterns, int layer, int head) {
  return head < patterns.n_heads(layer);
}

at::Tensor pattern_of(const AttentionPatterns& patterns, int layer, int head) {
  return patterns.layers[layer].select(0, head).to(at::kCPU, at::kFloat).contiguous();
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
  std::string name = heads.size() == 1 ? "Head " : "Heads ";
  for (std::size_t i = 0; i < heads.size(); ++i) {
    name += (i == 0 ? "" : ", ") + std::to_string(heads[i]);
  }
  return name;
}

}  // namespace attnviz
