#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "attnviz/patterns.h"
#include "attnviz/text.h"

namespace attnviz {

/// Sorts captured tensors into AttentionPatterns and checks each of them.
/// layers: per layer [head, query, key], any floating dtype and device. Finds out whether they are
/// causal (largest weight above the diagonal <= 1e-6). A layer may have no heads left.
/// Throws ShapeError: none, not square, sizes differ, not finite, a row whose sum is further than
/// 1e-4 from 1 (has_sinks: above 1), or other numbers of heads than `kept` says.
[[nodiscard]] AttentionPatterns check_patterns(std::vector<at::Tensor> layers,
                                               const KeptHeads& kept = {}, bool has_sinks = false);

// Scores of a head on one text. `pattern` is [..., query, key], causal, rows sum to 1; the result
// has the leading axes and is float64. A[q][k] is a weight, T the number of positions, ln the
// natural logarithm. Row 0 carries no information (its only weight is always 1) and is never
// counted, except where a formula says so. All throw ShapeError for a pattern that is not square or
// has fewer than 2 positions.
//
//     at::Tensor layer = patterns.layers[5];             // [head, query, key]
//     previous_token_score(layer);                       // [head], in [0, 1]
//     *chance_level(Score::previous_token, layer.size(1))  // what a uniform head scores
//     score_layer(layer, ids)[Score::previous_token]     // all scores at once, at less cost

/// Mean attention to the token just before the query: mean over q >= 1 of A[q][q-1].
[[nodiscard]] at::Tensor previous_token_score(const at::Tensor& pattern);

/// Mean attention to the query's own position: mean over q >= 1 of A[q][q].
[[nodiscard]] at::Tensor current_token_score(const at::Tensor& pattern);

/// Mean attention to position 0: mean over q >= 1 of A[q][0].
[[nodiscard]] at::Tensor first_token_score(const at::Tensor& pattern);

/// Mean attention d tokens back, d = 0 .. last_offset: mean over q >= max(d, 1) of A[q][q-d].
/// Returns [..., d]. Throws ShapeError unless 0 <= last_offset < T.
[[nodiscard]] at::Tensor offset_scores(const at::Tensor& pattern, std::int64_t last_offset);

/// Share of the rows q >= max(d, 1) whose largest weight lies d tokens back (Voita et al. 2019,
/// section 5.1); of equal weights the nearest counts. Returns [..., d], throws as offset_scores.
[[nodiscard]] at::Tensor offset_hits(const at::Tensor& pattern, std::int64_t last_offset);

/// Mean attention to the earlier occurrences of the query's own token: mean over eligible q of the
/// sum over k < q with ids[k] = ids[q] of A[q][k]. Rows without such a k are left out.
/// ids: one per position. Throws ShapeError also where no row is eligible.
[[nodiscard]] at::Tensor duplicate_token_score(const at::Tensor& pattern,
                                               std::span<const TokenId> ids);

/// Mean attention to the tokens that followed earlier occurrences of the query's token (prefix
/// matching, Olsson et al. 2022, offset +1): mean over eligible q of the sum over earlier k with
/// ids[k] = ids[q], k+1 < q, of A[q][k+1]. Rows without such a k are left out.
/// ids: one per position. Throws ShapeError also where no row is eligible.
[[nodiscard]] at::Tensor induction_score(const at::Tensor& pattern, std::span<const TokenId> ids);

/// Entropies of the rows, H[q] = -sum over A[q][k] > 0 of A[q][k] ln A[q][k].
struct Entropies {
  at::Tensor nats;            ///< mean over q >= 1 of H[q]
  at::Tensor nats_all_rows;   ///< mean over all rows, the 0 of row 0 included
  at::Tensor effective_keys;  ///< mean over q >= 1 of exp(H[q]): among how many keys, in effect
  at::Tensor normalised;      ///< mean over q >= 1 of H[q] / ln(q+1), in [0, 1]
  /// Without the first token (Vig & Belinkov 2019, footnote 4): key 0 taken out, the rest made to
  /// sum to 1, rows with A[q][0] > 0.9 left out; mean over q >= 2 of H'[q] / ln(q). Means nothing
  /// where rows_without_first is 0.
  at::Tensor without_first;
  at::Tensor rows_without_first;  ///< how many rows it is the mean of, int64
};
[[nodiscard]] Entropies entropies(const at::Tensor& pattern);

/// The entropy of older reports: mean over all rows of -sum p log(p + 1e-10), in nats. Not
/// normalised: a uniform head has ln(T!)/T. For comparison with old figures only.
[[nodiscard]] at::Tensor naive_entropy(const at::Tensor& pattern);

/// Largest weight of a row (Voita et al. 2019): mean over q >= 1 of max over k of A[q][k].
[[nodiscard]] at::Tensor confidence(const at::Tensor& pattern);

/// The same without the first token, the rest left as it is: mean over q >= 2 of max over k >= 1 of
/// A[q][k]. Much lower than confidence() for a head that rests on the first token.
/// Throws ShapeError also for T < 3.
[[nodiscard]] at::Tensor confidence_without_first(const at::Tensor& pattern);

/// How many tokens back a head looks: sum of A[q][k] (q-k) / sum of A[q][k], over all rows (Vig &
/// Belinkov 2019, Eq. 6). In tokens; (T-1)/4 for a uniform head.
[[nodiscard]] at::Tensor mean_distance(const at::Tensor& pattern);

/// Smallest w such that the last w keys, the query's own among them, hold `mass` of the attention,
/// as a mean over q >= 1. In tokens.
[[nodiscard]] at::Tensor attention_span(const at::Tensor& pattern, double mass = 0.9);

/// Share of the last w keys, the query's own among them: mean over q >= 1 of the sum over k > q-w
/// of A[q][k]. Throws ShapeError also for w < 1.
[[nodiscard]] at::Tensor last_keys_share(const at::Tensor& pattern, std::int64_t w = 8);

/// Total variation distance of a row to the even one: mean over q >= 1 of
/// 1/2 sum over k <= q of |A[q][k] - 1/(q+1)|, in [0, 1).
[[nodiscard]] at::Tensor distance_to_uniform(const at::Tensor& pattern);

/// The position other than the first that draws most attention from later queries.
struct PositionShares {
  at::Tensor share;     ///< mean over q > p of A[q][p] at that position
  at::Tensor position;  ///< p >= 1, with at least 16 later rows; int64
};
/// Throws ShapeError also for T < 18: no position p >= 1 has 16 later rows.
[[nodiscard]] PositionShares largest_position_share(const at::Tensor& pattern);

/// What TransformerLens' detect_head looks for, and how it compares.
enum class DetectedHead { previous_token, duplicate_token, induction };
enum class DetectMeasure { mul, abs };
struct DetectOptions {
  bool exclude_bos = false;            ///< leave out column 0
  bool exclude_current_token = false;  ///< leave out the diagonal
};
/// TransformerLens' detect_head, for comparison with figures made by it. D is 1 where a perfect
/// head of the kind would attend. mul: sum(A D) / sum(A), a share of ALL attention, rows without a
/// target included; abs: 1 - round(sum |A - D| / T, 3). pattern: [head, query, key]. One value a
/// head; none where nothing is left to divide by.
[[nodiscard]] std::vector<std::optional<double>> detect_head(const at::Tensor& pattern,
                                                             std::span<const TokenId> ids,
                                                             DetectedHead kind,
                                                             DetectMeasure measure,
                                                             DetectOptions options = {});

/// Every score that a report holds. The last four need the repeated-token probe (probe.h).
enum class Score {
  entropy,
  entropy_all_rows,
  naive_entropy,
  effective_keys,
  normalised_entropy,
  entropy_without_first,
  distance_to_uniform,
  confidence,
  confidence_without_first,
  previous_token,
  current_token,
  first_token,
  position_share,
  last_keys,
  span,
  mean_distance,
  mean_distance_without_first,
  duplicate_on_text,
  induction_on_text,
  tl_previous_mul,
  tl_previous_abs,
  tl_duplicate_mul,
  tl_duplicate_abs,
  tl_induction_mul,
  tl_induction_abs,
  duplicate_token,
  induction,
  duplicate_control,
  induction_control,
};
inline constexpr std::size_t kScores = static_cast<std::size_t>(Score::induction_control) + 1;

/// A score's name in files and on the command line, its unit, and what it is in one line.
struct ScoreInfo {
  Score score;
  std::string_view name;  ///< "previous-token"
  std::string_view unit;  ///< "share", "nats", "tokens", "keys"
  bool has_excess;        ///< a share of attention: (score - chance) / (1 - chance) has a meaning
  std::string_view meaning;
};
/// In the order of Score.
[[nodiscard]] std::span<const ScoreInfo, kScores> score_table();

struct ScoreOptions {
  std::int64_t last_keys = 8;    ///< w of Score::last_keys
  std::int64_t max_offset = 32;  ///< offsets are scanned from 0 to min(max_offset, T/4)
  bool naive_entropy = false;    ///< also Score::naive_entropy, which costs a logarithm of its own
  bool detect_head = false;      ///< also the tl_ scores, with these options:
  DetectOptions detect = {};
};

/// What a head that attends evenly to all allowed keys scores on T positions, in closed form. None
/// where T is too short for the score, and for scores that depend on the tokens or on the probe.
[[nodiscard]] std::optional<double> chance_level(Score score, std::int64_t n_positions,
                                                 const ScoreOptions& options = {});

/// The same for one offset: (Har(T) - Har(max(d, 1))) / (T - max(d, 1)), Har(n) = 1 + 1/2 + .. 1/n.
[[nodiscard]] double offset_chance(std::int64_t n_positions, std::int64_t offset);

/// One score of every head of a layer on one text.
struct HeadValues {
  std::vector<std::optional<double>> values;  ///< one a head; none: not scored
  std::optional<double> chance;               ///< of a uniform head on the same text
};

/// All scores of the heads of one layer on one text.
struct LayerScores {
  std::array<HeadValues, kScores> scores;  ///< the probe's are not scored here
  at::Tensor offsets;                      ///< [head, d] as offset_scores; undefined: not scored
  at::Tensor hits;                         ///< [head, d] as offset_hits; undefined: not scored
  std::vector<std::int64_t> positions;     ///< [head] where Score::position_share is; or empty
  std::vector<std::int64_t> rows_without_first;  ///< [head] of entropy_without_first; or empty
  std::int64_t n_repeats = 0;                    ///< rows of duplicate_on_text
  std::int64_t n_prefixes = 0;                   ///< rows of induction_on_text

  const HeadValues& operator[](Score score) const {
    return scores[static_cast<std::size_t>(score)];
  }
  HeadValues& operator[](Score score) { return scores[static_cast<std::size_t>(score)]; }
};

/// layer: [head, query, key]; ids: one per position. Passes over the weights a handful of times, a
/// block of rows at a time, with one logarithm a weight. T = 1: nothing is scored.
/// Throws ShapeError: not [head, T, T], or as many ids as positions are not given.
[[nodiscard]] LayerScores score_layer(const at::Tensor& layer, std::span<const TokenId> ids,
                                      const ScoreOptions& options = {});

}  // namespace attnviz
