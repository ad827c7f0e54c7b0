#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "figure/fixtures.h"
#include "figure/geometry.h"

// Figures of models that heads were pruned from.
namespace attnviz {
namespace {

constexpr int n = 5;

const AttentionPatterns& whole() {
  static const auto patterns = make_patterns({4, 4, 4}, n);
  return patterns;
}

AttentionPatterns with_gaps() {
  return pruned(whole(), {{0, 2}, {}, {3}});
}

Drawing draw(Layout layout, const AttentionPatterns& patterns, const FigureOptions& options = {}) {
  return layout(view_of(patterns, make_labels(n), question), options);
}

const TextItem& text_named(const Drawing& drawing, const std::string& name) {
  const auto found = std::find_if(drawing.texts.begin(), drawing.texts.end(),
                                  [&](const TextItem& text) { return name_of(text) == name; });
  if (found == drawing.texts.end()) throw std::runtime_error("no " + name);
  return *found;
}

double middle_of(const Box& box) {
  return box.x + box.width / 2;
}

void expect_refused(Layout layout, const AttentionPatterns& patterns, const FigureOptions& options,
                    const std::string& words) {
  try {
    (void)draw(layout, patterns, options);
    ADD_FAILURE() << "not refused: " << words;
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(Pruned, heads_of_the_grid_stand_in_the_column_of_their_number) {
  const auto drawing = draw(layout_grid, with_gaps());
  const std::vector<HeadId> ids{{0, 0}, {0, 2}, {2, 3}};
  ASSERT_EQ(drawing.heatmaps.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& [layer, head] = ids[i];
    const auto& map = drawing.heatmaps[i];
    EXPECT_TRUE(map.values.equal(whole().layers[layer][head]));
    EXPECT_NEAR(text_named(drawing, "Head " + std::to_string(head)).x, middle_of(map.box), 1);
    EXPECT_NEAR(text_named(drawing, "Layer " + std::to_string(layer)).y,
                map.box.y + map.box.height / 2, 1);
  }
  EXPECT_FALSE(is_written(drawing, "Head 1"));  // no layer has it
  EXPECT_TRUE(is_written(drawing, "Layer 1"));
}

TEST(Pruned, heads_are_chosen_by_their_numbers) {
  const auto patterns = with_gaps();
  const auto grid = draw(layout_grid, patterns, {.choice = {.heads = {3, 2}}});
  ASSERT_EQ(grid.heatmaps.size(), 2U);
  EXPECT_TRUE(grid.heatmaps[0].values.equal(whole().layers[0][2]));
  EXPECT_TRUE(grid.heatmaps[1].values.equal(whole().layers[2][3]));
  EXPECT_LT(grid.heatmaps[0].box.x, grid.heatmaps[1].box.x);
  const auto last = draw(layout_last_layer, patterns, {.choice = {.heads = {3}}});
  EXPECT_TRUE(last.heatmaps.at(0).values.equal(whole().layers[2][3]));
  EXPECT_TRUE(is_written(last, "Layer 2, Head 3 Attention Pattern"));
}

TEST(Pruned, numbers_that_are_not_left_are_refused_and_those_that_are_named) {
  for (const auto layout : layouts) {
    expect_refused(layout, with_gaps(), {.choice = {.heads = {1}}},
                   "no head 1; there are heads 0, 2, 3");
    expect_refused(layout, with_gaps(), {.choice = {.layers = {2}, .heads = {0}}},
                   "there is head 3");
    expect_refused(layout, with_gaps(), {.choice = {.layers = {1}}}, "no heads");
    expect_refused(layout, whole(), {.choice = {.heads = {4}}}, "there are heads 0 to 3");
  }
  // The last layer that has it, then.
  EXPECT_TRUE(is_written(draw(layout_last_layer, with_gaps(), {.choice = {.heads = {2}}}),
                         "Layer 0, Head 2 Attention Pattern"));
}

TEST(Pruned, averages_are_over_the_heads_left_and_say_where_there_are_none) {
  const auto drawing = draw(layout_layer_averages, with_gaps());
  ASSERT_EQ(drawing.heatmaps.size(), 2U);
  EXPECT_TRUE(
      drawing.heatmaps[0].values.allclose((whole().layers[0][0] + whole().layers[0][2]) / 2));
  EXPECT_TRUE(drawing.heatmaps[1].values.equal(whole().layers[2][3]));
  EXPECT_NEAR(text_named(drawing, "Layer 2").x, middle_of(drawing.heatmaps[1].box), 1);
  EXPECT_TRUE(is_written(drawing, "Layer 1: no heads left"));
  const auto chosen = draw(layout_layer_averages, with_gaps(), {.choice = {.heads = {2}}});
  EXPECT_EQ(chosen.heatmaps.size(), 1U);
  EXPECT_TRUE(is_written(chosen, "Layer 1: no heads left"));
  EXPECT_TRUE(is_written(chosen, "Layer 2: none of these heads"));
}

TEST(Pruned, a_last_layer_without_heads_is_said_to_have_none) {
  const auto patterns = pruned(whole(), {{0, 1, 2, 3}, {1}, {}});
  const auto drawing = draw(layout_last_layer, patterns);
  EXPECT_TRUE(drawing.heatmaps.empty());
  EXPECT_TRUE(drawing.colour_bars.empty());
  EXPECT_EQ(written(drawing),
            (std::vector<std::string>{"Last Layer Attention Pattern", "\"" + question + "\"",
                                      "Layer 2 has no heads left"}));
  EXPECT_EQ(drawing.width, 12 * 150);
  EXPECT_EQ(drawing.height, 8 * 150);
  EXPECT_NO_THROW((void)paint(drawing));
  EXPECT_EQ(draw(layout_grid, patterns).heatmaps.size(), 5U);
  EXPECT_EQ(draw(layout_layer_averages, patterns).heatmaps.size(), 2U);
}

TEST(Pruned, of_chosen_layers_the_last_that_has_heads_is_drawn) {
  const auto patterns = pruned(whole(), {{0}, {1}, {}});
  EXPECT_TRUE(is_written(draw(layout_last_layer, patterns, {.choice = {.layers = {0, 2}}}),
                         "Layer 0 Attention Pattern"));
  EXPECT_TRUE(is_written(draw(layout_last_layer, patterns, {.choice = {.heads = {1}}}),
                         "Layer 1, Head 1 Attention Pattern"));
}

TEST(Pruned, numbers_must_be_those_of_the_heads) {
  auto patterns = with_gaps();
  for (const KeptHeads& kept : {KeptHeads{{0}, {}, {3}}, KeptHeads{{0, 2}, {}}}) {
    patterns.kept = kept;
    for (const auto layout : layouts) EXPECT_THROW((void)draw(layout, patterns), ShapeError);
  }
}

}  // namespace
}  // namespace attnviz
