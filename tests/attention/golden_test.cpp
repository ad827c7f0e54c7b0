// Values from a closed form, or from a program of its own in plain Python (printed to five
// decimals), for patterns of T = 64.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/attention.h"
#include "hand_made.h"

namespace attnviz {
namespace {

using namespace hand_made;

constexpr std::int64_t kT = 64;
constexpr double kPrinted = 5.1e-6;  // the tables have five decimals

struct Golden {
  const char* name;
  at::Tensor pattern;
  double previous, current, first, nats_all, normalised, naive_ratio, keys, confidence, distance,
      last_8;
};

std::vector<Golden> table() {
  return {
      {"uniform", uniform(kT), .05943, .05943, .05943, 3.20575, 1, .77082, 33, .05943, 15.75,
       .36839},
      {"previous", offset(kT, 1), 1, 0, .01587, 0, 0, 0, 1, 1, .98438, 1},
      {"current", offset(kT, 0), 0, 1, 0, 0, 0, 0, 1, 1, 0, 1},
      {"first", first(kT), .01587, 0, 1, 0, 0, 0, 1, 1, 31.5, .11111},
      {"sink", sink(kT), .02020, .00751, .9, .63408, .20835, .15246, 1.91171, .9, 29.87578, .13823},
      {"window", window(kT, 4), .25529, .25529, .01720, 1.34931, .45993, .32444, 3.95238, .25529,
       1.45312, 1},
      {"decay", decay(kT), .25241, .50482, .00963, 1.33717, .45078, .32152, 3.91038, .50482, .95712,
       .99659},
  };
}

double value(const at::Tensor& tensor) {
  return tensor.item<double>();
}

TEST(Golden, EveryScoreOfEveryPattern) {
  for (const Golden& golden : table()) {
    SCOPED_TRACE(golden.name);
    const at::Tensor& pattern = golden.pattern;
    EXPECT_NEAR(value(previous_token_score(pattern)), golden.previous, kPrinted);
    EXPECT_NEAR(value(current_token_score(pattern)), golden.current, kPrinted);
    EXPECT_NEAR(value(first_token_score(pattern)), golden.first, kPrinted);
    const Entropies entropy = entropies(pattern);
    EXPECT_NEAR(value(entropy.nats_all_rows), golden.nats_all, kPrinted);
    EXPECT_NEAR(value(entropy.nats), golden.nats_all * kT / (kT - 1), kPrinted * 1.02);
    EXPECT_NEAR(value(entropy.normalised), golden.normalised, kPrinted);
    EXPECT_NEAR(value(naive_entropy(pattern)) / std::log(kT), golden.naive_ratio, kPrinted);
    EXPECT_NEAR(value(entropy.effective_keys), golden.keys, kPrinted);
    EXPECT_NEAR(value(confidence(pattern)), golden.confidence, kPrinted);
    EXPECT_NEAR(value(mean_distance(pattern)), golden.distance, kPrinted);
    EXPECT_NEAR(value(last_keys_share(pattern, 8)), golden.last_8, kPrinted);
  }
}

TEST(Golden, ClosedFormsToSixPlaces) {
  double harmonic = 0;
  for (int i = 1; i <= kT; ++i) harmonic += 1.0 / i;
  const double chance = (harmonic - 1) / (kT - 1);
  const at::Tensor even = uniform(kT);
  for (const at::Tensor& score : {previous_token_score(even), current_token_score(even),
                                  first_token_score(even), confidence(even)}) {
    EXPECT_NEAR(value(score), chance, 1e-12);
  }
  EXPECT_NEAR(value(entropies(even).normalised), 1, 1e-12);
  EXPECT_NEAR(value(entropies(even).without_first), 1, 1e-12);
  EXPECT_NEAR(value(distance_to_uniform(even)), 0, 1e-12);
  EXPECT_NEAR(value(naive_entropy(even)), std::lgamma(kT + 1.0) / kT, 1e-8);  // ln(T!) / T
  EXPECT_NEAR(value(mean_distance(even)), (kT - 1) / 4.0, 1e-12);
  // One-hot rows: 1 - 1/(q+1) away from even attention; -1e-10 by the naive formula.
  EXPECT_NEAR(value(distance_to_uniform(offset(kT, 1))), 1 - chance, 1e-12);
  EXPECT_NEAR(value(naive_entropy(offset(kT, 1))), -1e-10, 1e-15);
  // 0.9 on the first token and the rest even: without the first token it is even.
  EXPECT_NEAR(value(entropies(sink(kT) /* rows at 0.9 are kept */).without_first), 1, 1e-12);
}

TEST(Golden, Float32GivesTheSameToSixPlaces) {
  for (const Golden& golden : table()) {
    SCOPED_TRACE(golden.name);
    const at::Tensor wide = golden.pattern, narrow = wide.to(at::kFloat);
    const Entropies a = entropies(wide), b = entropies(narrow);
    EXPECT_NEAR(value(a.nats), value(b.nats), 1e-6);
    EXPECT_NEAR(value(a.normalised), value(b.normalised), 1e-6);
    EXPECT_NEAR(value(mean_distance(wide)), value(mean_distance(narrow)), 1e-5);
    EXPECT_NEAR(value(distance_to_uniform(wide)), value(distance_to_uniform(narrow)), 1e-6);
    EXPECT_NEAR(value(last_keys_share(wide)), value(last_keys_share(narrow)), 1e-6);
  }
}

TEST(Golden, TwoRowsByHand) {
  const at::Tensor pattern = at::tensor({1.0, 0.0, 0.5, 0.5}).view({2, 2}).to(at::kDouble);
  const Entropies entropy = entropies(pattern);
  EXPECT_NEAR(value(entropy.nats), std::log(2), 1e-12);
  EXPECT_NEAR(value(entropy.normalised), 1, 1e-12);
  EXPECT_EQ(entropy.rows_without_first.item<std::int64_t>(), 0);  // of one key there is no entropy
  EXPECT_DOUBLE_EQ(value(previous_token_score(pattern)), .5);
  EXPECT_DOUBLE_EQ(value(current_token_score(pattern)), .5);
  EXPECT_DOUBLE_EQ(value(first_token_score(pattern)), .5);
}

TEST(Golden, ChanceLevels) {
  const struct {
    std::int64_t n;
    double one, last_8, nats, naive_ratio;
  } kRows[] = {{16, .15872, .8202, 1.917, .6914},   {32, .09866, .5718, 2.5487, .7354},
               {64, .05943, .3684, 3.2058, .7708},  {128, .03491, .2262, 3.8782, .7993},
               {256, .0201, .1343, 4.5596, .8223},  {512, .01138, .0779, 5.2462, .8410},
               {1024, .00636, .0443, 5.9358, .8563}};
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.n);
    for (const Score score :
         {Score::previous_token, Score::current_token, Score::first_token, Score::confidence}) {
      EXPECT_NEAR(chance_level(score, row.n).value(), row.one, 5.1e-6);
    }
    EXPECT_NEAR(chance_level(Score::last_keys, row.n).value(), row.last_8, 5.1e-5);
    EXPECT_NEAR(chance_level(Score::naive_entropy, row.n).value(), row.nats, 5.1e-5);
    EXPECT_NEAR(chance_level(Score::naive_entropy, row.n).value() / std::log(row.n),
                row.naive_ratio, 5.1e-5);
  }
}

TEST(Golden, ChanceIsWhatAUniformHeadScores) {
  ScoreOptions options;
  options.naive_entropy = true;
  for (const std::int64_t n : {2, 3, 16, 17, 18, 40, 130}) {
    SCOPED_TRACE(n);
    const LayerScores scores = score_layer(uniform(n).unsqueeze(0), different(n), options);
    for (const ScoreInfo& info : score_table()) {
      SCOPED_TRACE(std::string(info.name));
      const HeadValues& score = scores[info.score];
      if (!score.values[0]) continue;
      ASSERT_TRUE(score.chance.has_value());
      EXPECT_NEAR(*score.values[0], *score.chance, 1e-7 + (info.unit == "share" ? 0 : 1e-7));
    }
    for (std::int64_t d = 0; d < scores.offsets.size(1); ++d) {
      EXPECT_NEAR(scores.offsets[0][d].item<double>(), offset_chance(n, d), 1e-12);
    }
  }
}

}  // namespace
}  // namespace attnviz
