#include "attnviz/change_figure.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attnviz/error.h"
#include "figure/change_fixtures.h"
#include "figure/legibility.h"

namespace attnviz {
namespace {

TEST(ChangeFigure, a_row_is_a_head_before_and_after_and_the_difference) {
  const auto heads = make_changes(3, 11);
  const auto drawing = draw(heads);
  ASSERT_EQ(drawing.heatmaps.size(), 9U);
  for (int row = 0; row < 3; ++row) {
    const auto* map = &drawing.heatmaps[3 * row];
    EXPECT_TRUE(map[0].values.equal(heads[row].before));
    EXPECT_TRUE(map[1].values.equal(heads[row].after));
    for (int q = 0; q < 11; ++q) {
      for (int k = 0; k <= q; ++k) {
        ASSERT_FLOAT_EQ(
            map[2].values[q][k].item<float>(),
            heads[row].after[q][k].item<float>() - heads[row].before[q][k].item<float>());
      }
    }
    EXPECT_EQ(map[0].colours, ColourMap::viridis);
    EXPECT_EQ(map[1].colours, ColourMap::viridis);
    EXPECT_EQ(map[2].colours, ColourMap::blue_red);
  }
}

TEST(ChangeFigure, panels_are_squares_in_rows_and_columns) {
  for (const auto& [n_heads, inches] : std::vector<std::pair<int, double>>{{1, 3.2}, {20, 1.5}}) {
    const auto drawing = draw(make_changes(n_heads, 11), {.dpi = 200});
    for (std::size_t i = 0; i < drawing.heatmaps.size(); ++i) {
      const auto& box = drawing.heatmaps[i].box;
      EXPECT_EQ(box.width, inches * 200);
      EXPECT_EQ(box.height, inches * 200);
      if (i % 3 > 0) {
        const auto& left = drawing.heatmaps[i - 1].box;
        EXPECT_EQ(box.y, left.y);
        EXPECT_GT(box.x, left.x + left.width);
      }
      if (i >= 3) {
        const auto& above = drawing.heatmaps[i - 3].box;
        EXPECT_EQ(box.x, above.x);
        EXPECT_GT(box.y, above.y + above.height);
      }
    }
  }
}

TEST(ChangeFigure, all_rows_share_the_scale_of_weights_and_that_of_differences) {
  const auto heads = make_changes(4, 11);
  const auto drawing = draw(heads);
  float weight = 0, change = 0;
  for (const auto& head : heads) {
    for (const auto& values : {head.before, head.after}) {
      weight = std::max(weight, values.slice(0, 1).max().item<float>());
    }
    change = std::max(change, (head.after - head.before).abs().max().item<float>());
  }
  for (std::size_t i = 0; i < drawing.heatmaps.size(); ++i) {
    const auto& range = drawing.heatmaps[i].range;
    const bool is_difference = i % 3 == 2;
    EXPECT_FLOAT_EQ(static_cast<float>(range.high), is_difference ? change : weight);
    EXPECT_EQ(range.low, is_difference ? -range.high : 0);
    EXPECT_FALSE(range.log);
  }
  ASSERT_EQ(drawing.colour_bars.size(), 2U);
  EXPECT_TRUE(drawing.colour_bars[0].pointed_high);
  EXPECT_TRUE(is_written(drawing, "Row 0, always 1.00, is beyond the scale of weights."));
}

TEST(ChangeFigure, says_what_each_row_and_column_is) {
  auto heads = make_changes(2, 11);
  heads[0].note = "previous-token 0.91 → 0.40";
  const auto drawing = draw(heads, {.before = "gpt.pt", .after = "tuned.pt"});
  for (const auto* text : {"L0H0", "previous-token 0.91 → 0.40", "L1H1", "note 1", "gpt.pt",
                           "tuned.pt", "Difference", "Attention weight"}) {
    EXPECT_TRUE(is_written(drawing, text)) << text;
  }
  EXPECT_TRUE(is_written(drawing, "Attention changed: \"" + question + "\""));
  for (const auto* text : {"Before", "After"}) {
    EXPECT_TRUE(is_written(draw(heads), text)) << text;
    EXPECT_FALSE(is_written(drawing, text)) << text;
  }
}

TEST(ChangeFigure, names_stand_over_their_rows) {
  const auto drawing = draw(make_changes(3, 11));
  for (const auto& text : drawing.texts) {
    const auto name = name_of(text);
    if (!name.starts_with("L") && !name.starts_with("note")) continue;
    const auto& box = drawing.heatmaps[3 * (name.back() - '0')].box;
    EXPECT_LT(text.y, box.y) << name;
    EXPECT_GT(text.y, box.y - 0.2 * 150) << name;
  }
}

TEST(ChangeFigure, tokens_are_named_below_20_and_numbered_from_there) {
  const auto is_named = [](int n, std::int64_t n_tokens) {
    return is_written(
        layout_changes(make_changes(1, n), make_labels(n), "x", {.n_tokens = n_tokens}),
        "question");
  };
  EXPECT_TRUE(is_named(19, 0));
  EXPECT_TRUE(is_named(19, 19));
  EXPECT_FALSE(is_named(19, 38));
  EXPECT_FALSE(is_named(20, 0));
  EXPECT_TRUE(is_written(draw(make_changes(1, 20)), "15"));
}

// Each number stands beside its token's share of the cell.
TEST(ChangeFigure, cells_of_several_tokens_have_the_tokens_numbers) {
  for (const auto& [cells, tokens] :
       std::vector<std::pair<int, int>>{{32, 256}, {32, 100}, {30, 1000}, {8, 15}, {20, 34}}) {
    SCOPED_TRACE(std::to_string(tokens) + " tokens in " + std::to_string(cells));
    const auto drawing = draw(make_changes(2, cells), {.n_tokens = tokens});
    const auto& panel = drawing.heatmaps[0].box;
    int numbers = 0, largest = 0;
    for (const auto& text : drawing.texts) {
      const double middle = text.y + text.ink.y + text.ink.height / 2;
      if (text.anchor != Anchor::end || text.x > panel.x || text.y > panel.y + panel.height + 5) {
        continue;
      }
      const int token = std::stoi(name_of(text));
      int cell = 0;
      while ((cell + 1) * tokens / cells <= token) ++cell;
      const int from = cell * tokens / cells, to = (cell + 1) * tokens / cells;
      const double place = (cell + (token - from + 0.5) / (to - from)) / cells;
      EXPECT_NEAR(middle, panel.y + panel.height * place, 2) << token;
      largest = std::max(largest, token);
      ++numbers;
    }
    EXPECT_GE(numbers, 3);
    EXPECT_GE(largest, tokens * 2 / 3);
  }
}

TEST(ChangeFigure, says_how_many_tokens_a_row_stands_for) {
  const auto heads = make_changes(1, 32);
  EXPECT_TRUE(is_written(draw(heads, {.n_tokens = 256}), "column is the mean of 8 tokens."));
  EXPECT_TRUE(is_written(draw(heads, {.n_tokens = 100}), "column is the mean of 3 or 4 tokens."));
  EXPECT_FALSE(is_written(draw(heads), "the mean of"));
  EXPECT_FALSE(is_written(draw(heads, {.n_tokens = 256}), "always 1.00"));
}

TEST(ChangeFigure, long_names_of_files_keep_their_ends) {
  const std::string folder(200, 'x');
  const auto drawing = draw(make_changes(1, 11),
                            {.before = folder + "/step-100.pt", .after = folder + "/step-200.pt"});
  EXPECT_TRUE(is_written(drawing, "/step-100.pt"));
  EXPECT_TRUE(is_written(drawing, "/step-200.pt"));
  EXPECT_FALSE(is_written(drawing, folder));
  expect_legible(drawing);
}

class ChangeFigures : public testing::TestWithParam<int> {};

TEST_P(ChangeFigures, texts_neither_overlap_nor_are_cut) {
  const int n = GetParam();
  for (const int n_heads : {1, 4, 6, 30}) {
    if (n > 100 && n_heads > 6) continue;
    SCOPED_TRACE(std::to_string(n_heads) + " heads");
    auto heads = make_changes(n_heads, n);
    for (const int dpi : {40, 72, 150, 300}) {
      expect_legible(layout_changes(heads, make_labels(n), question, {.dpi = dpi}));
    }
    for (auto& head : heads) head.note = std::string(500, 'W');
    const std::string name(300, 'M');
    const ChangeFigureOptions options{
        .before = name, .after = name, .causal = false, .n_tokens = 0, .dpi = 72};
    expect_legible(layout_changes(heads, make_odd_labels(n), std::string(3000, 'W'), options));
    expect_legible(layout_changes(heads, {}, "", {.n_tokens = 7L * n + 1}));
  }
}

INSTANTIATE_TEST_SUITE_P(T, ChangeFigures,
                         testing::Values(1, 2, 5, 11, 14, 15, 19, 20, 40, 64, 257));

TEST(ChangeFigure, any_number_of_heads_can_be_painted) {
  for (const int n_heads : {1, 2, 5, 9, 40}) {
    EXPECT_NO_THROW((void)paint(draw(make_changes(n_heads, 11), {.dpi = 40}))) << n_heads;
  }
}

template <class Expected>
void expect_refused(const std::vector<ChangedPattern>& heads, int n_labels,
                    const ChangeFigureOptions& options, const std::string& word) {
  try {
    (void)layout_changes(heads, make_labels(n_labels), "x", options);
    ADD_FAILURE() << "not refused: " << word;
  } catch (const Expected& error) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

TEST(ChangeFigure, refuses_what_it_cannot_draw) {
  const auto heads = make_changes(2, 5);
  expect_refused<FigureError>({}, 5, {}, "no changed heads");
  expect_refused<FigureError>(heads, 5, {.dpi = 0}, "0 dots an inch");
  expect_refused<FigureError>(make_changes(300, 5), 5, {.dpi = 1200}, "too large");
  expect_refused<ShapeError>(heads, 4, {}, "4 labels for 5 positions");
  expect_refused<ShapeError>(heads, 0, {.n_tokens = 5}, "0 labels for 5 positions");
  expect_refused<ShapeError>(heads, 5, {.n_tokens = 4}, "5 rows cannot stand for 4 tokens");
  expect_refused<ShapeError>(heads, 5, {.n_tokens = -1}, "cannot stand for -1 tokens");
}

TEST(ChangeFigure, refuses_patterns_of_other_shapes_naming_the_head) {
  const auto square = at::zeros({5, 5});
  const auto refused = [&](const at::Tensor& before, const at::Tensor& after,
                           const std::string& word) {
    expect_refused<ShapeError>({{{0, 0}, square, square}, {{3, 5}, before, after}}, 5, {}, word);
  };
  refused(at::zeros({5, 4}), square, "L3H5 have the shapes [5, 4] and [5, 5]");
  refused(square, at::zeros({5, 4}), "L3H5 have the shapes [5, 5] and [5, 4]");
  refused(at::zeros({4, 4}), at::zeros({4, 4}), "L3H5");
  refused(at::zeros({1, 5, 5}), square, "[1, 5, 5]");
  refused(square, at::Tensor(), "[5, 5] and []");
  expect_refused<ShapeError>({{{3, 5}, at::zeros({0, 0}), at::zeros({0, 0})}}, 0, {}, "T >= 1");
}

}  // namespace
}  // namespace attnviz
