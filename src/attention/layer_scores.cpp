#include <ATen/ATen.h>

#include <algorithm>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "passes.h"
#include "repeats.h"

namespace attnviz {
namespace {

/// values: [head] float64; kept: [head], where a head is scored at all, or undefined for all.
void put(LayerScores& scores, Score score, const at::Tensor& values, const at::Tensor& kept = {}) {
  const at::Tensor flat = values.contiguous();
  const auto* value = flat.data_ptr<double>();
  std::vector<std::optional<double>>& into = scores[score].values;
  for (std::int64_t head = 0; head < flat.numel(); ++head) {
    if (!kept.defined() || kept[head].item<bool>()) into[head] = value[head];
  }
}

void put_rows(LayerScores& scores, const at::Tensor& heads, const RowSums& rows) {
  const Entropies entropy = entropies_of(rows, heads.select(2, 0).to(at::kDouble));
  put(scores, Score::entropy, entropy.nats);
  put(scores, Score::entropy_all_rows, entropy.nats_all_rows);
  put(scores, Score::effective_keys, entropy.effective_keys);
  put(scores, Score::normalised_entropy, entropy.normalised);
  put(scores, Score::entropy_without_first, entropy.without_first,
      entropy.rows_without_first.gt(0));
  const at::Tensor n_rows = entropy.rows_without_first.contiguous();
  const auto* n = n_rows.data_ptr<std::int64_t>();
  scores.rows_without_first.assign(n, n + n_rows.numel());
  put(scores, Score::distance_to_uniform, mean_of_rows(rows.distance_to_uniform, 1));
  put(scores, Score::confidence, mean_of_rows(rows.largest, 1));
  if (heads.size(1) > 2) {
    put(scores, Score::confidence_without_first, mean_of_rows(rows.largest_without_first, 2));
  }
}

/// The distances without the first token mean little where hardly anything is left without it.
constexpr double kLeastRest = 0.1;

void put_offsets(LayerScores& scores, const at::Tensor& heads, const RowSums& rows,
                 const ScoreOptions& options) {
  const std::int64_t n = heads.size(1);
  const at::Tensor sums = offset_sums(heads), back = at::arange(n, at::kDouble);
  const at::Tensor first = heads.select(2, 0).to(at::kDouble);  // [head, query]
  const at::Tensor distance = (sums * back).sum(-1), rest = rows.rest.narrow(-1, 1, n - 1).sum(-1);
  put(scores, Score::previous_token, sums.select(1, 1) / (n - 1));
  put(scores, Score::current_token, sums.select(1, 0) / (n - 1));
  put(scores, Score::first_token, mean_of_rows(first, 1));
  put(scores, Score::last_keys, last_keys_of(sums, options.last_keys));
  put(scores, Score::span, span_of(sums, 0.9));
  put(scores, Score::mean_distance, distance / (sums.sum(-1) + 1));
  put(scores, Score::mean_distance_without_first, (distance - (first * back).sum(-1)) / rest,
      rest.ge(kLeastRest * static_cast<double>(n - 1)));
  const std::int64_t last = std::min(options.max_offset, n / 4);
  scores.offsets = offset_means(sums, last);
  scores.hits = offset_hits_of(heads, rows.largest, last);
}

void put_position(LayerScores& scores, const at::Tensor& heads) {
  if (heads.size(1) < kLaterRows + 2) return;
  const PositionShares shares = position_shares_of(key_sums(heads));
  put(scores, Score::position_share, shares.share);
  const auto* position = shares.position.data_ptr<std::int64_t>();
  scores.positions.assign(position, position + shares.position.numel());
}

void put_repeats(LayerScores& scores, const at::Tensor& heads, std::span<const TokenId> ids) {
  const auto put_mean = [&](Score score, std::int64_t offset) {
    const Targets targets = targets_of(ids, offset);
    if (targets.n_rows > 0) {
      put(scores, score, mass_on(heads, targets) / targets.n_rows);
      scores[score].chance = targets.chance;
    }
    return targets.n_rows;
  };
  scores.n_repeats = put_mean(Score::duplicate_on_text, 0);
  scores.n_prefixes = put_mean(Score::induction_on_text, 1);
}

void put_detected(LayerScores& scores, const at::Tensor& heads, std::span<const TokenId> ids,
                  const DetectOptions& options) {
  const auto put_kind = [&](DetectedHead kind, Score mul, Score abs) {
    scores[mul].values = detect_head(heads, ids, kind, DetectMeasure::mul, options);
    scores[abs].values = detect_head(heads, ids, kind, DetectMeasure::abs, options);
  };
  put_kind(DetectedHead::previous_token, Score::tl_previous_mul, Score::tl_previous_abs);
  put_kind(DetectedHead::duplicate_token, Score::tl_duplicate_mul, Score::tl_duplicate_abs);
  put_kind(DetectedHead::induction, Score::tl_induction_mul, Score::tl_induction_abs);
}

void check(const at::Tensor& layer, std::span<const TokenId> ids, const ScoreOptions& options) {
  if (layer.dim() != 3 || layer.size(1) != layer.size(2) || layer.size(1) == 0) {
    throw ShapeError("the pattern of a layer must be [heads, T, T], not " +
                     c10::str(layer.sizes()));
  }
  if (layer.size(1) != static_cast<std::int64_t>(ids.size())) {
    throw ShapeError("a pattern of " + std::to_string(layer.size(1)) + " positions and " +
                     std::to_string(ids.size()) + " token ids do not belong together");
  }
  if (options.last_keys < 1 || options.max_offset < 0) {
    throw ShapeError("the last keys must be 1 or more, the largest offset 0 or more");
  }
}

}  // namespace

LayerScores score_layer(const at::Tensor& layer, std::span<const TokenId> ids,
                        const ScoreOptions& options) {
  check(layer, ids, options);
  LayerScores scores;
  for (HeadValues& score : scores.scores) score.values.resize(layer.size(0));
  if (layer.size(1) < 2) return scores;
  for (const ScoreInfo& info : score_table()) {
    scores[info.score].chance = chance_level(info.score, layer.size(1), options);
  }
  const at::Tensor heads = heads_of(layer);
  const RowSums rows = row_sums(heads);
  put_rows(scores, heads, rows);
  put_offsets(scores, heads, rows, options);
  put_position(scores, heads);
  put_repeats(scores, heads, ids);
  if (options.naive_entropy) put(scores, Score::naive_entropy, naive_entropy_of(heads));
  if (options.detect_head) put_detected(scores, heads, ids, options.detect);
  return scores;
}

}  // namespace attnviz
