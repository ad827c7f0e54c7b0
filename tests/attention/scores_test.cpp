#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

TEST(Scores, OfExactHeadsAreOneAndZero) {
  EXPECT_DOUBLE_EQ(previous_token_score(offset(20, 1)).item<double>(), 1);
  EXPECT_DOUBLE_EQ(current_token_score(offset(20, 1)).item<double>(), 0);
  EXPECT_DOUBLE_EQ(current_token_score(offset(20, 0)).item<double>(), 1);
  EXPECT_DOUBLE_EQ(first_token_score(offset(20, 20)).item<double>(), 1);
  EXPECT_DOUBLE_EQ(first_token_score(offset(20, 0)).item<double>(), 0);
}

TEST(Scores, RowZeroIsNeverCounted) {
  const at::Tensor pattern = at::tensor({1.0, 0.0, 0.5, 0.5}).view({2, 2});
  EXPECT_DOUBLE_EQ(previous_token_score(pattern).item<double>(), 0.5);
  EXPECT_DOUBLE_EQ(current_token_score(pattern).item<double>(), 0.5);
  EXPECT_DOUBLE_EQ(first_token_score(pattern).item<double>(), 0.5);
}

TEST(Scores, OfAUniformHeadAreTheChanceLevel) {
  // (Har(T) - 1) / (T - 1), computed by hand to four places.
  const std::pair<std::int64_t, double> kChance[] = {
      {16, .1587}, {32, .0987}, {64, .0594}, {128, .0349}, {256, .0201}};
  for (const auto& [n, chance] : kChance) {
    EXPECT_NEAR(previous_token_score(uniform(n)).item<double>(), chance, 5e-5);
    EXPECT_NEAR(current_token_score(uniform(n)).item<double>(), chance, 5e-5);
    EXPECT_NEAR(first_token_score(uniform(n)).item<double>(), chance, 5e-5);
  }
}

TEST(Scores, KeepTheLeadingAxes) {
  const at::Tensor heads = at::stack({offset(6, 1), offset(6, 0), uniform(6)});  // [head, q, k]
  EXPECT_EQ(previous_token_score(heads).sizes(), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(first_token_score(heads.unsqueeze(0)).sizes(), (std::vector<std::int64_t>{1, 3}));
  EXPECT_DOUBLE_EQ(previous_token_score(heads)[0].item<double>(), 1);
  EXPECT_DOUBLE_EQ(previous_token_score(heads)[1].item<double>(), 0);
}

TEST(InductionScore, OfAPerfectHeadIsOne) {
  // A block of five and its repeat: from row 5 on, the target is four back.
  const TokenIds ids = {11, 12, 13, 14, 15, 11, 12, 13, 14, 15};
  EXPECT_DOUBLE_EQ(induction_score(offset(10, 4), ids).item<double>(), 1);
  EXPECT_DOUBLE_EQ(induction_score(offset(10, 5), ids).item<double>(), 0);  // duplicate-token
  EXPECT_DOUBLE_EQ(induction_score(offset(10, 6), ids).item<double>(), 0);  // the wrong direction
}

TEST(InductionScore, AddsUpAllEarlierTargets) {
  // Token 1 at 0, 2 and 4; at row 4 the targets are 1 and 3. Row 2's only target is 1.
  const TokenIds ids = {1, 2, 1, 3, 1};
  at::Tensor pattern = uniform(5);
  const double row_2 = 1.0 / 3, row_4 = 2.0 / 5;
  EXPECT_NEAR(induction_score(pattern, ids).item<double>(), (row_2 + row_4) / 2, 1e-12);
}

TEST(InductionScore, TheTokenItselfIsNoTarget) {
  // Of a token repeated at once, the one after the earlier occurrence is the query itself.
  EXPECT_THROW((void)induction_score(uniform(2), TokenIds{7, 7}), ShapeError);
  EXPECT_NEAR(induction_score(uniform(3), TokenIds{7, 7, 7}).item<double>(), 1.0 / 3, 1e-12);
}

TEST(Scores, RefuseOtherShapes) {
  EXPECT_THROW((void)previous_token_score(at::ones({2, 3})), ShapeError);
  EXPECT_THROW((void)first_token_score(at::ones({1, 1})), ShapeError);
  EXPECT_THROW((void)induction_score(uniform(3), TokenIds{1, 2}), ShapeError);
}

TEST(CheckPatterns, TakesGoodOnesAndSeesThatTheyAreCausal) {
  const AttentionPatterns patterns =
      check_patterns({uniform(4).unsqueeze(0), offset(4, 1).unsqueeze(0)});
  EXPECT_TRUE(patterns.causal);
  EXPECT_EQ(patterns.layers[0].scalar_type(), at::kFloat);
  EXPECT_EQ(patterns.n_layers(), 2);
  EXPECT_EQ(patterns.n_positions(), 4);
  EXPECT_FALSE(check_patterns({at::full({1, 4, 4}, 0.25)}).causal);
}

TEST(CheckPatterns, RefusesWhatIsNoAttention) {
  EXPECT_THROW((void)check_patterns({}), ShapeError);
  EXPECT_THROW((void)check_patterns({uniform(4)}), ShapeError);                     // no heads
  EXPECT_THROW((void)check_patterns({uniform(4).unsqueeze(0) * 0.9}), ShapeError);  // sums
  EXPECT_THROW((void)check_patterns({at::full({1, 2, 2}, NAN)}), ShapeError);
  EXPECT_THROW((void)check_patterns({uniform(4).unsqueeze(0), uniform(5).unsqueeze(0)}),
               ShapeError);
}

TEST(HeadId, PrintsAsLayerAndHead) {
  EXPECT_EQ(to_string(HeadId{5, 1}), "L5H1");
}

}  // namespace
}  // namespace attnviz
