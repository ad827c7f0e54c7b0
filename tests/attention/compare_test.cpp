#include "attnviz/compare.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "attnviz/error.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

TEST(Divergences, OfEveryPairOfTheTable) {
  const std::int64_t n = 64;
  const Divergences found = divergences(at::stack(
      {uniform(n), offset(n, 1), offset(n, 0), first(n), sink(n), window(n, 4), decay(n)}));
  // By a program of its own in plain Python, to four decimals.
  const double kBits[7][7] = {
      {0, .8553, .8553, .8553, .6223, .6372, .5863}, {.8553, 0, 1, .9841, .9610, .5436, .5461},
      {.8553, 1, 0, 1, .9722, .5436, .3077},         {.8553, .9841, 1, 0, .0519, .9733, .9799},
      {.6223, .9610, .9722, .0519, 0, .9029, .8846}, {.6372, .5436, .5436, .9733, .9029, 0, .1171},
      {.5863, .5461, .3077, .9799, .8846, .1171, 0}};
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < 7; ++j) {
      EXPECT_NEAR(found.bits[i][j].item<double>(), kBits[i][j], 5.1e-5) << i << ' ' << j;
    }
  }
}

TEST(Divergences, OfTwoHeadsOnTheFirstTokenShowOnlyWithoutIt) {
  const std::int64_t n = 64;
  // 0.9 on the first token; what remains has nothing in common.
  const at::Tensor previous = mix(first(n), offset(n, 1), .1);
  const at::Tensor current = mix(first(n), offset(n, 0), .1);
  const Divergences found = divergences(at::stack({previous, current}));
  EXPECT_NEAR(found.bits[0][1].item<double>(), .0992, 5.1e-5);
  // At q = 1 the token before is the first one; from row 2 on they are disjoint.
  EXPECT_NEAR(found.bits_without_first[0][1].item<double>(), 1, 1e-9);
  EXPECT_TRUE(found.comparable[0][1].item<bool>());
}

TEST(Divergences, OfParkedHeadsAreNotComparableWithoutTheFirstToken) {
  const at::Tensor parked = mix(first(40), offset(40, 1), .02);
  const Divergences found = divergences(at::stack({parked, parked, offset(40, 1)}));
  EXPECT_FALSE(found.comparable[0][1].item<bool>());
  EXPECT_FALSE(found.comparable[0][2].item<bool>());
  EXPECT_TRUE(found.comparable[2][2].item<bool>());
  EXPECT_EQ(found.bits[0][1].item<double>(), 0);
}

TEST(Divergences, AreSymmetricAndWithinBounds) {
  const Divergences found =
      divergences(at::stack({random(30, 9, 1), random(30, 9, 2), random(30, 40, 3)}));
  EXPECT_TRUE(found.bits.equal(found.bits.t()));
  EXPECT_TRUE(found.bits.ge(0).all().item<bool>());
  EXPECT_TRUE(found.bits.le(1).all().item<bool>());
  EXPECT_NEAR(found.bits.diagonal().abs().max().item<double>(), 0, 1e-12);
  EXPECT_THROW((void)divergences(uniform(5)), ShapeError);
  EXPECT_THROW((void)divergences(uniform(2).unsqueeze(0)), ShapeError);
}

/// Shows the texts twice.
std::vector<std::optional<HeadVariation>> variation_of(const std::vector<AttentionPatterns>& texts,
                                                       std::int64_t n_rows) {
  Variation variation(n_rows);
  for (const AttentionPatterns& text : texts) EXPECT_TRUE(variation.add_to_mean(text));
  for (const AttentionPatterns& text : texts) EXPECT_TRUE(variation.add_deviation(text));
  return variation.result();
}

/// Row q all on a random one of its keys.
at::Tensor one_hot(std::int64_t n, unsigned seed) {
  const at::Tensor scores = random(n, 1, seed);
  return at::zeros_like(scores).scatter_(1, scores.argmax(1, true), 1);
}

TEST(Variation, OfTheSamePatternIsZero) {
  const auto found = variation_of(std::vector(9, layer({offset(20, 1), first(20)})), 16);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NEAR(found[0]->v, 0, 1e-9);
  EXPECT_NEAR(*found[0]->v_without_first, 0, 1e-9);
  EXPECT_FALSE(found[1]->v_without_first);  // nothing is left
  EXPECT_EQ(found[0]->n_texts, 9);
}

TEST(Variation, OfTwoKindsOfTextIsHalf) {
  std::vector<AttentionPatterns> texts;
  for (int i = 0; i < 10; ++i) texts.push_back(layer({i % 2 == 0 ? first(16) : offset(16, 0)}));
  const auto found = variation_of(texts, 16);
  // Each row but the first is half a unit away from the mean.
  EXPECT_NEAR(found[0]->v, .5 * 15 / 16, 1e-9);
  EXPECT_NEAR(found[0]->corrected, .5 * 15 / 16 * 10 / 9, 1e-9);
  // Without column 0: a deviation of 1/2 in every text, a mass of 1 in half of them.
  EXPECT_NEAR(*found[0]->v_without_first, .5, 1e-9);
}

TEST(Variation, OfRandomTargetsGrowsWithTheTexts) {
  // Expected: (1 - 1/n) (1 - Har(10)/10), .7071 for many texts.
  for (const auto& [n, expected] : {std::pair(8, .634), std::pair(16, .670), std::pair(32, .685)}) {
    std::vector<AttentionPatterns> texts;
    for (int i = 0; i < n; ++i) texts.push_back(layer({one_hot(10, 50 + i)}));
    const auto found = variation_of(texts, 10);
    EXPECT_NEAR(found[0]->v, expected, .03);
    EXPECT_LE(found[0]->v, 1 - 1.0 / n);
    EXPECT_LE(found[0]->ci->low, found[0]->v);
    EXPECT_GE(found[0]->ci->high, found[0]->v);
  }
}

TEST(Variation, AgreesWithTheFormula) {
  std::vector<AttentionPatterns> texts;
  std::vector<at::Tensor> rows;
  for (int i = 0; i < 12; ++i) {
    rows.push_back(random(20, 6, i).to(at::kFloat));
    texts.push_back(layer({random(20, 6, i)}));
  }
  const at::Tensor all = at::stack(rows).to(at::kDouble).narrow(1, 0, 16).narrow(2, 0, 16);
  const at::Tensor deviation = (all - all.mean(0, true)).abs();
  const auto found = variation_of(texts, 16);
  EXPECT_NEAR(found[0]->v, (deviation.sum() / (2 * all.sum())).item<double>(), 1e-7);
  EXPECT_NEAR(*found[0]->v_without_first,
              (deviation.narrow(2, 1, 15).sum() / (2 * all.narrow(2, 1, 15).sum())).item<double>(),
              1e-7);
}

TEST(Variation, DoesNotDependOnTheOrderOfTheTexts) {
  std::vector<AttentionPatterns> texts;
  for (int i = 0; i < 11; ++i) texts.push_back(layer({random(20, 6, i), one_hot(20, i)}));
  const auto one = variation_of(texts, 16);
  std::rotate(texts.begin(), texts.begin() + 4, texts.end());
  std::swap(texts[0], texts[5]);
  const auto other = variation_of(texts, 16);
  for (int head = 0; head < 2; ++head) {
    EXPECT_EQ(one[head]->v, other[head]->v);
    EXPECT_EQ(one[head]->ci->low, other[head]->ci->low);
    EXPECT_EQ(one[head]->ci->high, other[head]->ci->high);
    EXPECT_EQ(*one[head]->v_without_first, *other[head]->v_without_first);
  }
}

TEST(Variation, NeedsEightTextsThatAreLongEnough) {
  EXPECT_FALSE(variation_of(std::vector(7, layer({uniform(16)})), 16)[0]);
  Variation variation(16);
  EXPECT_FALSE(variation.add_to_mean(layer({uniform(15)})));
  EXPECT_TRUE(variation.add_to_mean(layer({uniform(40)})));
  EXPECT_THROW((void)variation.result(), UsageError);  // there was no second pass
  EXPECT_THROW((void)variation.add_to_mean(layer({uniform(16), uniform(16)})), ShapeError);
  EXPECT_THROW((void)Variation().add_deviation(layer({uniform(16)})), UsageError);
}

}  // namespace
}  // namespace attnviz
