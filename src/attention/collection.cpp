#include "collection.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "attnviz/error.h"

namespace attnviz {
namespace {

void collect_position(HeadSamples& head, std::int64_t position, double share) {
  if (head.n_positions == 0) head.position = position;
  if (head.position != position) head.position.reset();
  head.least_position_share = std::min(head.least_position_share, share);
  ++head.n_positions;
}

/// scores, hits: n offsets.
void collect_offsets(HeadSamples& head, const double* scores, const double* hits, std::size_t n) {
  if (head.offsets.size() < n) head.offsets.resize(n);
  if (head.hits.size() < n) head.hits.resize(n);
  for (std::size_t d = 0; d < n; ++d) {
    head.offsets[d].add(scores[d]);
    head.hits[d].add(hits[d]);
  }
}

/// heads: those of the layer, the first of them first.
void collect_layer(HeadSamples* heads, const LayerScores& layer) {
  at::Tensor offsets = layer.offsets, hits = layer.hits;
  if (offsets.defined()) offsets = offsets.contiguous(), hits = hits.contiguous();
  for (std::size_t head = 0; head < layer.scores[0].values.size(); ++head) {
    for (std::size_t score = 0; score < kScores; ++score) {
      const std::optional<double>& value = layer.scores[score].values[head];
      if (!value) continue;
      heads[head].scores[score].add(*value);
      if (layer.scores[score].chance) {
        heads[head].scores[score].add_chance(*layer.scores[score].chance);
      }
    }
    if (layer.offsets.defined()) {
      const std::size_t n = offsets.size(1);
      collect_offsets(heads[head], offsets.data_ptr<double>() + head * n,
                      hits.data_ptr<double>() + head * n, n);
    }
    if (!layer.rows_without_first.empty()) {
      heads[head].rows_without_first += layer.rows_without_first[head];
    }
    if (!layer.positions.empty()) {
      collect_position(heads[head], layer.positions[head],
                       *layer[Score::position_share].values[head]);
    }
  }
}

/// A causal model's first rows are the pattern of the text's beginning.
void collect_divergences(Collection& collection, const AttentionPatterns& patterns,
                         std::int64_t n_rows) {
  std::vector<at::Tensor> layers;
  for (const at::Tensor& layer : patterns.layers) {
    layers.push_back(layer.narrow(1, 0, n_rows).narrow(2, 0, n_rows));
  }
  const Divergences found = divergences(at::cat(layers));
  if (collection.n_compared == 0) {
    collection.bits = at::zeros_like(found.bits, at::kLong);
    collection.bits_without_first = collection.bits.clone();
    collection.n_comparable = collection.bits.clone();
  }
  collection.bits += to_fixed(found.bits);
  collection.bits_without_first +=
      to_fixed(found.bits_without_first.masked_fill(found.comparable.logical_not(), 0));
  collection.n_comparable += found.comparable;
  ++collection.n_compared;
}

}  // namespace

void collect(Collection& collection, const AttentionPatterns& patterns,
             std::span<const TokenId> ids, const StatisticsOptions& options) {
  const std::int64_t n = patterns.n_positions();
  // Small layers cost a call each more than their weights do: then all heads at once.
  constexpr std::int64_t kSmall = 256;
  const std::vector<at::Tensor> groups =
      n <= kSmall ? std::vector<at::Tensor>{at::cat(patterns.layers)} : patterns.layers;
  std::vector<LayerScores> layers;  // before anything is changed, since it may throw
  std::size_t n_heads = 0;
  for (const at::Tensor& heads : groups) {
    layers.push_back(score_layer(heads, ids, options.scores));
    n_heads += heads.size(0);
  }
  collection.heads.resize(n_heads);
  HeadSamples* heads = collection.heads.data();
  for (const LayerScores& layer : layers) {
    collect_layer(heads, layer);
    heads += layer.scores[0].values.size();
  }
  if (n >= 2) {
    const std::size_t n_offsets = std::min(options.scores.max_offset, n / 4) + 1;
    if (collection.offset_chances.size() < n_offsets) collection.offset_chances.resize(n_offsets);
    for (std::size_t d = 0; d < n_offsets; ++d) {
      collection.offset_chances[d].add(offset_chance(n, static_cast<std::int64_t>(d)));
    }
  }
  const std::int64_t n_rows = std::min(n, options.divergence_rows);
  if (n_rows >= 3) collect_divergences(collection, patterns, n_rows);
  collection.shortest = collection.n_texts == 0 ? n : std::min(collection.shortest, n);
  collection.longest = std::max(collection.longest, n);
  collection.n_repeats += layers[0].n_repeats;
  collection.n_prefixes += layers[0].n_prefixes;
  ++collection.n_texts;
}

}  // namespace attnviz
