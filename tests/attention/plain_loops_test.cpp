// Every score against the formula written as plain loops over queries and keys.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

/// sum over q >= first, over k, of term(q, k, weight); divided by the number of those rows.
template <typename Term>
double mean_of(const at::Tensor& pattern, std::int64_t first, Term term) {
  const auto cell = pattern.accessor<double, 2>();
  const std::int64_t n = pattern.size(0);
  double sum = 0;
  for (std::int64_t q = first; q < n; ++q) {
    for (std::int64_t k = 0; k <= q; ++k) sum += term(q, k, cell[q][k]);
  }
  return sum / static_cast<double>(n - first);
}

double entropy_term(double p) {
  return p > 0 ? -p * std::log(p) : 0;
}

std::vector<at::Tensor> patterns(std::int64_t n) {
  return {random(n, 1, 1), random(n, 12, 2), random(n, 40, 3), mix(sink(n), offset(n, 3), .4),
          window(n, 5)};
}

void expect(const LayerScores& scores, Score score, std::size_t head, double expected) {
  ASSERT_TRUE(scores[score].values[head].has_value()) << static_cast<int>(score);
  EXPECT_NEAR(*scores[score].values[head], expected, 1e-9) << static_cast<int>(score);
}

TEST(PlainLoops, AgreeOnRowsAndOffsets) {
  for (const std::int64_t n : {3, 16, 33, 150}) {
    const std::vector<at::Tensor> heads = patterns(n);
    const LayerScores scores = score_layer(at::stack(heads), different(n));
    for (std::size_t h = 0; h < heads.size(); ++h) {
      SCOPED_TRACE(std::to_string(n) + " positions, head " + std::to_string(h));
      const at::Tensor& a = heads[h];
      expect(scores, Score::entropy, h,
             mean_of(a, 1, [](auto, auto, double p) { return entropy_term(p); }));
      expect(scores, Score::normalised_entropy, h, mean_of(a, 1, [](auto q, auto, double p) {
               return entropy_term(p) / std::log(q + 1.0);
             }));
      expect(scores, Score::distance_to_uniform, h, mean_of(a, 1, [](auto q, auto, double p) {
               return std::abs(p - 1.0 / (q + 1.0)) / 2;
             }));
      expect(scores, Score::last_keys, h,
             mean_of(a, 1, [](auto q, auto k, double p) { return k > q - 8 ? p : 0; }));
      expect(scores, Score::mean_distance, h,
             mean_of(a, 0, [](auto q, auto k, double p) { return p * (q - k); }));
      const double rest = mean_of(a, 1, [](auto, auto k, double p) { return k > 0 ? p : 0; });
      const double back =
          mean_of(a, 1, [](auto q, auto k, double p) { return k > 0 ? p * (q - k) : 0; });
      if (rest >= .1) expect(scores, Score::mean_distance_without_first, h, back / rest);
      for (std::int64_t d = 0; d < scores.offsets.size(1); ++d) {
        EXPECT_NEAR(scores.offsets[static_cast<std::int64_t>(h)][d].item<double>(),
                    mean_of(a, std::max<std::int64_t>(d, 1),
                            [d](auto q, auto k, double p) { return q - k == d ? p : 0; }),
                    1e-9);
      }
    }
  }
}

TEST(PlainLoops, AgreeOnEntropyWithoutTheFirstToken) {
  const std::int64_t n = 40;
  // A third of the rows hold more than 0.9 on the first token.
  at::Tensor pattern = mix(random(n, 3, 9), first(n), .2).contiguous();
  for (std::int64_t q = 3; q < n; q += 3) pattern[q] = pattern[q] * .05 + first(n)[q] * .95;
  const auto cell = pattern.accessor<double, 2>();
  double sum = 0;
  std::int64_t n_rows = 0;
  for (std::int64_t q = 2; q < n; ++q) {
    if (cell[q][0] > .9) continue;
    double row = 0;
    for (std::int64_t k = 1; k <= q; ++k) row += entropy_term(cell[q][k] / (1 - cell[q][0]));
    sum += row / std::log(static_cast<double>(q));
    ++n_rows;
  }
  const Entropies entropy = entropies(pattern);
  EXPECT_EQ(entropy.rows_without_first.item<std::int64_t>(), n_rows);
  EXPECT_LT(n_rows, 30);
  EXPECT_NEAR(entropy.without_first.item<double>(), sum / static_cast<double>(n_rows), 1e-12);
}

TEST(PlainLoops, AgreeOnTheLargestWeight) {
  const at::Tensor a = random(30, 5, 4);
  double with = 0, without = 0;
  for (std::int64_t q = 1; q < 30; ++q) {
    with += a[q].max().item<double>() / 29;
    if (q >= 2) without += a[q].narrow(0, 1, q).max().item<double>() / 28;
  }
  EXPECT_NEAR(confidence(a).item<double>(), with, 1e-12);
  EXPECT_NEAR(confidence_without_first(a).item<double>(), without, 1e-12);
}

TEST(PlainLoops, AgreeOnWhereTheLargestWeightLies) {
  const at::Tensor a = random(50, 6, 8);
  const at::Tensor hits = offset_hits(a, 12);
  for (std::int64_t d = 0; d <= 12; ++d) {
    std::int64_t n_hits = 0;
    const std::int64_t first_row = std::max<std::int64_t>(d, 1);
    for (std::int64_t q = first_row; q < 50; ++q) {
      n_hits += a[q].argmax().item<std::int64_t>() == q - d;
    }
    EXPECT_NEAR(hits[d].item<double>(), static_cast<double>(n_hits) / (50.0 - first_row), 1e-12);
  }
}

TEST(PlainLoops, AgreeOnNaiveEntropy) {
  const at::Tensor a = random(150, 30, 5);
  EXPECT_NEAR(naive_entropy(a).item<double>(),
              mean_of(a, 0, [](auto, auto, double p) { return -p * std::log(p + 1e-10); }), 1e-12);
}

TEST(PlainLoops, AgreeOnTheShareOfAPosition) {
  const std::int64_t n = 40;
  const at::Tensor a = mix(
      random(n, 2, 6),
      causal(n, [](auto q, auto k) { return k == std::min<std::int64_t>(q, 7) ? 1.0 : 0; }), .6);
  double share = 0;
  for (std::int64_t q = 8; q < n; ++q) share += a[q][7].item<double>() / (n - 8.0);
  const PositionShares shares = largest_position_share(a);
  EXPECT_EQ(shares.position.item<std::int64_t>(), 7);
  EXPECT_NEAR(shares.share.item<double>(), share, 1e-12);
}

TEST(Scores, OfFloat32OnManyRowsAreAccurate) {
  // Long enough for several blocks of rows.
  const at::Tensor a = random(700, 8, 7);
  const LayerScores scores = score_layer(a.to(at::kFloat).unsqueeze(0), different(700));
  EXPECT_NEAR(*scores[Score::entropy].values[0],
              mean_of(a, 1, [](auto, auto, double p) { return entropy_term(p); }), 1e-5);
  EXPECT_NEAR(*scores[Score::distance_to_uniform].values[0],
              mean_of(a, 1, [](auto q, auto, double p) { return std::abs(p - 1 / (q + 1.0)) / 2; }),
              1e-6);
}

}  // namespace
}  // namespace attnviz
