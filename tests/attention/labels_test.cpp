// Every label and flag, on patterns made for it.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "attnviz/error.h"
#include "attnviz/head_statistics.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

constexpr std::int64_t kT = 64;

/// The report on n_texts texts on which the heads always do the same.
HeadReport report_on(const std::vector<at::Tensor>& heads, int n_texts = 3,
                     const Thresholds& thresholds = {}) {
  HeadStatistics statistics({.scores = {}, .divergence_rows = 64});
  for (int i = 0; i < n_texts; ++i) {
    statistics.add_text(layer(heads), different(heads[0].size(0)));
  }
  return statistics.report(thresholds);
}

HeadFindings head_like(const at::Tensor& pattern, const Thresholds& thresholds = {}) {
  return report_on({pattern}, 3, thresholds).heads[0];
}

/// "previous-token, local", weak ones with a ~.
std::string labels(const HeadFindings& head) {
  std::string text;
  for (const HeadLabel& label : head.labels) {
    text += (text.empty() ? "" : ", ") + std::string(label.weak ? "~" : "") +
            std::string(to_string(label.kind));
  }
  return text;
}

std::string flags(const HeadFindings& head) {
  std::string text;
  for (const HeadFlag& flag : head.flags) {
    text += (text.empty() ? "" : ", ") + std::string(to_string(flag.kind));
  }
  return text;
}

const HeadFlag& flag_of(const HeadFindings& head, FlagKind kind) {
  return *std::find_if(head.flags.begin(), head.flags.end(),
                       [kind](const HeadFlag& flag) { return flag.kind == kind; });
}

TEST(Labels, OfExactHeads) {
  EXPECT_EQ(labels(head_like(offset(kT, 1))), "previous-token, local");
  EXPECT_EQ(labels(head_like(offset(kT, 0))), "current-token, local");
  EXPECT_EQ(labels(head_like(first(kT))), "first-token");
  EXPECT_EQ(labels(head_like(offset(kT, 5))), "fixed-offset, local");
  EXPECT_EQ(labels(head_like(offset(kT, 12))), "fixed-offset");
  EXPECT_EQ(labels(head_like(window(kT, 4))), "local");
  EXPECT_EQ(labels(head_like(uniform(kT))), "uniform, broad");
  EXPECT_EQ(labels(head_like(random(kT, 4, 1))), "broad");
  EXPECT_EQ(labels(head_like(sink(kT))), "first-token");
}

TEST(Labels, AreNotForced) {
  // A third on each of two distant offsets, the rest on the last sixteen: none of the kinds.
  const at::Tensor odd = mix(mix(offset(kT, 11), offset(kT, 14), .5), window(kT, 16), .34);
  EXPECT_EQ(labels(head_like(odd)), "");
}

TEST(Labels, LocalIsNotPrimaryOverWhatItContains) {
  // 0.7 on the token before, the rest four back: local has the larger excess.
  const HeadFindings head = head_like(mix(offset(kT, 1), offset(kT, 4), .3));
  EXPECT_EQ(labels(head), "previous-token, local");
  EXPECT_GT(*head.labels[1].score.excess, *head.labels[0].score.excess);
}

TEST(Labels, SayTheOffset) {
  const HeadFindings head = head_like(offset(kT, 12));
  EXPECT_EQ(head.labels[0].offset, 12);
  EXPECT_EQ(head.best_offset->offset, 12);
  EXPECT_NEAR(head.best_offset->score.mean, 1, 1e-6);
  EXPECT_NEAR(*head.best_offset->score.chance, offset_chance(kT, 12), 1e-9);
}

TEST(Labels, MayBeWeakAndSeveral) {
  // 0.6 on the first token and 0.4 on the one before.
  const HeadFindings head = head_like(mix(first(kT), offset(kT, 1), .4));
  EXPECT_EQ(labels(head), "first-token, ~previous-token");
  EXPECT_DOUBLE_EQ(head.labels[1].threshold, .3);
}

TEST(Labels, NeedTheLowerEndOfTheInterval) {
  // 0.55 on average, but hardly more than 0.2 on a third of the texts.
  HeadStatistics statistics;
  for (int i = 0; i < 12; ++i) {
    const double share = i % 3 == 0 ? .21 : .7;
    statistics.add_text(layer({mix(offset(kT, 9), offset(kT, 1), share)}), different(kT));
  }
  const HeadFindings head = statistics.report().heads[0];
  EXPECT_GT(head[Score::previous_token]->mean, .5);
  EXPECT_LT(head[Score::previous_token]->ci->low, .5);
  EXPECT_EQ(head.labels.back().kind, LabelKind::previous_token);
  EXPECT_TRUE(head.labels.back().weak);
}

TEST(Labels, FollowTheThresholds) {
  const at::Tensor pattern = mix(first(kT), offset(kT, 1), .4);
  Thresholds thresholds;
  set_threshold(thresholds, "previous-token=0.35");
  set_threshold(thresholds, "first-token=0.7");
  EXPECT_EQ(labels(head_like(pattern, thresholds)), "previous-token");
  HeadReport report = report_on({pattern});
  report.thresholds = thresholds;
  label_heads(report);
  EXPECT_EQ(labels(report.heads[0]), "previous-token");
}

/// What `head` does with the ids is what its patterns show, on the probe and on a text.
template <typename Head>
HeadReport probed(Head head, bool one_length = false) {
  HeadStatistics statistics;
  ProbeOptions options;
  options.block = 20;
  options.bos = 0;
  for (const RepeatedProbe& probe : make_probes(options)) {
    if (one_length && probe.block != 20) continue;
    statistics.add_probe(layer({head(probe.ids)}), layer({head(probe.control)}), probe);
  }
  statistics.add_text(layer({head(different(kT))}), different(kT));
  return statistics.report();
}

/// On the earlier occurrence of the token; where there is none, on the first token.
at::Tensor duplicate(const TokenIds& ids) {
  return causal(static_cast<std::int64_t>(ids.size()), [&ids](std::int64_t q, std::int64_t k) {
    for (std::int64_t j = q - 1; j >= 0; --j) {
      if (ids[j] == ids[q]) return k == j ? 1.0 : 0;
    }
    return k == 0 ? 1.0 : 0;
  });
}

TEST(Labels, OfAnInductionHeadRestOnTheProbe) {
  const HeadReport report = probed(induction);
  const HeadFindings& head = report.heads[0];
  EXPECT_NEAR(head[Score::induction]->mean, 1, 1e-6);
  EXPECT_NEAR(head[Score::induction_control]->mean, 0, 1e-6);
  EXPECT_NEAR(head[Score::duplicate_token]->mean, 0, 1e-6);
  EXPECT_EQ(head[Score::induction]->n_texts, report.n_probes);
  const auto label = std::find_if(head.labels.begin(), head.labels.end(), [](const HeadLabel& l) {
    return l.kind == LabelKind::induction;
  });
  ASSERT_NE(label, head.labels.end());
  EXPECT_EQ(tag(label->evidence), 'S');
  EXPECT_NEAR(*label->control, 0, 1e-6);
}

TEST(Labels, OfADuplicateTokenHead) {
  const HeadFindings head = probed(duplicate).heads[0];
  EXPECT_NEAR(head[Score::duplicate_token]->mean, 1, 1e-6);
  EXPECT_EQ(labels(head), "first-token, duplicate-token");  // on a text without repeats it rests
}

TEST(Labels, OfAWeakInductionHead) {
  const auto half = [](const TokenIds& ids) {
    const auto n = static_cast<std::int64_t>(ids.size());
    return mix(random(n, 2, 5), induction(ids), .4);
  };
  const HeadFindings head = probed(half).heads[0];
  EXPECT_NE(labels(head).find("~induction"), std::string::npos);
}

TEST(Labels, OfAHeadThatLooksAtADistanceAreNotInduction) {
  // All blocks of one length: the target is always 19 back, and so it is in the control.
  const auto nineteen = [](const TokenIds& ids) {
    return offset(static_cast<std::int64_t>(ids.size()), 19);
  };
  HeadStatistics statistics;
  RepeatedProbe probe;
  probe.block = 20;
  probe.ids = different(20);
  probe.control = different(40);
  probe.ids.insert(probe.ids.end(), probe.control.begin(), probe.control.begin() + 20);
  statistics.add_probe(layer({nineteen(probe.ids)}), layer({nineteen(probe.control)}), probe);
  const HeadFindings head = statistics.report().heads[0];
  EXPECT_NEAR(head[Score::induction]->mean, 1, 1e-6);
  EXPECT_NEAR(head[Score::induction_control]->mean, 1, 1e-6);
  EXPECT_EQ(labels(head), "fixed-offset");
  EXPECT_EQ(tag(head.labels[0].evidence), 'S');
}

TEST(Labels, WithoutAProbeRestOnTheTextsOwnRepeats) {
  TokenIds ids = different(30);
  ids.insert(ids.end(), ids.begin(), ids.end());
  HeadStatistics statistics;
  statistics.add_text(layer({induction(ids), duplicate(ids)}), ids);
  const HeadReport report = statistics.report();
  EXPECT_EQ(report.n_prefixes, 30);
  EXPECT_NE(labels(report.heads[0]).find("induction"), std::string::npos);
  // Always 30 back, which is further than offsets are looked for (60 / 4).
  EXPECT_NE(labels(report.heads[1]).find("duplicate-token"), std::string::npos);
  EXPECT_EQ(tag(report.heads[0].labels[0].evidence), 'P');

  HeadStatistics few;  // ten repeats only
  const TokenIds part(ids.begin(), ids.begin() + 40);
  few.add_text(layer({induction(part)}), part);
  EXPECT_EQ(labels(few.report().heads[0]).find("induction"), std::string::npos);
}

HeadVariation varying(double v, std::int64_t n) {
  return {v, v, Interval{v - .01, v + .01}, v, n};
}

TEST(Labels, ContentDependentIsWhatNothingElseExplains) {
  HeadStatistics statistics;
  statistics.add_text(layer({random(kT, 4, 1), offset(kT, 1), random(kT, 4, 2), random(kT, 4, 3)}),
                      different(kT));
  const std::vector<std::optional<HeadVariation>> variation = {varying(.4, 16), varying(.4, 16),
                                                               varying(.4, 15), varying(.105, 16)};
  const HeadReport report = statistics.report({}, variation);
  EXPECT_EQ(labels(report.heads[0]), "broad, content-dependent");
  EXPECT_EQ(labels(report.heads[1]), "previous-token, local");  // by position
  EXPECT_EQ(labels(report.heads[2]), "broad");                  // too few texts
  EXPECT_EQ(labels(report.heads[3]), "broad");                  // lower end below 0.10
}

TEST(Flags, OfExactHeads) {
  EXPECT_EQ(flags(head_like(uniform(kT))), "uniform");
  EXPECT_EQ(flags(head_like(first(kT))), "parked");
  EXPECT_EQ(flags(head_like(mix(first(kT), window(kT, 5), .6))), "sink");
  EXPECT_EQ(flags(head_like(offset(kT, 1))), "single-offset");
  EXPECT_EQ(flags(head_like(random(kT, 4, 1))), "");
  EXPECT_EQ(flags(head_like(window(kT, 4))), "");  // equal weights are no single offset
  EXPECT_EQ(flag_of(head_like(offset(kT, 3)), FlagKind::single_offset).place, 3);
  EXPECT_EQ(flag_of(head_like(first(kT)), FlagKind::parked).level, FlagLevel::info);
}

/// All on position p once it is there.
at::Tensor stuck(std::int64_t n, std::int64_t p) {
  return causal(n, [p](auto q, auto k) { return k == std::min(q, p) ? 1.0 : 0; });
}

TEST(Flags, StuckIsTheSamePositionOnEveryText) {
  const HeadFindings head = head_like(stuck(kT, 7));
  EXPECT_EQ(flags(head), "stuck");
  EXPECT_EQ(head.flags[0].place, 7);
  EXPECT_EQ(head.flags[0].level, FlagLevel::warning);

  HeadStatistics statistics;
  statistics.add_text(layer({stuck(kT, 7)}), different(kT));
  statistics.add_text(layer({stuck(kT, 9)}), different(kT));
  EXPECT_EQ(flags(statistics.report().heads[0]), "");
}

TEST(Flags, NearCopiesNeedToAgreeWithoutTheFirstTokenToo) {
  const at::Tensor previous = mix(first(kT), offset(kT, 1), .1);
  const at::Tensor current = mix(first(kT), offset(kT, 0), .1);
  const at::Tensor one = window(kT, 5), other = mix(window(kT, 5), uniform(kT), .03);
  const HeadReport trap = report_on({previous, current});
  EXPECT_EQ(flags(trap.heads[0]), "parked");
  EXPECT_NEAR(trap.heads[0].nearest->bits, .0992, 5.1e-5);
  EXPECT_NEAR(*trap.heads[0].nearest->bits_without_first, 1, 1e-6);
  const HeadReport report = report_on({one, previous, other});
  EXPECT_EQ(flags(report.heads[0]), "near-copy");
  EXPECT_EQ(to_string(*report.heads[0].flags[0].other), "L0H2");
  EXPECT_EQ(to_string(*report.heads[2].flags[0].other), "L0H0");
  // Parked heads look alike, and that says nothing.
  const HeadReport parked = report_on({first(kT), mix(first(kT), offset(kT, 1), .01)});
  EXPECT_EQ(flags(parked.heads[0]), "parked");
  EXPECT_LT(parked.heads[0].nearest->bits, .05);
  EXPECT_FALSE(parked.heads[0].nearest->bits_without_first);
}

TEST(Flags, NoVariationIsInformation) {
  HeadStatistics statistics;
  statistics.add_text(layer({random(kT, 4, 1), random(kT, 4, 2)}), different(kT));
  const std::vector<std::optional<HeadVariation>> variation = {varying(.01, 16), varying(.01, 8)};
  const HeadReport report = statistics.report({}, variation);
  EXPECT_EQ(flags(report.heads[0]), "no-variation");
  EXPECT_EQ(report.heads[0].flags[0].level, FlagLevel::info);
  EXPECT_EQ(flags(report.heads[1]), "");
}

TEST(Flags, DeadNeedsASmallOutputAndNoEffect) {
  HeadStatistics statistics;
  statistics.add_text(layer(std::vector(6, random(kT, 4, 1))), different(kT));
  const std::vector<HeadMeasures> measures = {
      {.04, .001, .004, 32},  // both
      {.04, .02, .05, 32},    // small, but the loss needs it
      {.9, .001, .004, 32},   // no effect, but not small
      {.3, {}, {}, 32},       // low output, effect not measured
      {.04, -.3, -.2, 32},    // the loss falls without it: an effect
      {},
  };
  HeadReport report = statistics.report({}, {}, measures);
  const auto measured = [&](int head) {
    std::string text = flags(report.heads[head]);
    const std::string copy = "near-copy";  // they all are
    EXPECT_EQ(text.find(copy), 0U);
    return text.erase(0, copy.size());
  };
  EXPECT_EQ(measured(0), ", low-output, no-effect, dead");
  EXPECT_EQ(measured(1), ", low-output");
  EXPECT_EQ(measured(2), ", no-effect");
  EXPECT_EQ(measured(3), ", low-output");
  EXPECT_EQ(measured(4), ", low-output");
  EXPECT_EQ(measured(5), "");
}

TEST(Flags, ThatAreInformationOnlyFlagNoHead) {
  HeadFindings head;
  EXPECT_FALSE(is_flagged(head));
  head.flags.push_back({FlagKind::sink, FlagLevel::info, 0.5, 0.3, 1, {}, {}});
  EXPECT_FALSE(is_flagged(head));
  head.flags.push_back({FlagKind::uniform, FlagLevel::note, 0.99, 0.95, 1, {}, {}});
  EXPECT_TRUE(is_flagged(head));
}

}  // namespace
}  // namespace attnviz
