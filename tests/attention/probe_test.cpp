#include "attnviz/probe.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

bool all_differ(const TokenIds& ids) {
  return std::set<TokenId>(ids.begin(), ids.end()).size() == ids.size();
}

TEST(Probe, IsABlockTwiceAndAControlWithoutRepeats) {
  ProbeOptions options;
  options.bos = 50256;
  std::set<std::int64_t> lengths;
  for (const RepeatedProbe& probe : make_probes(options)) {
    const std::int64_t n = probe.block;
    lengths.insert(n);
    EXPECT_GE(n, 25);
    EXPECT_LE(n, 50);
    ASSERT_EQ(probe.ids.size(), 2U * n + 1);
    EXPECT_EQ(probe.first_repeat(), n + 1);
    EXPECT_EQ(probe.ids[0], 50256);
    EXPECT_TRUE(
        std::equal(probe.ids.begin() + 1, probe.ids.begin() + 1 + n, probe.ids.begin() + 1 + n));
    EXPECT_TRUE(all_differ({probe.ids.begin(), probe.ids.begin() + 1 + n}));
    ASSERT_EQ(probe.control.size(), probe.ids.size());
    EXPECT_TRUE(all_differ(probe.control));
    EXPECT_TRUE(
        std::equal(probe.control.begin(), probe.control.begin() + 1 + n, probe.ids.begin()));
  }
  EXPECT_GT(lengths.size(), 3U);  // not one distance for all
}

TEST(Probe, IsTheSameForTheSameSeed) {
  ProbeOptions options;
  const auto one = make_probes(options), again = make_probes(options);
  options.seed = 1;
  const auto other = make_probes(options);
  ASSERT_EQ(one.size(), 10U);
  EXPECT_EQ(one[3].ids, again[3].ids);
  EXPECT_EQ(one[3].control, again[3].control);
  EXPECT_NE(one[3].ids, other[3].ids);
}

TEST(Probe, FitsASmallModelAndAvoidsSpecialTokens) {
  ProbeOptions options;
  options.n_positions = 32;
  options.vocabulary_size = 40;
  options.bos = 0;
  options.special = {7, 8};
  for (const RepeatedProbe& probe : make_probes(options)) {
    EXPECT_LE(probe.ids.size(), 32U);
    for (const TokenIds& ids : {probe.ids, probe.control}) {
      for (std::size_t i = 1; i < ids.size(); ++i) {
        EXPECT_TRUE(ids[i] > 0 && ids[i] < 40 && ids[i] != 7 && ids[i] != 8) << ids[i];
      }
    }
  }
  options.vocabulary_size = 9;  // six tokens left: a block of three
  EXPECT_THROW((void)make_probes(options), UsageError);
  options = {};
  options.n_positions = 8;
  EXPECT_THROW((void)make_probes(options), UsageError);
}

RepeatedProbe probe_of_50(bool with_bos) {
  RepeatedProbe probe;
  probe.block = 50;
  if (with_bos) probe.ids = {0};
  const TokenIds block = different(50);
  for (int copy = 0; copy < 2; ++copy) {
    probe.ids.insert(probe.ids.end(), block.begin(), block.end());
  }
  return probe;
}

TEST(ProbeScores, OfPerfectHeadsAreOne) {
  for (const bool with_bos : {true, false}) {
    const RepeatedProbe probe = probe_of_50(with_bos);
    const auto n = static_cast<std::int64_t>(probe.ids.size());
    const ProbeScores scores =
        probe_scores(at::stack({induction(probe.ids), offset(n, 50), offset(n, 51)}), probe);
    EXPECT_DOUBLE_EQ(scores.induction[0].item<double>(), 1);
    EXPECT_DOUBLE_EQ(scores.duplicate[0].item<double>(), 0);
    EXPECT_DOUBLE_EQ(scores.duplicate[1].item<double>(), 1);
    EXPECT_DOUBLE_EQ(scores.induction[1].item<double>(), 0);
    EXPECT_DOUBLE_EQ(scores.induction[2].item<double>(), 0);  // one too far back
  }
}

TEST(ProbeScores, CountOnlyTheSecondBlock) {
  const RepeatedProbe probe = probe_of_50(true);
  const at::Tensor head = induction(probe.ids);
  // The whole diagonal holds two rows of the first block too, 49 and 50, which rest on the first
  // token: row 49 is on it by chance of position, row 50 is not.
  const at::Tensor diagonal = head.diagonal(-49);
  EXPECT_EQ(diagonal.size(0), 52);
  EXPECT_NEAR(diagonal.mean().item<double>(), .98077, 5.1e-6);
  EXPECT_NEAR(diagonal.mean().item<double>(), 51. / 52, 1e-12);
  EXPECT_NEAR(probe_scores(head, probe).induction.item<double>(), 1, 1e-12);
}

TEST(ProbeScores, OfAUniformHeadAreTheChanceLevel) {
  const RepeatedProbe probe = probe_of_50(true);
  const ProbeScores scores = probe_scores(uniform(101), probe);
  EXPECT_NEAR(scores.chance, .013569306525439003, 1e-15);
  EXPECT_NEAR(scores.induction.item<double>(), scores.chance, 1e-12);
  EXPECT_NEAR(scores.duplicate.item<double>(), scores.chance, 1e-12);
  EXPECT_THROW((void)probe_scores(uniform(100), probe), ShapeError);
}

}  // namespace
}  // namespace attnviz
