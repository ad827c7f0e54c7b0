#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "attnviz/relations.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

constexpr std::int64_t kRows = 16;

struct Text {
  AttentionPatterns patterns;
  TokenIds ids;
};

/// 60 tokens in 3 groups, token i in group i % 3; those of a group are alike, each a little its
/// own.
at::Tensor three_groups() {
  at::Tensor table = at::full({60, 8}, 5.0);  // what all have in common says nothing
  for (std::int64_t token = 0; token < 60; ++token) {
    table[token][token % 3] += 1;
    table[token][3 + token % 5] += 0.1;
  }
  return table.to(at::kFloat);
}

TokenIds random_ids(unsigned seed, std::int64_t n = kRows) {
  unsigned state = seed * 2654435761U + 99;
  TokenIds ids;
  for (std::int64_t i = 0; i < n; ++i) {
    state = state * 1664525U + 1013904223U;
    ids.push_back((state >> 8) % 60);
  }
  return ids;
}

/// 0.1 on the first token, the rest evenly on the keys that are of the query's group, or are not.
at::Tensor by_group(const TokenIds& ids, bool same) {
  return causal(std::int64_t(ids.size()), [&](auto q, auto k) {
    if (k == 0) return 0.1;
    return k < q && (ids[q] % 3 == ids[k] % 3) == same ? 0.9 : 0.0;
  });
}

std::vector<std::optional<HeadSimilarity>> similarity_of(const std::vector<Text>& texts,
                                                         const at::Tensor& embeddings) {
  SimilarityStatistics similarity(embeddings, kRows);
  for (const Text& text : texts) EXPECT_TRUE(similarity.add_to_mean(text.patterns));
  for (const Text& text : texts) EXPECT_TRUE(similarity.add_deviation(text.patterns, text.ids));
  return similarity.result();
}

/// heads(ids, i): the heads' patterns on text i.
template <typename Heads>
std::vector<Text> texts_of(int n, Heads heads) {
  std::vector<Text> texts;
  for (int i = 0; i < n; ++i) {
    const TokenIds ids = random_ids(i);
    texts.push_back({layer(heads(ids, i)), ids});
  }
  return texts;
}

TEST(Similarity, OfAHeadThatAttendsToItsGroupPasses) {
  const auto found =
      similarity_of(texts_of(16,
                             [](const TokenIds& ids, int i) {
                               return std::vector{by_group(ids, true), by_group(ids, false),
                                                  random(kRows, 5, 700 + i)};
                             }),
                    three_groups());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_GT(found[0]->difference, 0.1);
  EXPECT_GT(*found[0]->z, 3);
  EXPECT_TRUE(found[0]->passes());
  EXPECT_TRUE(found[0]->passes(found[0]->ci->low - 1e-6));
  EXPECT_FALSE(found[0]->passes(found[0]->ci->low + 1e-6));
  EXPECT_EQ(found[0]->n_texts, 16);
  EXPECT_LT(found[1]->difference, 0);
  EXPECT_FALSE(found[1]->passes(0));
  EXPECT_FALSE(found[2]->passes(0));  // depends on the text, but not on what is in it
  EXPECT_LT(std::abs(*found[2]->z), 3);
}

TEST(Similarity, OfAPatternThatIsTheSameOnAllTextsIsExactlyZero) {
  const auto found = similarity_of(
      texts_of(13,
               [](const TokenIds&, int) {
                 return std::vector{offset(kRows, 1), uniform(kRows), random(kRows, 30, 3)};
               }),
      three_groups());
  for (const auto& head : found) {
    EXPECT_EQ(head->difference, 0);
    EXPECT_EQ(head->z, std::nullopt);
    EXPECT_FALSE(head->passes(0));
  }
}

TEST(Similarity, LeavesOutTheFirstKeyAndTheSameToken) {
  // Only where it rests on the first token, the query itself or its duplicate does the head differ.
  const auto twice = [](int i) {
    TokenIds ids = random_ids(i, 8);
    for (std::int64_t j = 0; j < 8; ++j) ids.push_back(ids[j]);
    return ids;
  };
  std::vector<Text> texts;
  for (int i = 0; i < 12; ++i) {
    const TokenIds ids = twice(i);
    const at::Tensor kinds[] = {first(kRows), offset(kRows, 0),
                                mix(first(kRows), offset(kRows, 8), .5)};
    texts.push_back({layer({kinds[i % 3]}), ids});
  }
  const auto found = similarity_of(texts, three_groups());
  EXPECT_EQ(found[0]->difference, 0);
}

TEST(Similarity, AgreesWithTheFormula) {
  const auto texts = texts_of(10, [](const TokenIds& ids, int i) {
    return std::vector{mix(random(kRows, 6, i), by_group(ids, true), .3)};
  });
  const at::Tensor table = three_groups().to(at::kDouble);
  const at::Tensor centred = table - table.mean(0);
  at::Tensor mean = at::zeros({kRows, kRows}, at::kDouble);
  for (const Text& text : texts) mean += text.patterns.layers[0][0].to(at::kDouble) / 10;
  std::vector<double> of_texts;
  for (const Text& text : texts) {
    double sum = 0;
    for (std::int64_t q = 1; q < kRows; ++q) {
      for (std::int64_t k = 1; k < q; ++k) {
        if (text.ids[q] == text.ids[k]) continue;
        const at::Tensor a = centred[text.ids[q]], b = centred[text.ids[k]];
        sum += (text.patterns.layers[0][0][q][k].item<double>() - mean[q][k].item<double>()) *
               (a.dot(b) / (a.norm() * b.norm())).item<double>();
      }
    }
    of_texts.push_back(sum / (kRows - 1));
  }
  const at::Tensor values = at::tensor(of_texts, at::kDouble);
  const auto found = similarity_of(texts, three_groups());
  EXPECT_NEAR(found[0]->difference, values.mean().item<double>(), 1e-7);
  EXPECT_NEAR(*found[0]->z,
              values.mean().item<double>() / (values.std().item<double>() / std::sqrt(10.)), 1e-4);
  EXPECT_LE(found[0]->ci->low, found[0]->difference);
  EXPECT_GE(found[0]->ci->high, found[0]->difference);
}

TEST(Similarity, DoesNotDependOnTheOrderOfTheTexts) {
  auto texts = texts_of(11, [](const TokenIds& ids, int i) {
    return std::vector{random(kRows, 6, i), by_group(ids, true)};
  });
  const auto one = similarity_of(texts, three_groups());
  std::rotate(texts.begin(), texts.begin() + 4, texts.end());
  std::swap(texts[0], texts[5]);
  const auto other = similarity_of(texts, three_groups());
  for (int head = 0; head < 2; ++head) {
    EXPECT_EQ(one[head]->difference, other[head]->difference);
    EXPECT_EQ(one[head]->z, other[head]->z);
    EXPECT_EQ(one[head]->ci->low, other[head]->ci->low);
    EXPECT_EQ(one[head]->ci->high, other[head]->ci->high);
  }
}

TEST(Similarity, NeedsEightTextsOfSixteenTokens) {
  const auto heads = [](const TokenIds& ids, int) { return std::vector{by_group(ids, true)}; };
  EXPECT_FALSE(similarity_of(texts_of(7, heads), three_groups())[0]);
  EXPECT_TRUE(similarity_of(texts_of(8, heads), three_groups())[0]);
  SimilarityStatistics similarity(three_groups());
  EXPECT_FALSE(similarity.add_to_mean(layer({uniform(15)})));
  EXPECT_TRUE(similarity.result().empty());
}

TEST(Similarity, CountsTheFirstRowsOfALongerText) {
  const auto heads = [](const TokenIds& ids, int) { return std::vector{by_group(ids, true)}; };
  std::vector<Text> texts = texts_of(9, heads);
  const auto one = similarity_of(texts, three_groups());
  for (int i = 0; i < 9; ++i) {
    texts[i].ids.insert(texts[i].ids.end(), {1, 2, 3});
    texts[i].patterns = layer({by_group(texts[i].ids, true)});
  }
  EXPECT_EQ(one[0]->difference, similarity_of(texts, three_groups())[0]->difference);
}

TEST(Similarity, RefusesWhatDoesNotBelongTogether) {
  EXPECT_THROW(SimilarityStatistics(at::ones({4})), ShapeError);
  EXPECT_THROW(SimilarityStatistics(at::ones({4, 4}, at::kLong)), ShapeError);
  EXPECT_THROW(SimilarityStatistics(at::ones({4, 4}), 2), UsageError);
  SimilarityStatistics similarity(three_groups());
  TokenIds ids = random_ids(1);
  EXPECT_THROW(similarity.add_deviation(layer({uniform(kRows)}), ids), UsageError);
  similarity.add_to_mean(layer({uniform(kRows)}));
  EXPECT_THROW((void)similarity.result(), UsageError);
  EXPECT_THROW(similarity.add_to_mean(layer({uniform(kRows), uniform(kRows)})), ShapeError);
  EXPECT_THROW(similarity.add_deviation(layer({uniform(kRows + 1)}), ids), ShapeError);
  AttentionPatterns both_ways = layer({uniform(kRows)});
  both_ways.causal = false;
  EXPECT_THROW(similarity.add_to_mean(both_ways), ShapeError);
  ids[4] = 60;
  EXPECT_THROW(similarity.add_deviation(layer({uniform(kRows)}), ids), VocabularyError);
}

TEST(Similarity, IsSaidInASentence) {
  HeadSimilarity found{0.041, 5.12, Interval{0.02, 0.06}, 16};
  EXPECT_EQ(sentence({2, 1}, found),
            "L2H1 attends to tokens with similar embeddings more than its mean pattern would "
            "(difference +0.04, z 5.1, 16 texts; what content: not established)");
  found.difference = -0.0023;
  EXPECT_EQ(sentence({2, 1}, found),
            "L2H1 attends to tokens with similar embeddings less than its mean pattern would "
            "(difference -0.002, z 5.1, 16 texts; what content: not established)");
}

}  // namespace
}  // namespace attnviz
