#include "collection.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "attnviz/error.h"

namespace attnviz {
namespace {

/// The longer texts have more offsets.
template <typename Sums>
void add_each(std::vector<Sums>& into, const std::vector<Sums>& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) into[i].add(from[i]);
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
      heads[head].add_position(layer.positions[head], *layer[Score::position_share].values[head]);
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
  const at::Tensor more =
      at::stack({to_fixed(found.bits),
                 to_fixed(found.bits_without_first.masked_fill(found.comparable.logical_not(), 0)),
                 found.comparable.to(at::kLong)});
  collection.divergences = collection.n_compared == 0 ? more : collection.divergences + more;
  ++collection.n_compared;
}

void add_head(HeadSamples& into, const HeadSamples& from) {
  for (std::size_t i = 0; i < kScores; ++i) into.scores[i].add(from.scores[i]);
  add_each(into.offsets, from.offsets);
  add_each(into.hits, from.hits);
  into.add_position(from.position, from.least_position_share, from.n_positions);
  into.rows_without_first += from.rows_without_first;
}

}  // namespace

void HeadSamples::add_position(std::optional<std::int64_t> found, double least_share,
                               std::int64_t n) {
  if (n == 0) return;
  if (n_positions == 0) position = found;
  if (position != found) position.reset();
  least_position_share = std::min(least_position_share, least_share);
  n_positions += n;
}

void add(Collection& into, const Collection& from) {
  if (from.n_texts == 0) return;
  if (into.n_texts == 0) {
    into = from;  // shares the tensor, which is never written to
    return;
  }
  if (into.n_compared == 0) {
    into.divergences = from.divergences;
  } else if (from.n_compared != 0) {
    into.divergences = into.divergences + from.divergences;
  }
  for (std::size_t i = 0; i < into.heads.size(); ++i) add_head(into.heads[i], from.heads[i]);
  add_each(into.offset_chances, from.offset_chances);
  Collection::visit_fields(combine_fields, into, from);
}

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
