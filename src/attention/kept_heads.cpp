#include "kept_heads.h"

#include <algorithm>
#include <numeric>

#include "attnviz/error.h"

namespace attnviz {
namespace {

void check_numbers(const AttentionPatterns& patterns) {
  const KeptHeads& kept = patterns.kept;
  if (kept.size() != patterns.layers.size()) {
    throw ShapeError("heads are numbered in " + std::to_string(kept.size()) +
                     " layers, but attention is that of " + std::to_string(patterns.n_layers()));
  }
  for (std::size_t layer = 0; layer < kept.size(); ++layer) {
    const auto n_heads = patterns.layers[layer].size(0);
    if (static_cast<std::int64_t>(kept[layer].size()) == n_heads) continue;
    throw ShapeError("attention of layer " + std::to_string(layer) + " is that of " +
                     std::to_string(n_heads) + " heads, but " + std::to_string(kept[layer].size()) +
                     " are numbered");
  }
}

}  // namespace

KeptHeads kept_heads(const AttentionPatterns& patterns) {
  if (!patterns.kept.empty()) {
    check_numbers(patterns);
    return patterns.kept;
  }
  KeptHeads all;
  for (const at::Tensor& layer : patterns.layers) {
    auto& heads = all.emplace_back(layer.size(0));
    std::iota(heads.begin(), heads.end(), 0);
  }
  return all;
}

KeptHeads same_heads(const AttentionPatterns& patterns, const KeptHeads& before) {
  KeptHeads heads = kept_heads(patterns);
  if (std::all_of(heads.begin(), heads.end(), [](const auto& layer) { return layer.empty(); })) {
    throw ShapeError("no layer has a head left");
  }
  if (!before.empty() && heads != before) {
    throw ShapeError("the texts come from models with different layers or heads");
  }
  return heads;
}

std::vector<HeadId> ids_of(const KeptHeads& heads) {
  std::vector<HeadId> ids;
  for (std::size_t layer = 0; layer < heads.size(); ++layer) {
    for (const std::int64_t head : heads[layer]) {
      ids.push_back({static_cast<int>(layer), static_cast<int>(head)});
    }
  }
  return ids;
}

}  // namespace attnviz
