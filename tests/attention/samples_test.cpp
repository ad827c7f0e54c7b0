#include "attention/samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace attnviz {
namespace {

std::vector<double> some_values(std::size_t n) {
  std::mt19937_64 random(3);
  std::vector<double> values(n);
  for (double& value : values) value = std::uniform_real_distribution<>(0.2, 0.9)(random);
  return values;
}

Samples samples_of(const std::vector<double>& values) {
  Samples samples;
  for (const double value : values) samples.add(value);
  return samples;
}

Statistic statistic_of(const Samples& samples) {
  const Samples* const all[] = {&samples};
  return *statistics_of(all, 1000, 0)[0];
}

TEST(Samples, OfMoreTextsThanAreKeptHaveTheSameFiguresAsThoseThatAre) {
  const std::vector<double> values = some_values(Samples::kMostKept + 1);
  const Statistic many = statistic_of(samples_of(values));
  const Statistic few = statistic_of(samples_of({values.begin(), values.end() - 1}));
  EXPECT_TRUE(samples_of(values).values().empty());
  EXPECT_EQ(many.n_texts, 513);
  EXPECT_NEAR(many.mean, few.mean, 1e-3);
  EXPECT_NEAR(*many.sd, *few.sd, 1e-3);
  EXPECT_NEAR(many.ci->low, few.ci->low, 3e-3);  // one is drawn at random
  EXPECT_NEAR(many.ci->high, few.ci->high, 3e-3);
}

TEST(Samples, OfMoreTextsThanAreKeptHaveMeanAndDeviationInClosedForm) {
  Samples samples;
  for (int i = 0; i < 1000; ++i) samples.add(i % 2 == 0 ? 900 : 100);
  const Statistic found = statistic_of(samples);
  EXPECT_NEAR(found.mean, 500, 1e-9);
  EXPECT_NEAR(*found.sd, 400 * std::sqrt(1000.0 / 999), 1e-9);
  EXPECT_NEAR(found.ci->high - found.ci->low, 2 * 1.959964 * *found.sd / std::sqrt(1000), 1e-9);
}

TEST(Samples, DoNotDependOnTheOrder) {
  for (const std::size_t n : {100U, 2000U}) {
    std::vector<double> values = some_values(n);
    const Statistic forward = statistic_of(samples_of(values));
    std::reverse(values.begin(), values.end());
    const Statistic backward = statistic_of(samples_of(values));
    EXPECT_EQ(forward.mean, backward.mean);
    EXPECT_EQ(forward.sd, backward.sd);
    EXPECT_EQ(forward.ci->low, backward.ci->low);
  }
}

TEST(Samples, AddedTogetherAreThoseOfAllValues) {
  for (const std::size_t n : {1U, 100U, 512U, 513U, 2000U}) {
    const std::vector<double> values = some_values(n);
    const Samples whole = samples_of(values);
    for (const std::size_t n_first : {std::size_t{0}, n / 3, n - 1, n}) {
      const auto middle = values.begin() + static_cast<std::ptrdiff_t>(n_first);
      Samples sum = samples_of({middle, values.end()});
      sum.add(samples_of({values.begin(), middle}));
      EXPECT_EQ(sum.count(), whole.count());
      EXPECT_EQ(sum.values(), whole.values());
      EXPECT_EQ(sum.mean(), whole.mean());
      EXPECT_EQ(sum.sd(), whole.sd());
    }
  }
}

// 16 million values that two int64 could not sum up, nor 128 bits their squares times their number.
TEST(Samples, OfManyLargeValuesHaveMeanAndDeviationInClosedForm) {
  Samples samples = samples_of({30000, 10000});
  samples.add_chance(20000);
  for (int i = 0; i < 23; ++i) samples.add(samples);
  ASSERT_EQ(samples.count(), kMostTerms);
  EXPECT_TRUE(samples.is_sound(kMostTerms));
  EXPECT_EQ(samples.mean(), 20000);
  EXPECT_EQ(samples.chance(), 20000);
  const auto n = static_cast<double>(kMostTerms);
  EXPECT_NEAR(*samples.sd(), 10000 * std::sqrt(n / (n - 1)), 1e-9);
}

}  // namespace
}  // namespace attnviz
