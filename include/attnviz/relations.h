#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnviz/compare.h"
#include "attnviz/patterns.h"
#include "attnviz/text.h"

// Do heads attend along grammatical relations, or to similar words, beyond what position explains?
// Patterns in, findings out; neither says what a head does with what it reads.
//
//     const RelationItems items = make_relation_items(tokenizer);
//     if (!items.not_measured.empty()) return;               // says why
//     RelationStatistics statistics;
//     for (const RelationItem& item : items.items) statistics.add(capture(item.ids), item);
//     for (const HeadRelations& head : statistics.findings()) {
//       for (const RelationFinding& found : head.relations) {
//         if (found.passes) std::cout << sentence(head.id, found) << '\n';
//       }
//     }
namespace attnviz {

/// From a later word to an earlier one: a causal model sees no other direction.
enum class Relation {
  determiner,  ///< a noun → its determiner, adjectives between them
  subject,     ///< a verb → its subject, another noun in a phrase or clause between them
  object,      ///< an object noun → its verb
  pronoun,     ///< a pronoun → its antecedent, the only noun of its gender and number
};
inline constexpr std::size_t kRelations = static_cast<std::size_t>(Relation::pronoun) + 1;
[[nodiscard]] std::string_view to_string(Relation relation);  ///< "determiner"

/// The tokens first .. end - 1 of a text.
struct TokenRange {
  std::int64_t first = 0, end = 0;
  bool operator==(const TokenRange&) const = default;
};

/// A made-up English sentence and the word of it that a perfect head would find.
struct RelationItem {
  Relation relation{};
  std::string text;               ///< ends in a full stop, which is a word of its own
  TokenIds ids;                   ///< of the text, with nothing before it
  std::vector<TokenRange> words;  ///< one a word, in order; together all of the ids
  std::size_t query = 0;          ///< index of the word that looks back
  std::size_t target = 0;         ///< index of the word to find; 1 or more, before the query
};

struct RelationOptions {
  std::int64_t n_items = 120;  ///< of each relation
  std::uint64_t seed = 0;
  std::int64_t n_positions = 1024;  ///< of the model; sentences of more tokens are not drawn
};

struct RelationItems {
  std::vector<RelationItem> items;  ///< n_items of each relation, one relation after the other
  std::string not_measured;         ///< why there are none; empty where there are
};

/// Sentences of 8 to 32 words, all different, from the word lists and templates in
/// src/attention/relation_grammar.cpp; three words or more to choose from, besides word 0. Drawn
/// such that no head of a fixed behaviour (so many tokens or words back, or a fixed position in
/// tokens or words) would find the target of more than a quarter of a relation's items, or of one
/// item where there are fewer than 8. Same tokenizer and options, same items.
/// Not measured: words take more than 2 tokens on average (bytes, characters, another language's
/// vocabulary), tokens reach across words, or nothing so balanced can be drawn with this
/// vocabulary and these positions. Throws UsageError for n_items < 1.
[[nodiscard]] RelationItems make_relation_items(const Tokenizer& tokenizer,
                                                const RelationOptions& options = {});

/// How one head did on the items of one relation.
struct RelationFinding {
  Relation relation{};
  std::int64_t n = 0;        ///< items
  std::int64_t hits = 0;     ///< items whose most attended word is the target
  double accuracy = 0;       ///< hits / n
  double best_offset = 0;    ///< accuracy of the best head that looks a fixed distance back
  double best_position = 0;  ///< accuracy of the best head that looks at a fixed position
  double lower = 0;          ///< lower end of the Wilson 95 % interval of accuracy
  /// P(X >= hits), X ~ binomial(n, baseline()): one-sided and exact.
  double p_value = 1;
  bool passes = false;

  /// What has to be surpassed: the better of the two heads that know only position.
  [[nodiscard]] double baseline() const {
    return best_offset > best_position ? best_offset : best_position;
  }
};

struct HeadRelations {
  HeadId id;
  std::vector<RelationFinding> relations;  ///< those that items were added of, in enum order
};

/// Counts on how many items each head attends most to the target. A word's attention is the sum
/// over its tokens, from the mean over the tokens of the query word (Clark et al. 2019, section
/// 4.1). Only words before the query count, and not word 0, on which many heads rest; a hit is more
/// attention than to any other word, so a head that attends evenly has none on words of one token.
/// Integers only: the order of the items changes nothing, and memory does not grow with them.
class RelationStatistics {
 public:
  /// patterns: [head, query, key] per layer, of the model on item.ids.
  /// Throws ShapeError: not causal, another number of positions than the item has tokens, no head
  /// left, other layers or heads than before. UsageError: the item's words are not as RelationItem
  /// says.
  void add(const AttentionPatterns& patterns, const RelationItem& item);

  /// One a head, layer by layer; empty before the first item. A finding passes where n >= 50, lower
  /// > baseline, accuracy >= baseline + 0.10 (Voita et al. 2019, section 5: "at least 10 % higher",
  /// read as points), and p_value is among those that Benjamini & Hochberg (1995) reject at 5 %
  /// over all heads and relations.
  [[nodiscard]] std::vector<HeadRelations> findings() const;

 private:
  struct Counts {
    std::int64_t n = 0;
    std::vector<std::int64_t> hits;  // per head
    // Items that a head of fixed behaviour would hit: (kind, distance or position) → how many.
    std::map<std::pair<int, std::int64_t>, std::int64_t> fixed;
  };
  [[nodiscard]] RelationFinding finding(std::size_t relation, std::size_t head) const;

  KeptHeads heads_;
  std::array<Counts, kRelations> counts_;
};

/// "L3H5 attends to a verb's subject in 71 % of 120 template items (best fixed offset 28 %, 95 %
/// interval from 62 %; synthetic sentences, attention only)"; "best fixed position" where that is
/// the better one.
[[nodiscard]] std::string sentence(HeadId head, const RelationFinding& finding);

/// Lower end of Wilson's (1927) two-sided 95 % interval of a share: with z = 1.96 and p = hits/n,
/// (p + z²/2n - z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n). Throws UsageError unless 0 <= hits <= n,
/// n >= 1.
[[nodiscard]] double wilson_lower(std::int64_t hits, std::int64_t n);

/// P(X >= hits) of X ~ binomial(n, p). Throws UsageError unless 0 <= hits <= n, 0 <= p <= 1.
[[nodiscard]] double binomial_tail(std::int64_t hits, std::int64_t n, double p);

/// Which p-values are rejected with a false discovery rate of at most `rate`: the k smallest, k the
/// largest number for which the k-th smallest is <= rate k / count (Benjamini & Hochberg 1995).
[[nodiscard]] std::vector<bool> benjamini_hochberg(std::span<const double> p_values,
                                                   double rate = 0.05);

/// Whether a head attends to tokens of similar embeddings more than its mean pattern would.
struct HeadSimilarity {
  double difference = 0;       ///< mean over texts; in cosines, weighed by attention
  std::optional<double> z;     ///< difference / (sd / sqrt(n_texts)); none: sd is 0
  std::optional<Interval> ci;  ///< 95 % bootstrap interval of difference
  std::int64_t n_texts = 0;

  /// The interval lies above `least`, and z >= 3. Of untrained GPTs (6 layers of 8, d_model 128)
  /// one head in seven passes at 0, with differences up to 0.009: hence the default.
  [[nodiscard]] bool passes(double least = 0.01) const {
    return ci && ci->low > least && z && *z >= 3;
  }
};

/// Attention to similar embeddings, beyond position. Of one text and head
///     D = 1/(n_rows - 1) sum over q >= 1, k of (A[q][k] - Abar[q][k]) cos(e_q, e_k)
/// where Abar is the head's mean pattern over the texts and e the model's token embeddings, less
/// their mean over the vocabulary. Key 0, on which many heads rest, and pairs of the same token
/// (the query itself too) are left out. A head whose pattern is the same on all texts has exactly
/// 0. What the similarity consists in is not established: it can be meaning, word class or
/// frequency.
///
///     SimilarityStatistics similarity(embeddings);  // Model::token_embeddings
///     for (ids : texts) similarity.add_to_mean(capture(first_16(ids)));
///     for (ids : texts) similarity.add_deviation(capture(first_16(ids)), first_16(ids));
///     similarity.result()[3]->difference
///
/// The order of the texts changes nothing, not the last bit, and memory does not grow with their
/// number. Texts should differ from their first tokens on.
class SimilarityStatistics {
 public:
  /// embeddings: [V, d], any floating dtype, row = token id; kept, not copied, where it is float32
  /// on the CPU. n_rows: positions that count, of every text.
  /// Throws ShapeError for another shape or dtype, UsageError for n_rows < 3.
  explicit SimilarityStatistics(const at::Tensor& embeddings, std::int64_t n_rows = 16,
                                std::uint64_t seed = 0);
  ~SimilarityStatistics();

  /// False: the text has fewer than n_rows tokens and is left out.
  /// Throws ShapeError: not causal, no head left, layers or heads differ from the texts before.
  bool add_to_mean(const AttentionPatterns& patterns);
  /// Likewise, after the last add_to_mean. ids: one per position.
  /// Throws UsageError before the first add_to_mean; ShapeError also where there are not as many
  /// ids as positions; VocabularyError for an id that has no row.
  bool add_deviation(const AttentionPatterns& patterns, std::span<const TokenId> ids);

  /// One a head, layer by layer; none with fewer than 8 texts.
  /// Throws UsageError where the second pass did not see as many texts as the first.
  [[nodiscard]] std::vector<std::optional<HeadSimilarity>> result() const;

 private:
  [[nodiscard]] at::Tensor cosines(std::span<const TokenId> ids) const;

  at::Tensor embeddings_;  // [V, d] float32
  at::Tensor mean_;        // [d] float64
  std::uint64_t seed_;
  std::unique_ptr<MeanPattern> pattern_;
};

/// "L2H1 attends to tokens with similar embeddings more than its mean pattern would (difference
/// +0.04, z 5.1, 16 texts; what content: not established)"; "less" for a negative difference.
[[nodiscard]] std::string sentence(HeadId head, const HeadSimilarity& similarity);

}  // namespace attnviz
