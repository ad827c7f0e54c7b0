#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "attnviz/head_statistics.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

HeadFindings head(int in_layer = 5, int number = 5) {
  HeadFindings findings;
  findings.id = {in_layer, number};
  return findings;
}

TEST(Sentence, SaysWhatWasSeenAndOnWhat) {
  HeadLabel label{LabelKind::induction,
                  false,
                  Evidence::probe,
                  {.926, .02, Interval{.91, .94}, 10, .012, .925},
                  .5,
                  .02,
                  {}};
  EXPECT_EQ(sentence(head(), label),
            "L5H5 matches the induction pattern on repeated random tokens (0.93, chance 0.01, "
            "control 0.02, 95 % interval 0.91 to 0.94, threshold 0.50, 10 sequences; attention "
            "only)");
  label = {
      LabelKind::previous_token, true, Evidence::pattern, {.4, {}, {}, 1, .03, .38}, .3, {}, {}};
  EXPECT_EQ(sentence(head(0, 1), label),
            "L0H1 weakly attends to the token before on these texts (0.40, chance 0.03, no "
            "interval, threshold 0.30, 1 text; attention only)");
  label = {LabelKind::fixed_offset, false, Evidence::pattern, {.8, {}, {}, 1, .03, .79}, .5, {}, 4};
  EXPECT_NE(sentence(head(), label).find("attends 4 tokens back"), std::string::npos);
}

TEST(Sentence, NeverSaysMoreThanAPatternShows) {
  for (int kind = 0; kind <= static_cast<int>(LabelKind::content_dependent); ++kind) {
    const HeadLabel label{
        static_cast<LabelKind>(kind), false, Evidence::pattern, {.5, {}, {}, 2, .1, .4}, .4, {}, 3};
    const std::string text = sentence(head(), label);
    EXPECT_NE(text.find("attention only"), std::string::npos) << text;
    for (const char* word : {"syntactic", "semantic", "dead", "important", "because", "redundant",
                             "is an induction head"}) {
      EXPECT_EQ(text.find(word), std::string::npos) << text;
    }
  }
  const HeadLabel content{
      LabelKind::content_dependent, false, Evidence::pattern, {.3, {}, {}, 20, {}, {}}, .1, {}, {}};
  EXPECT_NE(sentence(head(), content).find("cause not established"), std::string::npos);
}

TEST(Sentence, OfFlags) {
  HeadFindings findings = head(3, 4);
  findings.measures = {.04, .001, .002, 32};
  EXPECT_EQ(
      sentence(findings, {FlagKind::dead, FlagLevel::conclusion, .04, .1, 32, {}, {}}),
      "L3H4 is dead on these texts: low output (0.04 of the layer's mean), and removing it changed "
      "loss by +0.001 nats (upper bound 0.002) on 32 texts");
  EXPECT_EQ(
      sentence(findings, {FlagKind::near_copy, FlagLevel::note, .03, .05, 12, HeadId{3, 2}, {}}),
      "L3H4 has a pattern nearly equal to that of L3H2 (Jensen-Shannon divergence 0.03 bits on 12 "
      "texts); outputs not compared");
  EXPECT_EQ(sentence(findings, {FlagKind::single_offset, FlagLevel::info, .97, .9, 1, {}, 1}),
            "L3H4 has its largest weight on the token before in 97 % of the rows on 1 text; not a "
            "fault");
  EXPECT_EQ(sentence(findings, {FlagKind::stuck, FlagLevel::warning, .95, .9, 3, {}, 7}),
            "L3H4 attends always to the same absolute position, 7 (at least 0.95 of the later "
            "tokens' attention on 3 texts)");
}

TEST(Summary, AnswersTheFiveQuestions) {
  HeadStatistics statistics;
  const std::int64_t n = 64;
  const at::Tensor far =
      causal(n, [](auto q, auto k) { return k == std::min<std::int64_t>(q, 1) ? 1.0 : 0; });
  for (int i = 0; i < 4; ++i) {
    statistics.add_text({{at::stack({offset(n, 1), uniform(n)}), at::stack({first(n), far})}},
                        different(n));
  }
  ProbeOptions options;
  options.block = 12;
  for (const RepeatedProbe& probe : make_probes(options)) {
    const auto heads = [&](const TokenIds& ids) {
      const auto m = static_cast<std::int64_t>(ids.size());
      return AttentionPatterns{
          {at::stack({offset(m, 1), uniform(m)}), at::stack({induction(ids), first(m)})}};
    };
    statistics.add_probe(heads(probe.ids), heads(probe.control), probe);
  }
  const std::vector<Answer> answers = summary(statistics.report());
  ASSERT_EQ(answers.size(), 5U);
  const auto says = [&](int i, const std::string& text) {
    EXPECT_NE(answers[i].answer.find(text), std::string::npos) << answers[i].answer;
  };
  says(0, "1 previous-token");
  says(0, "1 attend almost evenly");
  says(1, "Not measured");
  says(1, "L1H0");
  says(2, "entropy over the largest possible: 0.50, 0.00.");
  says(3, "left out: 1 of 4 heads (L1H1)");
  says(3, "induction pattern: 1 of 4 heads (L1H0)");
  says(4, "not influence");
}

TEST(Summary, WithMeasuresSpeaksOfEffects) {
  HeadStatistics statistics;
  statistics.add_text(layer({random(64, 4, 1), random(64, 4, 2)}), different(64));
  const std::vector<HeadMeasures> measures = {{.04, .001, .004, 32}, {1.9, .5, .6, 32}};
  const std::vector<Answer> answers = summary(statistics.report({}, {}, measures));
  EXPECT_NE(answers[1].answer.find("when removed: 1 of 2 heads (L0H0)"), std::string::npos);
  EXPECT_NE(answers[4].answer.find("L0H1 (0.50), L0H0 (0.00)"), std::string::npos);
}

TEST(Summary, OfAShortTextSaysThatItIsTooShort) {
  HeadStatistics statistics;
  statistics.add_text(layer({offset(8, 1)}), different(8));
  EXPECT_NE(summary(statistics.report())[0].answer.find("too short"), std::string::npos);
  EXPECT_NE(caveat().find("only from ablation"), std::string_view::npos);
}

}  // namespace
}  // namespace attnviz
