#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "attnviz/error.h"
#include "attnviz/head_statistics.h"
#include "exact_report.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

struct Text {
  AttentionPatterns patterns;
  TokenIds ids;
};

/// A text of n tokens, some repeated, with four heads in two layers.
Text text_of(std::int64_t n, unsigned seed) {
  TokenIds ids = different(n);
  for (std::size_t i = seed % 5; i < ids.size(); i += 3) ids[i] = 7;
  AttentionPatterns patterns{
      {at::stack({random(n, 3, seed), random(n, 20, seed + 100)}).to(at::kFloat),
       at::stack({mix(offset(n, 1), random(n, 5, seed), .1 + .01 * seed), sink(n)})
           .to(at::kFloat)}};
  return {patterns, ids};
}

TEST(HeadStatistics, DoNotDependOnTheOrderOfTheTexts) {
  std::vector<Text> texts;
  for (unsigned i = 0; i < 9; ++i) texts.push_back(text_of(20 + 7 * i, i));
  const auto report_of = [&] {
    HeadStatistics statistics;
    for (const Text& text : texts) statistics.add_text(text.patterns, text.ids);
    return exact(statistics.report());
  };
  const std::string report = report_of();
  EXPECT_GT(report.size(), 2000U);
  std::reverse(texts.begin(), texts.end());
  EXPECT_EQ(report_of(), report);
  std::swap(texts[1], texts[6]);
  std::rotate(texts.begin(), texts.begin() + 3, texts.end());
  EXPECT_EQ(report_of(), report);
}

TEST(HeadStatistics, AreMeansOverTextsEachCountingTheSame) {
  HeadStatistics statistics;
  // 1 on a text of 20 tokens, 1/99 on one of 100.
  statistics.add_text(layer({offset(20, 1)}), different(20));
  statistics.add_text(layer({first(100)}), different(100));
  const HeadReport report = statistics.report();
  const Statistic& previous = *report.heads[0][Score::previous_token];
  const double a = 1, b = 1.0 / 99;
  EXPECT_NEAR(previous.mean, (a + b) / 2, 1e-7);
  EXPECT_NEAR(*previous.sd, (a - b) / std::sqrt(2.0), 1e-7);
  EXPECT_EQ(previous.n_texts, 2);
  const double chance =
      (*chance_level(Score::previous_token, 20) + *chance_level(Score::previous_token, 100)) / 2;
  EXPECT_NEAR(*previous.chance, chance, 1e-9);
  EXPECT_NEAR(*previous.excess, (previous.mean - chance) / (1 - chance), 1e-9);
  EXPECT_NEAR(previous.ci->low, b, 1e-7);  // of two texts, one drawn twice
  EXPECT_NEAR(previous.ci->high, a, 1e-7);
  EXPECT_EQ(report.shortest, 20);
  EXPECT_EQ(report.longest, 100);
  EXPECT_EQ(report.heads[0].rows_without_first, 18);  // none of the second text
  EXPECT_FALSE(report.heads[0][Score::normalised_entropy]->excess);
}

TEST(HeadStatistics, IntervalsHaveTheWidthOfTheStandardError) {
  HeadStatistics statistics;
  double sum = 0, squares = 0;
  for (int i = 0; i < 40; ++i) {
    const double share = .3 + .01 * i;
    sum += share;
    squares += share * share;
    statistics.add_text(layer({mix(first(600), offset(600, 1), share)}), different(600));
  }
  const HeadReport report = statistics.report();
  const Statistic& previous = *report.heads[0][Score::previous_token];
  const double error = std::sqrt((squares / 40 - sum / 40 * sum / 40) / 40);
  EXPECT_NEAR(previous.ci->high - previous.ci->low, 2 * 1.96 * error, .2 * error);
  EXPECT_NEAR(previous.ci->low, previous.mean - 1.96 * error, .3 * error);
}

TEST(HeadStatistics, OfOneTextHaveNoInterval) {
  HeadStatistics statistics;
  statistics.add_text(layer({offset(20, 1)}), different(20));
  const HeadReport report = statistics.report();
  const Statistic& previous = *report.heads[0][Score::previous_token];
  EXPECT_FALSE(previous.ci);
  EXPECT_FALSE(previous.sd);
  EXPECT_DOUBLE_EQ(previous.lower(), 1);
  ASSERT_FALSE(report.heads[0].labels.empty());
  EXPECT_NE(sentence(report.heads[0], report.heads[0].labels[0]).find("no interval"),
            std::string::npos);
}

TEST(HeadStatistics, LeaveShortTextsOutWhereThereAreLongOnes) {
  HeadStatistics statistics;
  statistics.add_text(layer({offset(15, 1)}), different(15));
  statistics.add_text(layer({at::ones({1, 1})}), different(1));
  HeadReport report = statistics.report();
  EXPECT_TRUE(report.too_short);
  EXPECT_TRUE(report.heads[0].labels.empty());
  EXPECT_TRUE(report.heads[0].flags.empty());
  EXPECT_EQ(report.heads[0][Score::previous_token]->n_texts, 1);  // that of one token has none
  EXPECT_EQ(report.n_texts, 2);

  statistics.add_text(layer({offset(16, 0)}), different(16));
  report = statistics.report();
  ASSERT_FALSE(report.too_short);
  EXPECT_EQ(report.n_texts, 1);
  EXPECT_EQ(report.n_short_texts, 2);
  EXPECT_DOUBLE_EQ(report.heads[0][Score::previous_token]->mean, 0);
  EXPECT_EQ(report.heads[0].labels[0].kind, LabelKind::current_token);
}

TEST(HeadStatistics, TakeLayersWithDifferentNumbersOfHeads) {
  HeadStatistics statistics;
  const at::Tensor one = uniform(20).unsqueeze(0),
                   three = at::stack({first(20), first(20), offset(20, 1)});
  statistics.add_text({{one, three}}, different(20));
  const HeadReport report = statistics.report();
  ASSERT_EQ(report.heads.size(), 4U);
  EXPECT_EQ(to_string(report.heads[0].id), "L0H0");
  EXPECT_EQ(to_string(report.heads[3].id), "L1H2");
  EXPECT_DOUBLE_EQ(report.heads[3][Score::previous_token]->mean, 1);
}

TEST(HeadStatistics, RefuseWhatDoesNotBelongTogether) {
  HeadStatistics statistics;
  EXPECT_THROW((void)statistics.report(), UsageError);
  statistics.add_text(layer({uniform(20)}), different(20));
  EXPECT_THROW(statistics.add_text(layer({uniform(20), uniform(20)}), different(20)), ShapeError);
  EXPECT_THROW(statistics.add_text(layer({uniform(20)}), different(21)), ShapeError);
  AttentionPatterns both_ways = layer({at::full({20, 20}, .05)});
  both_ways.causal = false;
  EXPECT_THROW(statistics.add_text(both_ways, different(20)), ShapeError);
  const std::vector<HeadMeasures> measures(2);
  EXPECT_THROW((void)statistics.report({}, {}, measures), ShapeError);
  EXPECT_EQ(statistics.report().n_texts, 1);
}

TEST(Thresholds, AreSetByName) {
  Thresholds thresholds;
  set_threshold(thresholds, "previous-token=0.8");
  set_threshold(thresholds, "near-copy=0");
  EXPECT_DOUBLE_EQ(thresholds.previous_token, .8);
  EXPECT_DOUBLE_EQ(thresholds.near_copy, 0);
  for (const char* wrong :
       {"previous-token", "previous-token=", "previous-token=much", "previous-token=-1",
        "previous-token=0.5x", "previous-token=nan", "=0.5", "syntactic=0.5"}) {
    EXPECT_THROW(set_threshold(thresholds, wrong), UsageError) << wrong;
  }
  try {
    set_threshold(thresholds, "previus-token=0.5");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean previous-token"), std::string::npos);
  }
}

TEST(Thresholds, AllHaveNamesAndCanBeSet) {
  for (const ThresholdInfo& info : threshold_table()) {
    Thresholds thresholds;
    set_threshold(thresholds, std::string(info.name) + "=0.125");
    EXPECT_DOUBLE_EQ(thresholds.*info.value, .125) << info.name;
    EXPECT_FALSE(info.meaning.empty());
    EXPECT_FALSE(info.source.empty());
  }
  // A member that is in no row of the table could not be set.
  EXPECT_EQ(threshold_table().size(), sizeof(Thresholds) / sizeof(double));
}

}  // namespace
}  // namespace attnviz
