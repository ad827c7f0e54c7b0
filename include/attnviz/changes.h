#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attnviz/attention.h"

// What a model's heads did on one text, kept, and what has changed since.
//
//     AttentionRecord before = record_attention(patterns_of(old_model), ids);
//     AttentionRecord after = record_attention(patterns_of(new_model), ids);
//     for (const HeadChange& head : most_changed(compare_attention(before, after))) {
//       std::cout << sentence(head) << '\n';  // L3H5: previous-token 0.91 -> 0.40, ...
//     }
namespace attnviz {

/// Averages patterns of more than n_cells positions over blocks of neighbouring tokens: block i is
/// the tokens i T / n_cells to (i+1) T / n_cells - 1, a cell the attention that the queries of one
/// block pay, on average, to all keys of another. Rows still sum to 1, and no block attends to a
/// later one if no token did, so that the result is attention itself. Shorter ones stay as they
/// are. Throws ShapeError for n_cells < 1.
[[nodiscard]] AttentionPatterns condense(AttentionPatterns patterns, std::int64_t n_cells);

/// The scores that are kept: those that move with the weights without jumps. Others leave rows out
/// beyond a threshold, or count places, and would change by much where a weight changes by nothing.
[[nodiscard]] std::span<const Score> recorded_scores();

struct RecordedHead {
  HeadId id;
  std::array<std::optional<double>, kScores> scores;  ///< recorded_scores() on this text
  /// As heads.h finds them on this one text, the primary one first: "previous-token", "weak
  /// induction". Of texts of fewer than eight tokens none.
  std::vector<std::string> labels;
};

/// One text's attention as far as a later run is held against it.
struct AttentionRecord {
  TokenIds ids;
  AttentionPatterns patterns;  ///< of all positions, or of blocks of them where those are fewer
  std::vector<RecordedHead> heads;  ///< layer by layer; empty where attention looks ahead

  [[nodiscard]] bool is_condensed() const {
    return patterns.n_positions() < static_cast<std::int64_t>(ids.size());
  }
};

/// Scores are those of all weights; then patterns are condensed to n_cells; 0: they stay whole, as
/// do bidirectional ones, which have no scores.
/// Throws ShapeError where there is not one id per position.
[[nodiscard]] AttentionRecord record_attention(AttentionPatterns patterns, const TokenIds& ids,
                                               std::int64_t n_cells = 32);

/// How far a head may move and count as the same.
struct Tolerance {
  double pattern = 0;     ///< largest difference of a weight
  double divergence = 0;  ///< Jensen-Shannon, bits, mean over rows
  double score = 0;       ///< difference, or share of the score where that is above 1

  bool operator==(const Tolerance&) const = default;
};

/// Measured between machines, LibTorch 1.13 and 2.15, one and two threads (docs/snapshot.md):
/// models that compute in float64 differ by the rounding of what is stored, those in float32 by
/// their own.
inline constexpr Tolerance float64_tolerance{1e-6, 1e-12, 1e-6};
inline constexpr Tolerance float32_tolerance{2e-5, 1e-11, 2e-5};

struct ScoreChange {
  Score score{};
  double before = 0, after = 0;
};

/// A head that both records have.
struct HeadChange {
  HeadId id;
  double largest = 0;               ///< difference of a weight, without its sign
  std::int64_t query = 0, key = 0;  ///< where that is; of condensed patterns the blocks
  double bits = 0;  ///< Jensen-Shannon divergence, mean over rows, of causal patterns q >= 1
  std::vector<ScoreChange> scores;  ///< that both have, those that moved most first
  std::vector<std::string> labels_before, labels_after;
  /// How many times its tolerance the head moved, by the measure that says most. A label alone is
  /// no change: it flips at a threshold that its score may lie on.
  double excess = 0;
  /// The same, with what rounding does in place of the tolerance: where a change began does not
  /// depend on what is tolerated.
  double moved = 0;
  /// The other head of its layer that had this pattern before, within the tolerance.
  std::optional<HeadId> now_as;

  [[nodiscard]] bool is_changed() const { return !(excess <= 1); }
};

struct AttentionChanges {
  /// The first position where the tokens differ, or where one text ends; nothing else is compared
  /// then.
  std::optional<std::size_t> first_other_token;
  /// Other layers, or heads that cannot be told by their numbers; nothing else is compared then.
  bool is_other_architecture = false;
  std::vector<HeadId> gone, added;  ///< by pruning
  std::vector<HeadChange> heads;    ///< layer by layer

  [[nodiscard]] bool is_changed() const;
};

/// tolerance_of: a head's; rounding: what no head can be told by. Throws ShapeError where one
/// record was condensed to another number of blocks; one that was not is condensed for the
/// comparison.
[[nodiscard]] AttentionChanges compare_attention(
    const AttentionRecord& before, const AttentionRecord& after,
    const std::function<Tolerance(HeadId)>& tolerance_of,
    const Tolerance& rounding = float64_tolerance);
[[nodiscard]] AttentionChanges compare_attention(const AttentionRecord& before,
                                                 const AttentionRecord& after,
                                                 const Tolerance& tolerance = float64_tolerance);

/// The heads that changed, by the largest difference of a weight.
[[nodiscard]] std::vector<HeadChange> most_changed(const AttentionChanges& changes);

/// `previous-token 0.91 -> 0.40; was previous-token, now broad`: the score that moved most, and the
/// primary label where that is another; or whose pattern the head has now. Empty where only
/// weights moved.
[[nodiscard]] std::string what_moved(const HeadChange& head);

/// `L3H5: previous-token 0.91 -> 0.40; was previous-token, now broad; weights by up to 0.61`
[[nodiscard]] std::string sentence(const HeadChange& head);

/// In which layer the first heads moved, if only by a fifth of what rounding is given, and what
/// that says of the cause; empty where none changed. Where no more than half of a layer's heads
/// moved, all read what they did before: the moved ones' own queries or keys changed. Where more
/// did, it is what they read.
[[nodiscard]] std::string where_it_began(const AttentionChanges& changes);

}  // namespace attnviz
