#include <gtest/gtest.h>

#include "figure/fixtures.h"
#include "figure/legibility.h"

namespace attnviz {
namespace {

const std::vector<std::vector<int>> shapes{{1},
                                           {8, 8, 8, 8, 8, 8},
                                           {12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12},
                                           {16, 16},
                                           {8, 3, 0, 5, 8, 1}};

class Figures : public testing::TestWithParam<int> {};

TEST_P(Figures, texts_neither_overlap_nor_are_cut) {
  const int n = GetParam();
  for (const auto& heads : shapes) {
    const auto patterns = make_light_patterns(heads, n);
    for (const auto layout : layouts) {
      SCOPED_TRACE(std::to_string(heads.size()) + " layers, first of " + std::to_string(heads[0]));
      expect_legible(layout(view_of(patterns, make_labels(n), question), {}));
      expect_legible(layout(view_of(patterns, make_odd_labels(n), std::string(3000, 'W')), {}));
    }
  }
}

TEST_P(Figures, the_same_on_all_scales_and_at_other_resolutions) {
  const int n = GetParam();
  for (const bool causal : {true, false}) {
    auto patterns = make_light_patterns({8, 8, 8, 8, 8, 8}, n);
    patterns.causal = causal;
    for (const auto layout : layouts) {
      for (const auto scale : {ColourScale::panel, ColourScale::unit, ColourScale::log}) {
        expect_legible(layout(view_of(patterns, make_labels(n), question), {.scale = scale}));
      }
      for (const int dpi : {40, 72, 300}) {
        expect_legible(layout(view_of(patterns, make_odd_labels(n), question),
                              {.dpi = dpi, .scale = ColourScale::panel}));
      }
    }
  }
}

// The places of missing heads hold the other panels' axes, if anything.
TEST_P(Figures, also_where_pruning_left_gaps) {
  const int n = GetParam();
  const std::vector<KeptHeads> left{
      {{1, 2, 3}, {0, 2}, {}, {3}, {0, 1, 2}, {1, 3}}, {{0}, {1}, {2}, {3}}, {{}, {2}, {0, 3}, {}}};
  for (const auto& kept : left) {
    const auto patterns = pruned(make_light_patterns(std::vector<int>(kept.size(), 4), n), kept);
    for (const auto layout : layouts) {
      for (const auto scale : {ColourScale::figure, ColourScale::panel}) {
        expect_legible(layout(view_of(patterns, make_labels(n), question), {.scale = scale}));
        expect_legible(layout(view_of(patterns, make_odd_labels(n), question), {.scale = scale}));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(T, Figures,
                         testing::Values(1, 2, 5, 11, 14, 15, 19, 20, 29, 30, 64, 100, 257, 1024));

TEST(Legibility, many_layers_or_heads_are_legible_too) {
  for (const auto& [n_layers, n_heads] :
       std::vector<std::pair<int, int>>{{48, 40}, {96, 96}, {1, 16}, {1, 64}, {64, 1}}) {
    SCOPED_TRACE(std::to_string(n_layers) + " x " + std::to_string(n_heads));
    const auto patterns = make_light_patterns(std::vector<int>(n_layers, n_heads), 11);
    for (const auto layout : layouts) {
      for (const auto scale : {ColourScale::figure, ColourScale::panel, ColourScale::log}) {
        expect_legible(layout(view_of(patterns, make_labels(11), question), {.scale = scale}));
      }
    }
  }
}

}  // namespace
}  // namespace attnviz
