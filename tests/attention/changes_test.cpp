#include "attnviz/changes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/error.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

/// One layer a list of [query, key] patterns.
AttentionPatterns patterns_of(const std::vector<std::vector<at::Tensor>>& layers,
                              const KeptHeads& kept = {}) {
  std::vector<at::Tensor> stacked;
  for (const auto& heads : layers) stacked.push_back(at::stack(heads).to(at::kFloat));
  return check_patterns(stacked, kept);
}

TokenIds ids_for(std::int64_t n) {
  TokenIds ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(i % 5);
  return ids;
}

AttentionRecord record_of(const std::vector<std::vector<at::Tensor>>& layers,
                          const KeptHeads& kept = {}, std::int64_t n_cells = 32) {
  return record_attention(patterns_of(layers, kept), ids_for(layers[0][0].size(0)), n_cells);
}

/// The head with `by` moved from the first key of the last row to its second.
at::Tensor nudged(at::Tensor pattern, double by) {
  pattern = pattern.clone();
  pattern[-1][0] -= by;
  pattern[-1][1] += by;
  return pattern;
}

TEST(Condense, IsTheMeanOfABlocksQueriesOverTheSumOfABlocksKeys) {
  // Five tokens in two blocks: 0 and 1, 2 to 4.
  const at::Tensor pattern = decay(5);
  const AttentionPatterns condensed = condense(patterns_of({{pattern}}), 2);
  const auto sum = [&](int q, int from, int to) {
    return pattern[q].slice(0, from, to).sum().item<double>();
  };
  const auto cell = condensed.layers[0].accessor<float, 3>();
  EXPECT_FLOAT_EQ(cell[0][0][0], 1);
  EXPECT_FLOAT_EQ(cell[0][0][1], 0);
  EXPECT_NEAR(cell[0][1][0], (sum(2, 0, 2) + sum(3, 0, 2) + sum(4, 0, 2)) / 3, 1e-7);
  EXPECT_NEAR(cell[0][1][1], (sum(2, 2, 5) + sum(3, 2, 5) + sum(4, 2, 5)) / 3, 1e-7);
}

TEST(Condense, GivesAttentionAgainAndLeavesShortTextsAsTheyAre) {
  for (const std::int64_t n : {33, 64, 100, 257}) {
    const AttentionPatterns condensed = condense(patterns_of({{decay(n), uniform(n)}}), 32);
    EXPECT_EQ(condensed.n_positions(), 32);
    EXPECT_TRUE(check_patterns(condensed.layers).causal);
  }
  const AttentionPatterns whole = patterns_of({{decay(32)}});
  EXPECT_TRUE(condense(whole, 32).layers[0].is_same(whole.layers[0]));
  EXPECT_THROW((void)condense(whole, 0), ShapeError);
}

TEST(Record, ScoresAllWeightsAlsoWherePatternsAreCondensed) {
  const AttentionRecord whole = record_of({{offset(64, 1)}}, {}, 0);
  const AttentionRecord condensed = record_of({{offset(64, 1)}}, {}, 8);
  EXPECT_FALSE(whole.is_condensed());
  EXPECT_TRUE(condensed.is_condensed());
  EXPECT_EQ(condensed.patterns.n_positions(), 8);
  EXPECT_DOUBLE_EQ(*condensed.heads[0].scores[std::size_t(Score::previous_token)], 1);
  EXPECT_EQ(condensed.heads[0].scores, whole.heads[0].scores);
  EXPECT_EQ(condensed.heads[0].labels.front(), "previous-token");
}

TEST(Record, LabelsNothingOnSevenTokensAndScoresNothingThatLooksAhead) {
  EXPECT_FALSE(record_of({{offset(8, 1)}}).heads[0].labels.empty());
  const AttentionRecord seven = record_of({{offset(7, 1)}});
  EXPECT_TRUE(seven.heads[0].labels.empty());
  EXPECT_DOUBLE_EQ(*seven.heads[0].scores[std::size_t(Score::previous_token)], 1);
  EXPECT_TRUE(record_of({{at::full({8, 8}, 0.125, at::kDouble)}}).heads.empty());
}

TEST(Record, WantsOneIdAPosition) {
  EXPECT_THROW((void)record_attention(patterns_of({{decay(5)}}), ids_for(4)), ShapeError);
}

TEST(Changes, NoneWhereNothingChanged) {
  const AttentionRecord record = record_of({{decay(9), sink(9)}, {uniform(9), first(9)}});
  const AttentionChanges changes = compare_attention(record, record, Tolerance{});
  EXPECT_FALSE(changes.is_changed());
  ASSERT_EQ(changes.heads.size(), 4U);
  for (const HeadChange& head : changes.heads) {
    EXPECT_EQ(head.largest, 0);
    EXPECT_EQ(head.bits, 0);
    EXPECT_EQ(head.excess, 0);
  }
  EXPECT_TRUE(most_changed(changes).empty());
  EXPECT_EQ(where_it_began(changes), "");
}

TEST(Changes, TheLargestDifferenceIsNamedByItsPlace) {
  const auto before = record_of({{decay(9), uniform(9)}});
  const auto after = record_of({{decay(9), nudged(uniform(9), 0.05)}});
  const AttentionChanges changes = compare_attention(before, after);
  EXPECT_FALSE(changes.heads[0].is_changed());
  EXPECT_TRUE(changes.heads[1].is_changed());
  EXPECT_NEAR(changes.heads[1].largest, 0.05, 1e-7);
  EXPECT_EQ(changes.heads[1].query, 8);
  EXPECT_LE(changes.heads[1].key, 1);
  ASSERT_EQ(most_changed(changes).size(), 1U);
  EXPECT_EQ(most_changed(changes)[0].id, (HeadId{0, 1}));
}

TEST(Changes, DivergenceIsThatOfTheClosedForm) {
  // Rows [1, 0] and [1/2, 1/2]: H(3/4, 1/4) - 1/2 bits; row 0 does not count.
  const at::Tensor a = at::tensor({1., 0., 1., 0.}, at::kDouble).view({2, 2});
  const at::Tensor b = at::tensor({1., 0., .5, .5}, at::kDouble).view({2, 2});
  const auto changes = compare_attention(record_of({{a}}), record_of({{b}}));
  const double expected = 0.75 * std::log2(4. / 3) + 0.25 * 2 - 0.5;
  EXPECT_NEAR(changes.heads[0].bits, expected, 1e-12);
  const at::Tensor c = at::tensor({.5, .5, .5, .5}, at::kDouble).view({2, 2});
  const at::Tensor d = at::tensor({.6, .4, .5, .5}, at::kDouble).view({2, 2});
  // Where the first query sees all keys, its row counts as the others do.
  const double of_row = (0.5 * std::log2(.5 / .55) + 0.5 * std::log2(.5 / .45) +
                         0.6 * std::log2(.6 / .55) + 0.4 * std::log2(.4 / .45)) /
                        2;
  const double bits = compare_attention(record_of({{c}}), record_of({{d}})).heads[0].bits;
  EXPECT_NEAR(bits, of_row / 2, 1e-7);
}

TEST(Changes, TheDivergenceOfASmallChangeIsNotLostInRounding) {
  // To second order d^2 / (2 ln 2) for [1/2 + d, 1/2 - d] beside [1/2, 1/2].
  const double d = 1e-5;
  const at::Tensor a = at::tensor({1., 0., .5, .5}, at::kDouble).view({2, 2});
  const at::Tensor b = at::tensor({1., 0., .5 + d, .5 - d}, at::kDouble).view({2, 2});
  const auto changes = compare_attention(record_of({{a}}), record_of({{b}}));
  EXPECT_NEAR(changes.heads[0].bits / (d * d / (2 * std::log(2))), 1, 0.01);
}

TEST(Changes, EachMeasureHasAToleranceOfItsOwn) {
  const auto before = record_of({{uniform(9)}});
  const auto after = record_of({{nudged(uniform(9), 0.05)}});
  const auto is_changed = [&](const Tolerance& tolerance) {
    return compare_attention(before, after, tolerance).is_changed();
  };
  const HeadChange head = compare_attention(before, after).heads[0];
  const ScoreChange& score = head.scores[0];
  const double moved = std::abs(score.after - score.before) / std::max(1., score.before);
  const Tolerance enough{head.largest, head.bits, moved};
  EXPECT_FALSE(is_changed(enough));
  EXPECT_TRUE(is_changed({0.999 * enough.pattern, enough.divergence, enough.score}));
  EXPECT_TRUE(is_changed({enough.pattern, 0.999 * enough.divergence, enough.score}));
  EXPECT_TRUE(is_changed({enough.pattern, enough.divergence, 0.999 * enough.score}));
}

TEST(Changes, AHeadMayHaveAToleranceOfItsOwn) {
  const auto before = record_of({{uniform(9), uniform(9)}});
  const auto after = record_of({{nudged(uniform(9), 0.05), nudged(uniform(9), 0.05)}});
  const auto changes = compare_attention(before, after, [](HeadId head) {
    return head.head == 0 ? Tolerance{1, 1, 1} : float64_tolerance;
  });
  EXPECT_FALSE(changes.heads[0].is_changed());
  EXPECT_TRUE(changes.heads[1].is_changed());
}

TEST(Changes, ALabelAloneIsNoChange) {
  AttentionRecord before = record_of({{decay(9)}}), after = before;
  after.heads[0].labels = {"broad"};
  EXPECT_FALSE(compare_attention(before, after).is_changed());
}

TEST(Changes, TwoHeadsThatChangedPlacesAreNamed) {
  const auto before = record_of({{decay(9), sink(9), offset(9, 1)}});
  const auto after = record_of({{offset(9, 1), sink(9), decay(9)}});
  const auto changes = compare_attention(before, after);
  EXPECT_EQ(changes.heads[0].now_as, (HeadId{0, 2}));
  EXPECT_EQ(changes.heads[1].now_as, std::nullopt);
  EXPECT_EQ(changes.heads[2].now_as, (HeadId{0, 0}));
  EXPECT_NE(sentence(changes.heads[0]).find("L0H0: has the pattern that L0H2 had; was"),
            std::string::npos);
}

TEST(Changes, OtherTokensComeBeforeAllElse) {
  const auto before = record_of({{decay(9)}});
  AttentionRecord after = before;
  after.ids[4] = 17;
  EXPECT_EQ(compare_attention(before, after).first_other_token, 4U);
  EXPECT_TRUE(compare_attention(before, after).heads.empty());
  EXPECT_TRUE(compare_attention(before, after).is_changed());
  EXPECT_EQ(compare_attention(before, record_of({{decay(7)}})).first_other_token, 7U);
}

TEST(Changes, AnotherArchitectureIsSaid) {
  const auto two = record_of({{decay(9), sink(9)}});
  EXPECT_TRUE(compare_attention(two, record_of({{decay(9)}})).is_other_architecture);
  EXPECT_TRUE(
      compare_attention(two, record_of({{decay(9), sink(9)}, {sink(9)}})).is_other_architecture);
}

TEST(Changes, PrunedHeadsAreGoneAndTheOthersKeepTheirNames) {
  const auto whole = record_of({{decay(9), sink(9), uniform(9)}});
  const auto pruned = record_of({{decay(9), nudged(uniform(9), 0.05)}}, {{0, 2}});
  const auto changes = compare_attention(whole, pruned);
  EXPECT_EQ(changes.gone, std::vector<HeadId>({{0, 1}}));
  EXPECT_FALSE(changes.heads[0].is_changed());
  EXPECT_EQ(changes.heads[1].id, (HeadId{0, 2}));
  EXPECT_NEAR(changes.heads[1].largest, 0.05, 1e-7);
  EXPECT_EQ(compare_attention(pruned, whole).added, std::vector<HeadId>({{0, 1}}));
}

TEST(Changes, WhatWasKeptWholeIsCondensedToBeCompared) {
  const auto condensed = record_of({{decay(64)}}, {}, 16), whole = record_of({{decay(64)}}, {}, 0);
  EXPECT_FALSE(compare_attention(condensed, whole, Tolerance{}).is_changed());
  EXPECT_FALSE(compare_attention(whole, condensed, Tolerance{}).is_changed());
  EXPECT_THROW((void)compare_attention(condensed, record_of({{decay(64)}}, {}, 8)), ShapeError);
}

TEST(ChangeWords, SayTheScoreThatMovedMostAndTheLabelsAndTheWeights) {
  const auto before = record_of({{mix(offset(24, 1), uniform(24), 0.05)}});
  const auto after = record_of({{mix(offset(24, 1), uniform(24), 0.95)}});
  const std::string words = sentence(compare_attention(before, after).heads[0]);
  EXPECT_EQ(words.rfind("L0H0: ", 0), 0U) << words;
  EXPECT_NE(words.find("was previous-token, now "), std::string::npos) << words;
  EXPECT_NE(words.find("; weights by up to 0.8"), std::string::npos) << words;
}

TEST(ChangeWords, ASmallChangeIsWrittenWithTheDecimalsThatItTakes) {
  const auto before = record_of({{uniform(9)}});
  const auto after = record_of({{nudged(uniform(9), 4e-6)}});
  const std::string words = sentence(compare_attention(before, after).heads[0]);
  EXPECT_NE(words.find("last-keys 0.986111 -> 0.986112; "), std::string::npos) << words;
  EXPECT_NE(words.find("weights by up to 4e-06"), std::string::npos) << words;
}

TEST(ChangeWords, AFewHeadsOfALayerChangedByThemselves) {
  const auto layer = std::vector<at::Tensor>{decay(9), sink(9), uniform(9), window(9, 3)};
  std::vector<at::Tensor> one = layer, all;
  one[2] = nudged(one[2], 0.05);
  for (const at::Tensor& head : layer) all.push_back(nudged(head, 0.01));
  const auto before = record_of({layer, layer});
  EXPECT_EQ(where_it_began(compare_attention(before, record_of({layer, one}))),
            "beginning in layer 1, in L1H2 alone: its own queries or keys changed");
  EXPECT_EQ(where_it_began(compare_attention(before, record_of({one, all}))),
            "beginning in layer 0, in L0H2 alone: its own queries or keys changed");
  EXPECT_EQ(where_it_began(compare_attention(before, record_of({all, all}))),
            "beginning in layer 0, in every head: what it reads (embeddings, positions, a norm) "
            "changed");
  const std::string second = where_it_began(compare_attention(before, record_of({layer, all})));
  EXPECT_NE(second.find("beginning in layer 1, in every head: what it reads (values, outputs or "
                        "feed-forward of layer 0"),
            std::string::npos)
      << second;
}

}  // namespace
}  // namespace attnviz
