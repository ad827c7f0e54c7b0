#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "figure/colours.h"
#include "figure/fixtures.h"
#include "figure/geometry.h"

namespace attnviz {
namespace {

double covered(const Drawing& drawing) {
  double area = 0;
  for (const auto& map : drawing.heatmaps) area += map.box.width * map.box.height;
  return area / drawing.width / drawing.height;
}

TEST(Layout, pictures_are_as_large_as_those_they_replace) {
  const auto patterns = make_patterns({8, 8, 8, 8, 8, 8}, 11);
  const double sizes[3][2] = {{20, 15}, {15, 10}, {12, 8}};
  for (const int dpi : {72, 150, 300}) {
    for (int i = 0; i < 3; ++i) {
      const auto drawing = layouts[i](view_of(patterns, make_labels(11), question), {.dpi = dpi});
      EXPECT_EQ(drawing.width, sizes[i][0] * dpi);
      EXPECT_EQ(drawing.height, sizes[i][1] * dpi);
    }
  }
}

TEST(Layout, the_48_heatmaps_cover_most_of_the_picture) {
  const auto patterns = make_patterns({8, 8, 8, 8, 8, 8}, 11);
  EXPECT_GE(covered(layout_grid(view_of(patterns, make_labels(11), question))), 0.65);
  EXPECT_GE(covered(layout_grid(view_of(patterns, make_odd_labels(11), question))), 0.65);
}

TEST(Layout, panels_are_near_square) {
  for (const auto& heads :
       std::vector<std::vector<int>>{{1}, {8, 8, 8, 8, 8, 8}, {16, 16}, {8, 3, 0, 5, 8, 1}}) {
    for (const auto layout : layouts) {
      for (const auto& map :
           layout(view_of(make_light_patterns(heads, 11), make_labels(11), question), {})
               .heatmaps) {
        EXPECT_NEAR(std::log(map.box.width / map.box.height), 0, std::log(1.31));
      }
    }
  }
}

TEST(Layout, every_head_has_its_panel_and_a_missing_one_none) {
  const auto drawing = layout_grid(view_of(make_patterns({2, 0, 3}, 4), make_labels(4), question));
  EXPECT_EQ(drawing.heatmaps.size(), 5U);
  EXPECT_TRUE(is_written(drawing, "Layer 1"));
  EXPECT_TRUE(is_written(drawing, "Head 2"));
  EXPECT_TRUE(is_written(
      layout_layer_averages(view_of(make_patterns({2, 0, 3}, 4), make_labels(4), question)),
      "Layer 1: no heads left"));
}

TEST(Layout, titles_and_axes_are_those_of_the_figures_replaced) {
  const auto patterns = make_patterns({2, 2}, 5);
  const auto labels = make_labels(5);
  EXPECT_TRUE(
      is_written(layout_grid(view_of(patterns, labels, "x y")), "Attention Patterns: \"x y\""));
  const auto averages = layout_layer_averages(view_of(patterns, labels, "x y"));
  for (const auto* text :
       {"Average Attention per Layer: \"x y\"", "Key Position", "Query Position"}) {
    EXPECT_TRUE(is_written(averages, text)) << text;
  }
  const auto last = layout_last_layer(view_of(patterns, labels, "x y"));
  for (const auto* text :
       {"Last Layer Attention Pattern", "\"x y\"", "Attends To (Key)", "Token (Query)"}) {
    EXPECT_TRUE(is_written(last, text)) << text;
  }
}

TEST(Layout, chosen_layers_and_heads_are_drawn_and_named) {
  const auto patterns = make_patterns({4, 4, 4}, 5);
  const auto labels = make_labels(5);
  const FigureOptions options{.choice = {.layers = {2, 1}, .heads = {3}}};
  const auto grid = layout_grid(view_of(patterns, labels, question), options);
  ASSERT_EQ(grid.heatmaps.size(), 2U);
  EXPECT_TRUE(grid.heatmaps[0].values.equal(patterns.layers[1][3]));
  EXPECT_TRUE(grid.heatmaps[1].values.equal(patterns.layers[2][3]));
  EXPECT_EQ(grid.heatmaps[1].name, "L2H3");
  const auto last = layout_last_layer(view_of(patterns, labels, question), options);
  EXPECT_TRUE(is_written(last, "Layer 2, Head 3 Attention Pattern"));
  EXPECT_TRUE(last.heatmaps[0].values.equal(patterns.layers[2][3]));
  EXPECT_TRUE(is_written(layout_layer_averages(view_of(patterns, labels, question), options),
                         "Attention per Layer, Head 3"));
}

TEST(Layout, averages_are_means_over_heads) {
  const auto patterns = make_patterns({4, 4}, 7);
  const auto drawing = layout_layer_averages(view_of(patterns, make_labels(7), question));
  ASSERT_EQ(drawing.heatmaps.size(), 2U);
  EXPECT_TRUE(drawing.heatmaps[1].values.allclose(patterns.layers[1].mean(0)));
  EXPECT_TRUE(layout_last_layer(view_of(patterns, make_labels(7), question))
                  .heatmaps[0]
                  .values.allclose(patterns.layers[1].mean(0)));
}

TEST(Layout, tokens_are_named_up_to_their_limits_and_positions_numbered_from_there) {
  const auto is_named = [](int i, int n) {
    return is_written(layouts[i](view_of(make_light_patterns({2, 2}, n), make_labels(n), "x"), {}),
                      "question");
  };
  EXPECT_TRUE(is_named(0, 19));
  EXPECT_FALSE(is_named(0, 20));
  EXPECT_TRUE(is_named(1, 29));
  EXPECT_FALSE(is_named(1, 30));
  EXPECT_TRUE(is_named(2, 300));
  EXPECT_TRUE(is_written(
      layout_grid(view_of(make_light_patterns({2, 2}, 100), make_labels(100), "x")), "40"));
}

TEST(Layout, thinned_labels_say_so) {
  const auto drawing =
      layout_last_layer(view_of(make_light_patterns({1}, 257), make_labels(257), "x"));
  EXPECT_TRUE(is_written(drawing, "Attends To (Key), every "));
  EXPECT_TRUE(is_written(drawing, "Token (Query), every "));
  EXPECT_FALSE(is_written(
      layout_last_layer(view_of(make_light_patterns({1}, 11), make_labels(11), "x")), "every"));
}

TEST(Layout, shrunken_cells_say_so) {
  for (const auto layout : layouts) {
    EXPECT_TRUE(is_written(
        layout(view_of(make_light_patterns({8, 8, 8, 8, 8, 8}, 1024), make_labels(1024), "x"), {}),
        "1 px = max of up to "));
    EXPECT_FALSE(is_written(
        layout(view_of(make_light_patterns({2}, 100), make_labels(100), "x"), {}), "1 px"));
  }
}

TEST(Layout, the_scale_of_the_figure_ends_at_its_largest_weight_outside_row_0) {
  const auto patterns = make_patterns({8, 8}, 11);
  const float largest = std::max(patterns.layers[0].slice(1, 1).max().item<float>(),
                                 patterns.layers[1].slice(1, 1).max().item<float>());
  const auto drawing = layout_grid(view_of(patterns, make_labels(11), "x"));
  for (const auto& map : drawing.heatmaps) EXPECT_FLOAT_EQ(map.range.high, largest);
  EXPECT_TRUE(drawing.colour_bars[0].pointed_high);
  EXPECT_TRUE(is_written(drawing, "the first row, always 1.00, is beyond the scale"));
  EXPECT_EQ(drawing.colour_bars.size(), 1U);
}

TEST(Layout, with_scales_of_their_own_panels_say_their_maximum) {
  const auto patterns = make_patterns({2}, 11);
  const auto drawing =
      layout_grid(view_of(patterns, make_labels(11), "x"), {.scale = ColourScale::panel});
  for (const auto& map : drawing.heatmaps) {
    char text[16];
    snprintf(text, sizeof text, "max %.2f", map.values.slice(0, 1).max().item<double>());
    EXPECT_TRUE(is_written(drawing, text)) << text;
    EXPECT_FLOAT_EQ(map.range.high, map.values.slice(0, 1).max().item<float>());
  }
}

TEST(Layout, a_maximum_written_in_a_causal_panel_stands_on_its_blank_corner) {
  for (const int n : {2, 3, 5, 11, 19, 64}) {
    auto drawing =
        layout_grid(view_of(make_light_patterns({8, 8, 8, 8, 8, 8}, n), make_labels(n), "x"),
                    {.scale = ColourScale::panel});
    const auto texts = std::exchange(drawing.texts, {});
    const auto picture = painted(drawing);
    for (const auto& text : texts) {
      if (name_of(text).rfind("max 0", 0) != 0) continue;
      const cv::Rect place(static_cast<int>(text.x + text.ink.x),
                           static_cast<int>(text.y + text.ink.y), static_cast<int>(text.ink.width),
                           static_cast<int>(text.ink.height));
      EXPECT_EQ(cv::countNonZero(picture(place).clone().reshape(1) != 255), 0) << n;
    }
  }
}

TEST(Layout, one_token_is_one_cell_of_1) {
  const auto drawing = layout_last_layer(view_of(make_patterns({2}, 1), make_labels(1), "x"));
  EXPECT_TRUE(is_written(drawing, "1.00"));
  EXPECT_EQ(drawing.heatmaps[0].range.high, 1);
  EXPECT_FALSE(drawing.colour_bars[0].pointed_high);
}

TEST(Layout, numbers_are_written_below_15_tokens_only) {
  const auto count_in_cells = [](int n) {
    const auto drawing = layout_last_layer(view_of(make_patterns({1}, n), make_labels(n), "x"));
    return std::count_if(drawing.texts.begin(), drawing.texts.end(), [&](const TextItem& text) {
      return is_inside(corners_of(text), drawing.heatmaps[0].box);
    });
  };
  EXPECT_EQ(count_in_cells(14), 14 * 15 / 2);
  EXPECT_EQ(count_in_cells(15), 0);
}

// WCAG's ratio, computed here from the pixel under the number.
TEST(Layout, numbers_contrast_with_their_cells) {
  const auto luminance = [](const cv::Vec3d& colour) {
    double sum = 0;
    const double share[3] = {0.2126, 0.7152, 0.0722};
    for (int c = 0; c < 3; ++c) {
      const double v = colour[c] / 255;
      sum += share[c] * (v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4));
    }
    return sum + 0.05;
  };
  for (const auto scale : {ColourScale::figure, ColourScale::unit, ColourScale::log}) {
    auto drawing = layout_last_layer(view_of(make_patterns({3}, 14, false), make_labels(14), "x"),
                                     {.scale = scale});
    const auto texts = std::exchange(drawing.texts, {});
    const auto picture = painted(drawing);
    int numbers = 0;
    for (const auto& text : texts) {
      if (!is_inside(corners_of(text), drawing.heatmaps[0].box)) continue;
      const auto& ink = text.colour;
      const double a = luminance({double(ink[0]), double(ink[1]), double(ink[2])});
      const double b =
          luminance(picture(static_cast<int>(text.y + text.ink.y), static_cast<int>(text.x)));
      EXPECT_GE(std::max(a, b) / std::min(a, b), 4.5);
      ++numbers;
    }
    EXPECT_EQ(numbers, 14 * 14);
  }
}

TEST(Scale, IsLogFromSixtyFourTokensOnUnlessChosen) {
  const auto is_log = [](int n_tokens, const FigureOptions& options) {
    const auto patterns = make_patterns({2, 1}, n_tokens);
    return layout_grid(view_of(patterns, make_labels(n_tokens), "x"), options)
        .heatmaps.at(0)
        .range.log;
  };
  EXPECT_FALSE(is_log(63, {}));
  EXPECT_TRUE(is_log(64, {}));
  EXPECT_FALSE(is_log(64, {.scale = ColourScale::figure}));
}

}  // namespace
}  // namespace attnviz
