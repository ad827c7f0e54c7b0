#include "figure/scale.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

namespace attnviz {
namespace {

std::vector<std::string> labels(const std::vector<ScaleTick>& ticks) {
  std::vector<std::string> all;
  for (const auto& tick : ticks) all.push_back(tick.label);
  return all;
}

TEST(Scale, row_0_does_not_count_unless_it_is_all_there_is) {
  const auto pattern =
      at::tensor({1.F, 0.F, 0.F, 0.25F, 0.75F, 0.F, 0.5F, 0.2F, 0.3F}).view({3, 3});
  EXPECT_FLOAT_EQ(largest_weight(pattern, true), 0.75F);
  EXPECT_FLOAT_EQ(largest_weight(pattern, false), 1.F);
  EXPECT_FLOAT_EQ(largest_weight(at::ones({1, 1}), true), 1.F);
}

TEST(Scale, the_future_of_a_causal_pattern_and_what_is_no_number_do_not_count) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto pattern = at::tensor({1.F, 9.F, 9.F, nan, 0.5F, 9.F, 0.1F, 0.2F, nan}).view({3, 3});
  EXPECT_FLOAT_EQ(largest_weight(pattern, true), 0.5F);
}

TEST(Scale, ticks_are_round_values) {
  const auto kind = ColourScale::figure;
  using Texts = std::vector<std::string>;
  EXPECT_EQ(labels(scale_ticks(kind, {0, 1})), (Texts{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(labels(scale_ticks(kind, {0, 0.734})), (Texts{"0.0", "0.2", "0.4", "0.6"}));
  EXPECT_EQ(labels(scale_ticks(kind, {0, 0.05})),
            (Texts{"0.00", "0.01", "0.02", "0.03", "0.04", "0.05"}));
}

TEST(Scale, log_ticks_are_powers_of_ten_at_equal_distances) {
  const auto ticks = scale_ticks(ColourScale::log, {0.001, 1, true});
  EXPECT_EQ(labels(ticks), (std::vector<std::string>{"0.001", "0.01", "0.1", "1"}));
  for (const auto& tick : ticks) {
    EXPECT_NEAR(place_of(std::stod(tick.label), {0.001, 1, true}), tick.place, 1e-12);
  }
  EXPECT_LT(place_of(0, {0.001, 1, true}), 0);
}

TEST(Scale, a_figure_without_any_weight_falls_back_to_1) {
  EXPECT_EQ(value_range(ColourScale::figure, 0).high, 1);
  EXPECT_EQ(value_range(ColourScale::panel, std::numeric_limits<double>::infinity()).high, 1);
}

TEST(Scale, decimals_are_fixed) {
  EXPECT_EQ(decimal(0.344, 2), "0.34");
  EXPECT_EQ(decimal(1, 2), "1.00");
  EXPECT_EQ(decimal(std::numeric_limits<double>::quiet_NaN(), 2), "nan");
}

}  // namespace
}  // namespace attnviz
