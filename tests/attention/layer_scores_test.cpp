#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

TEST(Offsets, OfAnExactHead) {
  const at::Tensor scores = offset_scores(offset(40, 3), 6), hits = offset_hits(offset(40, 3), 6);
  for (std::int64_t d = 0; d <= 6; ++d) {
    // Rows 1 and 2 have nothing 3 back and rest on the first token, 1 and 2 back.
    const double expected = d == 3 ? 1 : d == 1 ? 1.0 / 39 : d == 2 ? 1.0 / 38 : 0;
    EXPECT_DOUBLE_EQ(scores[d].item<double>(), expected) << d;
    EXPECT_DOUBLE_EQ(hits[d].item<double>(), expected) << d;
  }
}

TEST(Offsets, OfEqualWeightsTheNearestCounts) {
  const at::Tensor hits = offset_hits(window(20, 4), 4);
  EXPECT_DOUBLE_EQ(hits[0].item<double>(), 1);
  EXPECT_DOUBLE_EQ(hits.sum().item<double>(), 1);
}

TEST(Offsets, ThatATextDoesNotHaveAreRefused) {
  EXPECT_THROW((void)offset_scores(uniform(5), 5), ShapeError);
  EXPECT_THROW((void)offset_hits(uniform(5), -1), ShapeError);
}

TEST(Span, IsTheFewestKeysWithNineTenths) {
  EXPECT_DOUBLE_EQ(attention_span(offset(64, 0)).item<double>(), 1);
  EXPECT_DOUBLE_EQ(attention_span(offset(64, 1)).item<double>(), 2);
  EXPECT_DOUBLE_EQ(attention_span(window(64, 4)).item<double>(), 4);
  EXPECT_DOUBLE_EQ(attention_span(window(64, 4), 0.5).item<double>(), 2);
  // 0.9 exactly on the token before.
  EXPECT_DOUBLE_EQ(attention_span(mix(offset(64, 1), first(64), .1).to(at::kFloat)).item<double>(),
                   2);
}

TEST(DuplicateToken, AddsUpAllEarlierOccurrences) {
  const TokenIds ids = {1, 2, 1, 3, 1};  // rows 2 and 4 are eligible
  EXPECT_NEAR(duplicate_token_score(uniform(5), ids).item<double>(), (1. / 3 + 2. / 5) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(duplicate_token_score(offset(5, 2), ids).item<double>(), 1);
  EXPECT_DOUBLE_EQ(duplicate_token_score(offset(5, 0), ids).item<double>(), 0);
  EXPECT_THROW((void)duplicate_token_score(uniform(3), different(3)), ShapeError);
}

TEST(LayerScores, SayHowManyRowsRepeat) {
  const TokenIds ids = {1, 2, 1, 1, 5};
  const LayerScores scores = score_layer(uniform(5).unsqueeze(0), ids);
  EXPECT_EQ(scores.n_repeats, 2);   // rows 2 and 3
  EXPECT_EQ(scores.n_prefixes, 2);  // after 0 comes 1; row 2's own successor is row 3 itself
  EXPECT_NEAR(*scores[Score::duplicate_on_text].chance, (1. / 3 + 2. / 4) / 2, 1e-12);
  EXPECT_NEAR(*scores[Score::duplicate_on_text].values[0], (1. / 3 + 2. / 4) / 2, 1e-12);
}

TEST(LayerScores, WithoutRepeatsSayNothingAboutRepeats) {
  const LayerScores scores = score_layer(uniform(20).unsqueeze(0), different(20));
  EXPECT_EQ(scores.n_repeats, 0);
  EXPECT_FALSE(scores[Score::duplicate_on_text].values[0]);
  EXPECT_FALSE(scores[Score::induction_on_text].chance);
}

TEST(LayerScores, OfOneTokenAreNone) {
  const LayerScores scores = score_layer(at::ones({3, 1, 1}), TokenIds{5});
  for (const HeadValues& score : scores.scores) {
    ASSERT_EQ(score.values.size(), 3U);
    for (const auto& value : score.values) EXPECT_FALSE(value.has_value());
    EXPECT_FALSE(score.chance.has_value());
  }
  EXPECT_FALSE(scores.offsets.defined());
}

TEST(LayerScores, OfTwoTokensAreThoseOfRowOne) {
  const LayerScores scores = score_layer(offset(2, 1).unsqueeze(0), TokenIds{5, 5});
  EXPECT_DOUBLE_EQ(*scores[Score::previous_token].values[0], 1);
  EXPECT_DOUBLE_EQ(*scores[Score::duplicate_on_text].values[0], 1);
  EXPECT_DOUBLE_EQ(*scores[Score::entropy].values[0], 0);
  EXPECT_FALSE(scores[Score::entropy_without_first].values[0]);
  EXPECT_FALSE(scores[Score::confidence_without_first].values[0]);
  EXPECT_FALSE(scores[Score::position_share].values[0]);
  EXPECT_FALSE(scores[Score::induction_on_text].values[0]);
}

TEST(LayerScores, ZeroWeightsAreExact) {
  const LayerScores scores = score_layer(
      at::stack({first(32), offset(32, 1), offset(32, 0)}).to(at::kFloat), different(32));
  for (std::size_t head = 0; head < 3; ++head) {
    EXPECT_EQ(*scores[Score::entropy].values[head], 0);
    EXPECT_EQ(*scores[Score::normalised_entropy].values[head], 0);
  }
  // All on the first token: nothing is left to have an entropy.
  EXPECT_FALSE(scores[Score::entropy_without_first].values[0]);
  EXPECT_FALSE(scores[Score::mean_distance_without_first].values[0]);
  EXPECT_EQ(*scores[Score::entropy_without_first].values[1], 0);
  EXPECT_EQ(scores.rows_without_first, (std::vector<std::int64_t>{0, 30, 30}));
}

TEST(LayerScores, AreTheSameAsOneByOne) {
  const at::Tensor heads = at::stack({random(50, 3, 1), random(50, 20, 2), sink(50)});
  TokenIds ids = different(50);
  for (std::size_t i = 0; i < ids.size(); i += 4) ids[i] = 7;
  const LayerScores scores = score_layer(heads, ids);
  const std::pair<Score, at::Tensor> kSame[] = {
      {Score::previous_token, previous_token_score(heads)},
      {Score::current_token, current_token_score(heads)},
      {Score::first_token, first_token_score(heads)},
      {Score::duplicate_on_text, duplicate_token_score(heads, ids)},
      {Score::induction_on_text, induction_score(heads, ids)},
      {Score::entropy_without_first, entropies(heads).without_first},
      {Score::confidence_without_first, confidence_without_first(heads)},
      {Score::span, attention_span(heads)},
      {Score::position_share, largest_position_share(heads).share}};
  for (const auto& [score, values] : kSame) {
    for (std::int64_t head = 0; head < 3; ++head) {
      EXPECT_NEAR(*scores[score].values[head], values[head].item<double>(), 1e-12);
    }
  }
}

TEST(LayerScores, RefuseWhatDoesNotBelongTogether) {
  EXPECT_THROW((void)score_layer(uniform(5), different(5)), ShapeError);
  EXPECT_THROW((void)score_layer(uniform(5).unsqueeze(0), different(4)), ShapeError);
  EXPECT_THROW((void)score_layer(uniform(5).unsqueeze(0), different(5), {.last_keys = 0}),
               ShapeError);
}

TEST(ScoreTable, IsInTheOrderOfTheScores) {
  for (std::size_t i = 0; i < kScores; ++i) {
    EXPECT_EQ(static_cast<std::size_t>(score_table()[i].score), i);
  }
}

// Fifty tokens twice, after a token of their own.
TokenIds repeated() {
  TokenIds ids = {0};
  for (int copy = 0; copy < 2; ++copy) {
    for (int i = 0; i < 50; ++i) ids.push_back(1000 + i * 7);
  }
  return ids;
}

TEST(DetectHead, OfAPerfectInductionHeadIsNotOne) {
  const TokenIds ids = repeated();
  const at::Tensor heads = induction(ids).unsqueeze(0);
  const auto detect = [&](DetectedHead kind, DetectMeasure measure, DetectOptions options = {}) {
    return *detect_head(heads, ids, kind, measure, options)[0];
  };
  EXPECT_NEAR(detect(DetectedHead::induction, DetectMeasure::mul), 50. / 101, 1e-6);  // .49505
  EXPECT_NEAR(detect(DetectedHead::duplicate_token, DetectMeasure::mul), 0, 1e-12);
  // Row 0 .. 50 rest on the first token, which exclude_bos leaves out.
  EXPECT_NEAR(detect(DetectedHead::induction, DetectMeasure::mul, {.exclude_bos = true}), 1, 1e-9);
  EXPECT_NEAR(detect(DetectedHead::induction, DetectMeasure::abs), 1 - .505, 1e-9);  // 51/101
  EXPECT_NEAR(detect(DetectedHead::induction, DetectMeasure::abs, {.exclude_bos = true}), 1, 1e-9);
}

TEST(DetectHead, WithoutRepeatsIsZeroByAbs) {
  const auto score = detect_head(random(20, 2, 3).unsqueeze(0), different(20),
                                 DetectedHead::duplicate_token, DetectMeasure::abs);
  EXPECT_DOUBLE_EQ(*score[0], 0);
}

TEST(DetectHead, AgreesWithPlainTensors) {
  const std::int64_t n = 24;
  TokenIds ids = different(n);
  for (std::size_t i = 0; i < ids.size(); i += 3) ids[i] = 7;
  ids[7] = 7;  // twice in a row: its successor is on the diagonal
  const at::Tensor id = at::tensor(ids, at::kLong);
  const at::Tensor duplicate = id.unsqueeze(1).eq(id.unsqueeze(0)).to(at::kDouble).tril(-1);
  const at::Tensor shifted = at::constant_pad_nd(id.unsqueeze(1)
                                                     .eq(id.unsqueeze(0))
                                                     .to(at::kDouble)
                                                     .fill_diagonal_(0)
                                                     .tril()
                                                     .narrow(1, 0, n - 1),
                                                 {1, 0}, 0);
  const std::pair<DetectedHead, at::Tensor> kKinds[] = {
      {DetectedHead::previous_token, at::eye(n, at::kDouble).roll(1, 0).tril(-1)},
      {DetectedHead::duplicate_token, duplicate},
      {DetectedHead::induction, shifted.tril()}};
  for (const auto& [kind, target] : kKinds) {
    for (const int bits : {0, 1, 2, 3}) {
      const DetectOptions options{(bits & 1) != 0, (bits & 2) != 0};
      at::Tensor pattern = random(n, 3, 11), difference = (pattern - target).abs();
      const auto exclude = [&](at::Tensor& cells) {
        if (options.exclude_bos) cells.select(1, 0).zero_();
        if (options.exclude_current_token) cells.fill_diagonal_(0);
      };
      const at::Tensor heads = pattern.clone().unsqueeze(0);
      exclude(pattern);
      exclude(difference);
      EXPECT_NEAR(*detect_head(heads, ids, kind, DetectMeasure::mul, options)[0],
                  ((pattern * target).sum() / pattern.sum()).item<double>(), 1e-9);
      EXPECT_NEAR(*detect_head(heads, ids, kind, DetectMeasure::abs, options)[0],
                  1 - difference.sum().item<double>() / n, 5.1e-4);  // rounded to 3 places
    }
  }
}

TEST(DetectHead, WithNothingLeftIsNotScored) {
  EXPECT_FALSE(detect_head(first(9).unsqueeze(0), different(9), DetectedHead::previous_token,
                           DetectMeasure::mul, {.exclude_bos = true})[0]);
}

}  // namespace
}  // namespace attnviz
