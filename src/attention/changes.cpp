#include "attnviz/changes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "kept_heads.h"

namespace attnviz {
namespace {

/// A head's [query, key] weights in its record.
class Weights {
 public:
  Weights(const AttentionPatterns& patterns, std::int64_t layer, std::int64_t index)
      : n_(patterns.n_positions()),
        first_(patterns.layers[std::size_t(layer)].data_ptr<float>() + index * n_ * n_) {}
  [[nodiscard]] const float* row(std::int64_t q) const { return first_ + q * n_; }
  [[nodiscard]] std::int64_t n() const { return n_; }

 private:
  std::int64_t n_;
  const float* first_;
};

/// Jensen-Shannon divergence of two rows, in bits, as 1/2 sum p log2(p/m) + q log2(q/m): the
/// difference of entropies of compare.h would lose what differs by little.
double row_bits(const float* before, const float* after, std::int64_t n) {
  double bits = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const double p = double(before[k]), q = double(after[k]), m = (p + q) / 2;
    if (p == q) continue;
    if (p > 0) bits += p * std::log2(p / m);
    if (q > 0) bits += q * std::log2(q / m);
  }
  return std::max(0.0, bits / 2);
}

double largest_difference(const Weights& before, const Weights& after) {
  double largest = 0;
  for (std::int64_t i = 0; i < before.n() * before.n(); ++i) {
    largest = std::max(largest, std::abs(double(after.row(0)[i]) - double(before.row(0)[i])));
  }
  return largest;
}

void compare_weights(HeadChange& change, const Weights& before, const Weights& after, bool causal) {
  const std::int64_t first_row = causal ? 1 : 0;  // row 0 of a causal pattern is always the same
  for (std::int64_t q = 0; q < before.n(); ++q) {
    for (std::int64_t k = 0; k < before.n(); ++k) {
      const double difference = std::abs(double(after.row(q)[k]) - double(before.row(q)[k]));
      if (difference <= change.largest) continue;
      change.largest = difference;
      change.query = q;
      change.key = k;
    }
    if (q >= first_row) change.bits += row_bits(before.row(q), after.row(q), before.n());
  }
  if (before.n() > first_row) change.bits /= double(before.n() - first_row);
}

double moved(const ScoreChange& change) {
  return std::abs(change.after - change.before) / std::max(1.0, std::abs(change.before));
}

void compare_scores(HeadChange& change, const RecordedHead& before, const RecordedHead& after) {
  for (const Score score : recorded_scores()) {
    const auto &was = before.scores[std::size_t(score)], &is = after.scores[std::size_t(score)];
    if (was && is) change.scores.push_back({score, *was, *is});
  }
  std::stable_sort(change.scores.begin(), change.scores.end(),
                   [](const ScoreChange& a, const ScoreChange& b) { return moved(a) > moved(b); });
  change.labels_before = before.labels;
  change.labels_after = after.labels;
}

/// 0 where nothing was measured, however small the tolerance.
double times(double measured, double tolerance) {
  return measured == 0 ? 0 : measured / tolerance;
}

double excess_of(const HeadChange& change, const Tolerance& tolerance) {
  const double score = change.scores.empty() ? 0 : moved(change.scores.front());
  return std::max({times(change.largest, tolerance.pattern),
                   times(change.bits, tolerance.divergence), times(score, tolerance.score)});
}

std::optional<std::size_t> first_difference(const TokenIds& a, const TokenIds& b) {
  const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (at == a.end() && other == b.end()) return std::nullopt;
  return std::size_t(at - a.begin());
}

const RecordedHead* scores_of(const AttentionRecord& record, HeadId id) {
  const auto found = std::find_if(record.heads.begin(), record.heads.end(),
                                  [id](const RecordedHead& head) { return head.id == id; });
  return found == record.heads.end() ? nullptr : &*found;
}

/// Heads by their numbers, whichever of them each record has.
struct Pairing {
  const AttentionRecord &before, &after;
  KeptHeads kept_before, kept_after;

  [[nodiscard]] Weights weights_before(HeadId id) const {
    return weights(before.patterns, kept_before, id);
  }
  [[nodiscard]] Weights weights_after(HeadId id) const {
    return weights(after.patterns, kept_after, id);
  }
  [[nodiscard]] static bool has(const KeptHeads& kept, HeadId id) {
    const auto& heads = kept[std::size_t(id.layer)];
    return std::find(heads.begin(), heads.end(), id.head) != heads.end();
  }

 private:
  [[nodiscard]] static Weights weights(const AttentionPatterns& patterns, const KeptHeads& kept,
                                       HeadId id) {
    const auto& heads = kept[std::size_t(id.layer)];
    return {patterns, id.layer, std::find(heads.begin(), heads.end(), id.head) - heads.begin()};
  }
};

/// Looks for the head whose place each changed head has taken.
void find_exchanged(std::vector<HeadChange>& heads, const Pairing& pairing,
                    const std::function<Tolerance(HeadId)>& tolerance_of) {
  for (HeadChange& head : heads) {
    if (!head.is_changed()) continue;
    for (const HeadChange& other : heads) {
      if (other.id.layer != head.id.layer || other.id == head.id || !other.is_changed()) continue;
      const double distance =
          largest_difference(pairing.weights_before(other.id), pairing.weights_after(head.id));
      if (distance > tolerance_of(head.id).pattern) continue;
      head.now_as = other.id;
      break;
    }
  }
}

bool is_other_architecture(const AttentionPatterns& before, const AttentionPatterns& after) {
  if (before.n_layers() != after.n_layers()) return true;
  if (!before.kept.empty() || !after.kept.empty()) return false;
  for (std::int64_t layer = 0; layer < before.n_layers(); ++layer) {
    if (before.n_heads(layer) != after.n_heads(layer)) return true;
  }
  return false;
}

/// As many positions in both: whichever was kept whole is condensed as the other was.
void match_positions(AttentionRecord& before, AttentionRecord& after) {
  const std::int64_t n = std::min(before.patterns.n_positions(), after.patterns.n_positions());
  for (AttentionRecord* record : {&before, &after}) {
    if (record->patterns.n_positions() == n) continue;
    if (record->is_condensed()) {
      throw ShapeError("one text was recorded in " + std::to_string(before.patterns.n_positions()) +
                       " blocks, the other in " + std::to_string(after.patterns.n_positions()));
    }
    record->patterns = condense(std::move(record->patterns), n);
  }
}

HeadChange compare_head(HeadId id, const Pairing& pairing, const Tolerance& tolerance,
                        const Tolerance& rounding) {
  HeadChange change;
  change.id = id;
  compare_weights(change, pairing.weights_before(id), pairing.weights_after(id),
                  pairing.before.patterns.causal && pairing.after.patterns.causal);
  const RecordedHead* before = scores_of(pairing.before, id);
  const RecordedHead* after = scores_of(pairing.after, id);
  if (before != nullptr && after != nullptr) compare_scores(change, *before, *after);
  change.excess = excess_of(change, tolerance);
  change.moved = excess_of(change, rounding);
  return change;
}

}  // namespace

bool AttentionChanges::is_changed() const {
  return first_other_token || is_other_architecture || !gone.empty() || !added.empty() ||
         std::any_of(heads.begin(), heads.end(),
                     [](const HeadChange& head) { return head.is_changed(); });
}

AttentionChanges compare_attention(const AttentionRecord& given_before,
                                   const AttentionRecord& given_after,
                                   const std::function<Tolerance(HeadId)>& tolerance_of,
                                   const Tolerance& rounding) {
  AttentionChanges changes;
  changes.first_other_token = first_difference(given_before.ids, given_after.ids);
  if (changes.first_other_token) return changes;
  changes.is_other_architecture =
      is_other_architecture(given_before.patterns, given_after.patterns);
  if (changes.is_other_architecture) return changes;
  AttentionRecord before = given_before, after = given_after;
  match_positions(before, after);
  const Pairing pairing{before, after, kept_heads(before.patterns), kept_heads(after.patterns)};
  for (const HeadId id : ids_of(pairing.kept_before)) {
    if (Pairing::has(pairing.kept_after, id)) {
      changes.heads.push_back(compare_head(id, pairing, tolerance_of(id), rounding));
    } else {
      changes.gone.push_back(id);
    }
  }
  for (const HeadId id : ids_of(pairing.kept_after)) {
    if (!Pairing::has(pairing.kept_before, id)) changes.added.push_back(id);
  }
  find_exchanged(changes.heads, pairing, tolerance_of);
  return changes;
}

AttentionChanges compare_attention(const AttentionRecord& before, const AttentionRecord& after,
                                   const Tolerance& tolerance) {
  return compare_attention(
      before, after, [&](HeadId) { return tolerance; }, tolerance);
}

std::vector<HeadChange> most_changed(const AttentionChanges& changes) {
  std::vector<HeadChange> changed;
  std::copy_if(changes.heads.begin(), changes.heads.end(), std::back_inserter(changed),
               [](const HeadChange& head) { return head.is_changed(); });
  std::stable_sort(changed.begin(), changed.end(),
                   [](const HeadChange& a, const HeadChange& b) { return a.largest > b.largest; });
  return changed;
}

}  // namespace attnviz
