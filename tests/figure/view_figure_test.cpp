#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <sstream>

#include "attnviz/error.h"
#include "attnviz/glance.h"
#include "figure/fixtures.h"
#include "figure/legibility.h"

namespace attnviz {
namespace {

/// Of other tokens on each side, or, where causal, of the last positions.
View rectangular(int n_queries, int n_keys, bool causal) {
  const AttentionPatterns square = make_patterns({2, 3}, std::max(n_queries, n_keys), causal);
  View view;
  view.patterns.causal = causal;
  for (const at::Tensor& layer : square.layers) {
    const at::Tensor rows =
        causal ? layer.slice(1, n_keys - n_queries) : layer.slice(1, 0, n_queries);
    const at::Tensor some = rows.slice(2, 0, n_keys);
    view.patterns.layers.push_back((some / some.sum(-1, true)).contiguous());
  }
  view.queries = make_labels(n_queries);
  view.keys = make_odd_labels(n_keys);
  view.text = "queries → keys";
  return view;
}

at::Tensor sorted(const at::Tensor& values) {
  return std::get<0>(values.sort(-1));
}

TEST(ViewFigure, rows_and_columns_have_their_own_labels) {
  for (const auto layout : layouts) {
    const Drawing drawing = layout(rectangular(3, 7, false), {});
    EXPECT_TRUE(is_written(drawing, "·be"));
    EXPECT_TRUE(is_written(drawing, "Åjgpq|"));
    EXPECT_EQ(drawing.heatmaps.back().values.sizes(), (std::vector<std::int64_t>{3, 7}));
  }
}

TEST(ViewFigure, figures_of_any_shape_are_legible) {
  for (const auto& [n_queries, n_keys] : std::vector<std::pair<int, int>>{
           {1, 30}, {30, 1}, {3, 11}, {40, 6}, {6, 40}, {5, 300}, {300, 5}}) {
    for (const bool causal : {true, false}) {
      if (causal && n_queries > n_keys) continue;
      for (const auto layout : layouts) {
        for (const bool drops : {true, false}) {
          if (drops && n_keys == 1) continue;
          FigureOptions options;
          options.focus = {drops, drops ? 2 : 0};
          SCOPED_TRACE(std::to_string(n_queries) + " x " + std::to_string(n_keys));
          View view = rectangular(n_queries, n_keys, causal);
          view.n_prompt = n_keys / 2;
          view.notes = {"pieces of words merged: sum over keys, mean over queries"};
          expect_legible(layout(view, options));
        }
      }
    }
  }
}

TEST(ViewFigure, the_future_of_a_cache_is_blank_and_its_queries_are_numbered_from_where_they_are) {
  const Drawing drawing = layout_grid(rectangular(40, 80, true), {});
  EXPECT_TRUE(is_written(drawing, "60"));
  const auto image = painted(drawing);
  const HeatmapItem& item = drawing.heatmaps[0];
  const auto pixel = [&](double q, double k) {
    const int x = int(item.box.x + (k + 0.5) * item.box.width / 80);
    const int y = int(item.box.y + (q + 0.5) * item.box.height / 40);
    return image(y, x);
  };
  EXPECT_EQ(pixel(0, 41), cv::Vec3b(255, 255, 255));
  EXPECT_NE(pixel(0, 40), cv::Vec3b(255, 255, 255));
  EXPECT_NE(pixel(39, 79), cv::Vec3b(255, 255, 255));
}

TEST(ViewFigure, without_the_first_key_labels_go_with_it_and_each_panel_says_what_was_left) {
  FigureOptions options;
  options.focus.drop_first = true;
  const View view = view_of(make_patterns({4, 4}, 5), make_labels(5), question);
  for (const auto layout : layouts) {
    const Drawing drawing = layout(view, options);
    EXPECT_EQ(drawing.heatmaps[0].values.sizes(), (std::vector<std::int64_t>{4, 4}));
    const auto lines = written(drawing);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "To"), 0) << "a label of what is not there";
    EXPECT_TRUE(is_written(drawing, "first key left out, the rest of each row made to sum to 1"));
    EXPECT_TRUE(is_written(drawing, " % left"));
  }
  const at::Tensor first = view.patterns.layers[0][1].slice(0, 1).slice(1, 0, 1);
  const std::string left = std::to_string(std::lround(100 * (1 - first.mean().item<double>())));
  EXPECT_TRUE(is_written(layout_grid(view, options), left + " % left"));
}

TEST(ViewFigure, a_mean_is_taken_before_its_strongest_keys_are) {
  FigureOptions options;
  options.focus.top = 2;
  const AttentionPatterns patterns = make_patterns({4}, 6, false);
  const View view = view_of(patterns, make_labels(6), question);
  const at::Tensor drawn = layout_last_layer(view, options).heatmaps[0].values;
  EXPECT_TRUE(drawn.isnan().logical_not().sum(-1).eq(2).all().item<bool>());
  const at::Tensor mean = patterns.layers[0].mean(0);
  EXPECT_TRUE(sorted(std::get<0>(mean.topk(2)))
                  .allclose(sorted(std::get<0>(drawn.nan_to_num(-1).topk(2)))));
}

TEST(ViewFigure, what_was_left_out_is_blank_and_has_no_number) {
  FigureOptions options;
  options.focus.top = 1;
  const Drawing drawing =
      layout_last_layer(view_of(make_patterns({1}, 4, false), make_labels(4), "x"), options);
  int n_numbers = 0;
  for (const std::string& line : written(drawing)) n_numbers += line.size() == 4 && line[1] == '.';
  EXPECT_EQ(n_numbers, 4);
  const auto image = painted(drawing);
  const HeatmapItem& item = drawing.heatmaps[0];
  int n_blank = 0;
  for (int cell = 0; cell < 16; ++cell) {
    const int x = int(item.box.x + (cell % 4 + 0.1) * item.box.width / 4);
    const int y = int(item.box.y + (cell / 4 + 0.1) * item.box.height / 4);
    n_blank += image(y, x) == cv::Vec3b(255, 255, 255);
  }
  EXPECT_EQ(n_blank, 12);
}

TEST(ViewFigure, lines_part_the_prompt_from_what_the_model_wrote) {
  View view = view_of(make_patterns({1}, 6), make_labels(6), "x");
  const std::size_t n_lines = layout_grid(view, {}).lines.size();
  view.n_prompt = 4;
  const Drawing drawing = layout_grid(view, {});
  ASSERT_EQ(drawing.lines.size(), n_lines + 2);
  EXPECT_TRUE(is_written(drawing, "beyond the lines: written by the model"));
  const Box& panel = drawing.heatmaps[0].box;
  const auto has = [&](const auto& is_it) {
    return std::any_of(drawing.lines.begin(), drawing.lines.end(),
                       [&](const LineItem& line) { return is_it(line.box); });
  };
  const double x = panel.x + panel.width * 4 / 6, y = panel.y + panel.height * 4 / 6;
  EXPECT_TRUE(has([&](const Box& line) {
    return std::abs(line.y - y) < 3 && std::abs(line.x - panel.x) < 2 &&
           std::abs(line.width - panel.width * 4 / 6) < 3;
  }));
  EXPECT_TRUE(has([&](const Box& line) {
    return std::abs(line.x - x) < 3 && std::abs(line.y - y) < 3 &&
           std::abs(line.height - panel.height * 2 / 6) < 3;
  }));
  view.n_prompt = 6;  // it wrote nothing
  EXPECT_EQ(layout_grid(view, {}).lines.size(), n_lines);
}

TEST(ViewFigure, the_terminal_says_what_was_done_and_keeps_to_its_width) {
  View view = rectangular(3, 90, false);
  view.notes = {"pieces of words merged: sum over keys, mean over queries"};
  const std::string text = glance(view, {.width = 40, .focus = {true, 3}});
  EXPECT_NE(text.find("only each query's 3 strongest keys"), std::string::npos);
  EXPECT_NE(text.find("pieces of words merged"), std::string::npos);
  const std::string last = text.substr(text.find("pieces of words"));
  std::istringstream lines(last);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 40U) << line;
  const std::string one = glance(view, {.choice = {.only = {{1, 2}}}});
  EXPECT_NE(one.find("L1H2"), std::string::npos);
}

TEST(ViewFigure, heads_chosen_by_name_are_drawn_in_the_places_of_their_numbers) {
  const View view = view_of(make_patterns({4, 4, 4}, 5), make_labels(5), question);
  FigureOptions options;
  options.choice.only = {{2, 3}, {0, 1}};
  const Drawing grid = layout_grid(view, options);
  ASSERT_EQ(grid.heatmaps.size(), 2U);
  EXPECT_EQ(grid.heatmaps[0].name, "L0H1");
  EXPECT_LT(grid.heatmaps[0].box.x, grid.heatmaps[1].box.x);
  EXPECT_LT(grid.heatmaps[0].box.y, grid.heatmaps[1].box.y);
  EXPECT_FALSE(is_written(grid, "Layer 1"));
  EXPECT_TRUE(is_written(layout_layer_averages(view, options), "L0H1, L2H3"));
  EXPECT_TRUE(is_written(layout_last_layer(view, options), "Layer 2, Head 3"));
}

}  // namespace
}  // namespace attnviz
