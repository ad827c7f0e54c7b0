#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/error.h"
#include "attnviz/head_statistics.h"
#include "attnviz/relations.h"
#include "hand_made.h"

// Heads that pruning left: layers of different numbers of heads, or of none, under the names that
// the heads had before.
namespace attnviz {
namespace {

using namespace hand_made;

const KeptHeads kKept = {{0, 2}, {}, {1}};
const std::vector<HeadId> kIds = {{0, 0}, {0, 2}, {2, 1}};

/// Three heads, of the ids in kIds.
AttentionPatterns pruned(const std::vector<at::Tensor>& heads) {
  const std::int64_t n = heads[0].size(0);
  return {{at::stack({heads[0], heads[1]}).to(at::kFloat), at::empty({0, n, n}),
           heads[2].unsqueeze(0).to(at::kFloat)},
          true,
          kKept};
}

std::vector<at::Tensor> heads_on(std::int64_t n, unsigned seed) {
  return {mix(offset(n, 1), random(n, 4, seed), 0.2), random(n, 9, seed + 50), sink(n)};
}

TokenIds repeating(std::int64_t n) {
  TokenIds ids = different(n);
  for (std::size_t i = 3; i < ids.size(); i += 4) ids[i] = 7;
  return ids;
}

/// What three texts and a probe say of the heads of patterns(heads), seen for each text.
template <typename Patterns>
HeadReport report_of(Patterns patterns, std::int64_t n, const ScoreOptions& scores = {}) {
  StatisticsOptions options;
  options.scores = scores;
  HeadStatistics statistics(options);
  for (unsigned seed = 0; seed < 3; ++seed) {
    statistics.add_text(patterns(heads_on(n, seed)), repeating(n));
  }
  const RepeatedProbe probe = make_probes().at(0);
  const auto m = static_cast<std::int64_t>(probe.ids.size());
  statistics.add_probe(patterns(heads_on(m, 8)), patterns(heads_on(m, 9)), probe);
  return statistics.report();
}

void expect_equal(const std::optional<Statistic>& one, const std::optional<Statistic>& other,
                  const std::string& what) {
  ASSERT_EQ(one.has_value(), other.has_value()) << what;
  if (!one) return;
  // LibTorch adds up float32 in an order that may depend on how many heads there are.
  EXPECT_NEAR(one->mean, other->mean, 1e-6 * std::max(1.0, std::abs(one->mean))) << what;
  EXPECT_EQ(one->n_texts, other->n_texts) << what;
  EXPECT_EQ(one->chance, other->chance) << what;
}

TEST(CheckPatterns, TakeLayersWithoutHeadsAndTheNumbersOfTheRest) {
  const at::Tensor one = offset(4, 1).unsqueeze(0), none = at::empty({0, 4, 4}, at::kDouble);
  const AttentionPatterns patterns = check_patterns({none, one, none}, {{}, {5}, {}});
  EXPECT_TRUE(patterns.causal);
  EXPECT_EQ(patterns.n_positions(), 4);
  EXPECT_EQ(patterns.layers[2].scalar_type(), at::kFloat);
  EXPECT_EQ(patterns.kept, (KeptHeads{{}, {5}, {}}));
  EXPECT_FALSE(check_patterns({none, at::full({1, 4, 4}, 0.25)}).causal);
  EXPECT_EQ(check_patterns({none, none}, {{}, {}}).n_heads(1), 0);
}

TEST(CheckPatterns, RefuseNumbersThatAreNotThoseOfTheHeads) {
  const at::Tensor two = at::stack({uniform(4), uniform(4)}), none = at::empty({0, 4, 4});
  EXPECT_NO_THROW((void)check_patterns({two, none}, {{1, 4}, {}}));
  for (const KeptHeads& kept : std::vector<KeptHeads>{
           {{1, 4}}, {{1}, {}}, {{1, 2, 3}, {}}, {{1, 4}, {0}}, {{1, 4}, {}, {}}}) {
    EXPECT_THROW((void)check_patterns({two, none}, kept), ShapeError);
  }
  EXPECT_THROW((void)check_patterns({at::empty({0, 0, 0})}), ShapeError);
  EXPECT_THROW((void)check_patterns({two, at::empty({0, 5, 5})}), ShapeError);
  EXPECT_THROW((void)check_patterns({at::empty({0, 4, 3})}), ShapeError);
}

TEST(PrunedHeads, KeepTheirNames) {
  const HeadReport report = report_of(pruned, 32);
  EXPECT_EQ(report.n_layers, 3);
  ASSERT_EQ(report.heads.size(), kIds.size());
  for (std::size_t i = 0; i < kIds.size(); ++i) EXPECT_EQ(report.heads[i].id, kIds[i]);
}

// Of more than 256 tokens, layers are scored one by one.
TEST(PrunedHeads, ScoreWhatTheyScoreAlone) {
  ScoreOptions scores;
  scores.naive_entropy = scores.detect_head = true;
  for (const std::int64_t n : {32, 300}) {
    const HeadReport report = report_of(pruned, n, scores);
    EXPECT_GT(report.n_repeats, 0);
    for (std::size_t head = 0; head < kIds.size(); ++head) {
      const auto one = [head](const std::vector<at::Tensor>& heads) {
        return layer({heads[head]});
      };
      const HeadReport alone = report_of(one, n, scores);
      EXPECT_EQ(report.n_repeats, alone.n_repeats);
      EXPECT_EQ(report.n_prefixes, alone.n_prefixes);
      for (const ScoreInfo& info : score_table()) {
        expect_equal(report.heads[head][info.score], alone.heads[0][info.score],
                     to_string(kIds[head]) + " " + std::string(info.name));
      }
    }
  }
}

TEST(PrunedHeads, ScoreWhereTheFirstLayerHasNoneLeft) {
  for (const std::int64_t n : {32, 300}) {
    HeadStatistics statistics;
    statistics.add_text(
        {{at::empty({0, n, n}), offset(n, 1).unsqueeze(0).to(at::kFloat)}, true, {{}, {6}}},
        repeating(n));
    const HeadReport report = statistics.report();
    ASSERT_EQ(report.heads.size(), 1U);
    EXPECT_EQ(report.heads[0].id, (HeadId{1, 6}));
    EXPECT_DOUBLE_EQ(report.heads[0][Score::previous_token]->mean, 1);
    EXPECT_EQ(report.n_repeats, n / 4 - 1);
  }
}

TEST(PrunedHeads, AreNeighboursByName) {
  HeadStatistics statistics;
  const at::Tensor head = random(32, 5, 1);
  statistics.add_text(pruned({offset(32, 1), head, head}), different(32));
  const HeadReport report = statistics.report();
  EXPECT_EQ(report.heads[1].nearest->head, (HeadId{2, 1}));
  EXPECT_EQ(report.heads[2].nearest->head, (HeadId{0, 2}));
  ASSERT_TRUE(is_flagged(report.heads[2]));
  EXPECT_NE(sentence(report.heads[2], report.heads[2].flags.at(0))
                .find("L2H1 has a pattern nearly "
                      "equal to that of L0H2"),
            std::string::npos);
}

TEST(PrunedHeads, OfALayerWithoutAnyAreSaidToBeNone) {
  HeadStatistics statistics;
  statistics.add_text(pruned({offset(64, 1), uniform(64), first(64)}), different(64));
  const std::string answer = summary(statistics.report())[2].answer;
  EXPECT_NE(answer.find("entropy over the largest possible: 0.50, no heads, 0.00."),
            std::string::npos)
      << answer;
}

TEST(PrunedHeads, OfOtherNumbersAreThoseOfAnotherModel) {
  HeadStatistics statistics;
  const AttentionPatterns patterns = pruned(heads_on(32, 1));
  statistics.add_text(patterns, different(32));
  AttentionPatterns other = patterns;
  other.kept = {{0, 3}, {}, {1}};
  EXPECT_THROW(statistics.add_text(other, different(32)), ShapeError);
  other.kept = {};
  EXPECT_THROW(statistics.add_text(other, different(32)), ShapeError);
  other.kept = {{0, 2}, {}};
  EXPECT_THROW(statistics.add_text(other, different(32)), ShapeError);
  EXPECT_NO_THROW(statistics.add_text(patterns, different(32)));
}

// Nothing was pruned, whether that is spelled out or not.
TEST(PrunedHeads, MayBeNone) {
  HeadStatistics statistics;
  AttentionPatterns patterns = layer({uniform(20), first(20)});
  statistics.add_text(patterns, different(20));
  patterns.kept = {{0, 1}};
  EXPECT_NO_THROW(statistics.add_text(patterns, different(20)));
  EXPECT_EQ(statistics.report().heads[1].id, (HeadId{0, 1}));
}

TEST(PrunedHeads, MayNotBeAll) {
  const AttentionPatterns none{{at::empty({0, 20, 20})}, true, {{}}};
  HeadStatistics statistics;
  EXPECT_THROW(statistics.add_text(none, different(20)), ShapeError);
  EXPECT_THROW((void)Variation().add_to_mean(none), ShapeError);
  EXPECT_THROW((void)SimilarityStatistics(at::rand({200, 4})).add_to_mean(none), ShapeError);
  const LayerScores scores = score_layer(none.layers[0], repeating(20));
  EXPECT_TRUE(scores[Score::entropy].values.empty());
  EXPECT_EQ(scores.n_repeats, 4);
  EXPECT_EQ(divergences(none.layers[0]).bits.numel(), 0);
  EXPECT_EQ(entropies(none.layers[0]).normalised.numel(), 0);
}

TEST(PrunedHeads, VaryAsTheyDoAlone) {
  Variation all, alone;
  for (const bool is_second : {false, true}) {
    for (unsigned seed = 0; seed < 9; ++seed) {
      const auto heads = heads_on(16, seed);
      const AttentionPatterns left = pruned(heads), one = layer({heads[1]});
      EXPECT_TRUE(is_second ? all.add_deviation(left) : all.add_to_mean(left));
      EXPECT_TRUE(is_second ? alone.add_deviation(one) : alone.add_to_mean(one));
    }
  }
  ASSERT_EQ(all.result().size(), kIds.size());
  EXPECT_DOUBLE_EQ(all.result()[1]->v, alone.result()[0]->v);
  AttentionPatterns other = pruned(heads_on(16, 1));
  other.kept = {{0, 1}, {}, {1}};
  EXPECT_THROW((void)all.add_deviation(other), ShapeError);
}

TEST(PrunedHeads, FindRelationsByName) {
  RelationItem item;
  item.relation = Relation::object;
  item.text = "six made up words stand here";
  item.ids = different(6);
  for (std::int64_t i = 0; i < 6; ++i) item.words.push_back({i, i + 1});
  item.query = 4;
  item.target = 2;
  RelationStatistics statistics;
  const AttentionPatterns patterns = pruned({offset(6, 1), uniform(6), offset(6, 2)});
  statistics.add(patterns, item);
  const std::vector<HeadRelations> findings = statistics.findings();
  ASSERT_EQ(findings.size(), kIds.size());
  for (std::size_t i = 0; i < kIds.size(); ++i) {
    EXPECT_EQ(findings[i].id, kIds[i]);
    EXPECT_EQ(findings[i].relations.at(0).hits, i == 2 ? 1 : 0);
  }
  AttentionPatterns other = patterns;
  other.kept = {{0, 1}, {}, {1}};
  EXPECT_THROW(statistics.add(other, item), ShapeError);
}

}  // namespace
}  // namespace attnviz
