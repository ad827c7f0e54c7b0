#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "attnviz/error.h"
#include "attnviz/head_statistics.h"
#include "exact_report.h"
#include "hand_made.h"
#include "test_models.h"

// Statistics of parts, added up in any order and grouping, are those of one that was given all.
namespace attnviz {
namespace {

using namespace hand_made;

using Give = std::function<void(HeadStatistics&)>;

StatisticsOptions few_resamples() {
  StatisticsOptions options;
  options.resamples = 40;
  return options;
}

/// A head that looks at position 1 most.
at::Tensor stuck(std::int64_t n, unsigned seed) {
  return causal(n, [seed](auto, auto k) { return k == 1 ? 20.0 + seed : 1; });
}

/// Five heads that pruning left, one of which is never scored without the first token, one whose
/// most attended position is always the same and some where it is not.
AttentionPatterns pruned_patterns(std::int64_t n, unsigned seed) {
  return {{at::stack({stuck(n, seed), random(n, 3, seed)}).to(at::kFloat), at::empty({0, n, n}),
           at::stack({first(n), mix(offset(n, 1), random(n, 9, seed), .02 * (seed % 40)), sink(n)})
               .to(at::kFloat)},
          true,
          {{0, 2}, {}, {1, 4, 5}}};
}

Give text(std::int64_t n, unsigned seed) {
  TokenIds ids = different(n);
  for (std::size_t i = seed % 5; i < ids.size(); i += 3) ids[i] = 7;
  return [patterns = pruned_patterns(n, seed), ids](HeadStatistics& to) {
    to.add_text(patterns, ids);
  };
}

std::vector<Give> texts_and_probes() {
  std::vector<Give> all;
  // Several short ones, some of them too short to be scored, or for positions or offsets.
  for (const std::int64_t n : {20, 1, 16, 33, 9, 2, 70, 18, 15, 40, 17, 150}) {
    all.push_back(text(n, static_cast<unsigned>(all.size())));
  }
  ProbeOptions three;
  three.n_sequences = 3;
  for (const RepeatedProbe& probe : make_probes(three)) {
    const auto n = static_cast<std::int64_t>(probe.ids.size());
    all.push_back([=](HeadStatistics& to) {
      to.add_probe(pruned_patterns(n, 3), pruned_patterns(n, 4), probe);
    });
  }
  return all;
}

HeadStatistics given(const std::vector<Give>& all) {
  HeadStatistics statistics(few_resamples());
  for (const Give& give : all) give(statistics);
  return statistics;
}

/// The whole of parts of these many.
HeadStatistics merged(const std::vector<Give>& all, const std::vector<std::ptrdiff_t>& sizes) {
  HeadStatistics whole(few_resamples());
  auto next = all.begin();
  for (const std::ptrdiff_t size : sizes) {
    whole.add(given({next, next + size}));
    next += size;
  }
  EXPECT_EQ(next, all.end());
  return whole;
}

void expect_same(const HeadStatistics& found, const HeadStatistics& wanted) {
  EXPECT_EQ(exact(found.report()), exact(wanted.report()));
  EXPECT_EQ(found.n_texts(), wanted.n_texts());
  EXPECT_EQ(found.n_probes(), wanted.n_probes());
  const std::vector<NamedTensor> a = found.to_tensors(), b = wanted.to_tensors();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    ASSERT_EQ(a[i].values.sizes(), b[i].values.sizes()) << a[i].name;
    EXPECT_TRUE(at::equal(a[i].values, b[i].values)) << a[i].name;
  }
}

TEST(MergedStatistics, DoNotDependOnOrderOrGrouping) {
  std::vector<Give> all = texts_and_probes();
  const HeadStatistics whole = given(all);
  EXPECT_EQ(whole.n_texts(), 12);
  EXPECT_EQ(whole.n_probes(), 3);
  const HeadReport report = whole.report();
  EXPECT_EQ(report.n_short_texts, 4);
  ASSERT_TRUE(report.heads[0].position);
  EXPECT_EQ(report.heads[0].position->position, 1);
  EXPECT_FALSE(report.heads[1].position);
  EXPECT_FALSE(report.heads[2][Score::entropy_without_first]);
  EXPECT_TRUE(report.heads[2][Score::induction]);
  for (int turn = 0; turn < 4; ++turn) {
    expect_same(merged(all, std::vector<std::ptrdiff_t>(15, 1)), whole);
    expect_same(merged(all, {1, 5, 2, 7}), whole);
    expect_same(merged(all, {14, 1}), whole);
    HeadStatistics left = merged(all, {4, 3, 8}), nested(few_resamples());
    nested.add(left);
    expect_same(nested, whole);
    if (turn % 2 == 0) std::reverse(all.begin(), all.end());
    if (turn % 2 == 1) std::rotate(all.begin(), all.begin() + 4, all.end());
  }
}

TEST(MergedStatistics, OfMoreTextsThanAreKeptDoNotDependOnGrouping) {
  std::vector<Give> all;
  for (unsigned i = 0; i < 600; ++i) all.push_back(text(18 + i % 7, i));
  const HeadStatistics whole = given(all);
  expect_same(merged(all, {513, 1, 86}), whole);
  expect_same(merged(all, {300, 212, 88}), whole);
  expect_same(merged(all, {40, 560}), whole);
  EXPECT_EQ(whole.report().heads[0][Score::entropy]->n_texts, 600);
}

TEST(MergedStatistics, OfShortTextsAloneAreShort) {
  const std::vector<Give> all = {text(9, 1), text(1, 2), text(15, 3), text(2, 4)};
  const HeadStatistics whole = merged(all, {1, 2, 1});
  expect_same(whole, given(all));
  EXPECT_TRUE(whole.report().too_short);
  EXPECT_EQ(whole.report().shortest, 1);
}

TEST(MergedStatistics, OfTextsThatAreNeverScoredHaveNoScores) {
  const std::vector<Give> all = {text(1, 1), text(1, 2)};
  const HeadStatistics whole = merged(all, {1, 1});
  expect_same(whole, given(all));
  EXPECT_EQ(whole.n_texts(), 2);
  EXPECT_FALSE(whole.report().heads[0][Score::entropy]);
}

TEST(MergedStatistics, OfNothingChangeNothing) {
  HeadStatistics empty(few_resamples()), nothing(few_resamples());
  nothing.add(empty);
  EXPECT_EQ(nothing.n_texts(), 0);
  EXPECT_THROW((void)nothing.report(), UsageError);
  const std::vector<Give> all = texts_and_probes();
  HeadStatistics whole = given(all);
  whole.add(empty);
  expect_same(whole, given(all));
  empty.add(whole);
  expect_same(empty, whole);
  // It is a copy: what is added to it does not reach the other.
  text(33, 5)(empty);
  empty.add(whole);
  expect_same(whole, given(all));
}

TEST(MergedStatistics, WithThemselvesCountEachTextTwice) {
  const std::vector<Give> once = texts_and_probes();
  HeadStatistics twice = given(once);
  twice.add(twice);
  std::vector<Give> all = once;
  all.insert(all.end(), once.begin(), once.end());
  expect_same(twice, given(all));
}

TEST(MergedStatistics, TakeTheirOwnSeedAndResamples) {
  const std::vector<Give> all = texts_and_probes();
  StatisticsOptions options = few_resamples();
  options.seed = 5;
  options.resamples = 77;
  HeadStatistics other(options);
  for (const Give& give : all) give(other);
  HeadStatistics whole(few_resamples());
  whole.add(other);
  expect_same(whole, given(all));
  EXPECT_NE(exact(whole.report()), exact(other.report()));
}

void expect_refused(const HeadStatistics& other) {
  HeadStatistics whole = given(texts_and_probes());
  EXPECT_THROW(whole.add(other), ShapeError);
  expect_same(whole, given(texts_and_probes()));
  HeadStatistics into = HeadStatistics::from_tensors(other.to_tensors());
  EXPECT_THROW(into.add(whole), ShapeError);
  EXPECT_EQ(into.n_texts(), other.n_texts());
}

TEST(MergedStatistics, RefuseOtherOptionsAndStayAsTheyWere) {
  const std::function<void(StatisticsOptions&)> changes[] = {
      [](auto& options) { options.min_tokens = 17; },
      [](auto& options) { options.divergence_rows = 0; },
      [](auto& options) { options.scores.last_keys = 4; },
      [](auto& options) { options.scores.max_offset = 31; },
      [](auto& options) { options.scores.naive_entropy = true; },
      [](auto& options) { options.scores.detect_head = true; },
      [](auto& options) { options.scores.detect.exclude_bos = true; },
      [](auto& options) { options.scores.detect.exclude_current_token = true; },
  };
  for (const auto& change : changes) {
    StatisticsOptions options = few_resamples();
    change(options);
    HeadStatistics other(options);
    expect_refused(other);
    text(40, 3)(other);
    expect_refused(other);
  }
}

TEST(MergedStatistics, RefuseOtherHeadsAndStayAsTheyWere) {
  AttentionPatterns patterns = pruned_patterns(20, 1);
  for (const KeptHeads& kept : {KeptHeads{{0, 2}, {}, {1, 4, 6}}, KeptHeads{{0, 2}, {1}, {4, 5}},
                                KeptHeads{{0, 2}, {1, 4, 5}}}) {
    patterns.layers.clear();
    for (const auto& layer : kept) {
      patterns.layers.push_back(
          uniform(20).to(at::kFloat).repeat({static_cast<std::int64_t>(layer.size()), 1, 1}));
    }
    patterns.kept = kept;
    HeadStatistics other(few_resamples());
    other.add_text(patterns, different(20));
    expect_refused(other);
  }
}

TEST(MergedStatistics, RefuseMoreTextsThanTheirSumsHold) {
  HeadStatistics most(few_resamples());
  text(1, 1)(most);
  for (int i = 0; i < 24; ++i) most.add(most);
  EXPECT_EQ(most.n_texts(), 1 << 24);
  const HeadStatistics one = given({text(20, 1)});
  EXPECT_THROW(most.add(one), ShapeError);
  EXPECT_EQ(most.n_texts(), 1 << 24);
}

TEST(StoredStatistics, AreTheSameAgainAndGoOn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "sums.safetensors";
  std::vector<Give> all = texts_and_probes();
  for (unsigned i = 0; i < 600; ++i) all.push_back(text(17, i));
  const HeadStatistics whole = given(all);
  for (const std::ptrdiff_t n : {0, 1, 4, 15, 400, 615}) {
    const HeadStatistics some = given({all.begin(), all.begin() + n});
    write_safetensors(path, some.to_tensors(), {});
    const Checkpoint file = read_checkpoint(path);
    HeadStatistics back = HeadStatistics::from_tensors(file.tensors, 0, 40);
    EXPECT_EQ(back.n_texts(), some.n_texts());
    if (n > 0) expect_same(back, some);
    for (auto give = all.begin() + n; give != all.end(); ++give) (*give)(back);
    expect_same(back, whole);
  }
}

TEST(StoredStatistics, KeepTheirOptions) {
  StatisticsOptions options;
  options.min_tokens = 3;
  options.divergence_rows = 7;
  options.scores = {5, 12, true, true, {false, true}};
  options.seed = 11;
  options.resamples = 60;
  HeadStatistics statistics(options);
  for (const std::int64_t n : {4, 30}) text(n, 1)(statistics);
  const HeadStatistics back = HeadStatistics::from_tensors(statistics.to_tensors(), 11, 60);
  EXPECT_EQ(exact(back.report()), exact(statistics.report()));
  EXPECT_EQ(back.options().scores.max_offset, 12);
  EXPECT_TRUE(back.options().scores.detect.exclude_current_token);
  HeadStatistics whole(options);
  EXPECT_NO_THROW(whole.add(back));
  EXPECT_THROW((void)HeadStatistics::from_tensors(statistics.to_tensors(), 0, 0), UsageError);
}

TEST(StoredStatistics, ShrinkToSumsWhereTextsAreMany) {
  const auto size = [](const HeadStatistics& statistics) {
    std::size_t n_bytes = 0;
    for (const NamedTensor& tensor : statistics.to_tensors()) n_bytes += tensor.values.nbytes();
    return n_bytes;
  };
  HeadStatistics statistics = given({text(140, 1)});
  const std::size_t of_one = size(statistics);
  for (int i = 0; i < 9; ++i) statistics.add(statistics);
  ASSERT_EQ(statistics.n_texts(), 512);
  EXPECT_GT(size(statistics), 20 * of_one);
  statistics.add(given({text(140, 2)}));
  EXPECT_LE(size(statistics), of_one);
}

}  // namespace
}  // namespace attnviz
