#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "figure/change_fixtures.h"
#include "figure/colours.h"
#include "figure/heatmap.h"

// The panel of differences, its scale and its colour bar.
namespace attnviz {
namespace {

// What is written beside the colour bar at the right: value and where it stands, 0 to 1.
std::vector<std::pair<std::string, double>> ticks_of_differences(const Drawing& drawing) {
  const auto& bar = drawing.colour_bars.at(1).box;
  std::vector<std::pair<std::string, double>> ticks;
  for (const auto& text : drawing.texts) {
    const double middle = text.y - 0.365 * text.size;
    if (text.x < bar.x + bar.width || text.angle != 0 || middle < bar.y - 2) continue;
    if (middle > bar.y + bar.height + 2) continue;
    ticks.emplace_back(name_of(text), 1 - (middle - bar.y) / bar.height);
  }
  return ticks;
}

TEST(ChangeDifference, the_largest_change_is_told_with_its_sign) {
  EXPECT_TRUE(is_written(draw(make_change(5, 3, 1, -0.1F)), "largest change -0.10"));
  EXPECT_TRUE(is_written(draw(make_change(5, 3, 1, 0.61F)), "largest change +0.61"));
  EXPECT_TRUE(is_written(draw(make_change(5, 3, 1, -3e-6F)), "largest change -3.0e-06"));
  EXPECT_TRUE(is_written(draw(make_change(5, 3, 1, 0)), "no change"));
}

TEST(ChangeDifference, the_future_and_what_is_no_number_set_no_scale) {
  auto heads = make_change(5, 3, 1, 0.1F);
  heads[0].after[1][4] = 7;
  heads[0].after[2][2] = std::nanf("");
  heads[0].after[4][0] = std::numeric_limits<float>::infinity();
  EXPECT_NEAR(draw(heads).heatmaps[2].range.high, 0.1, 1e-6);
  EXPECT_NEAR(draw(heads, {.causal = false}).heatmaps[2].range.high, 7, 1e-6);
}

TEST(ChangeDifference, ticks_of_differences_say_their_values_however_small) {
  for (const float by : {0.61F, -0.02F, 3e-6F, -7e-9F}) {
    const auto drawing = draw(make_change(5, 3, 1, by));
    const auto& range = drawing.heatmaps[2].range;
    const auto ticks = ticks_of_differences(drawing);
    EXPECT_GE(ticks.size(), 3U);
    std::set<std::string> labels;
    for (const auto& [label, place] : ticks) {
      EXPECT_TRUE(labels.insert(label).second) << label;
      EXPECT_FALSE(label.starts_with("0.0e")) << label;
      EXPECT_NEAR(std::stod(label), range.low + place * (range.high - range.low),
                  0.01 * (range.high - range.low))
          << label;
    }
    EXPECT_TRUE(std::any_of(ticks.begin(), ticks.end(),
                            [](const auto& tick) { return std::stod(tick.first) == 0; }));
  }
}

TEST(ChangeDifference, heads_that_did_not_change_are_white_on_a_scale_of_nothing_but_0) {
  auto drawing = draw(make_change(30, 3, 1, 0));
  const auto ticks = ticks_of_differences(drawing);
  ASSERT_EQ(ticks.size(), 1U);
  EXPECT_EQ(ticks[0].first, "0");
  EXPECT_NEAR(ticks[0].second, 0.5, 0.01);
  const auto picture = painted(drawing);
  const auto& box = drawing.heatmaps[2].box;
  EXPECT_EQ(colour_of(picture(static_cast<int>(box.y + 0.8 * box.height),
                              static_cast<int>(box.x + 0.2 * box.width))),
            colour_at(ColourMap::blue_red, 0.5));
}

// From the left: cells, the line, and then nothing.
TEST(ChangeDifference, a_line_parts_white_differences_from_the_blank_future) {
  for (const int n : {2, 11, 64, 700}) {
    auto drawing = draw(make_change(n, 1, 1, 0));
    drawing.texts.clear();
    const auto picture = painted(drawing);
    const auto& box = drawing.heatmaps[2].box;
    const auto size = static_cast<std::int64_t>(box.height);
    const auto cells = cells_under_pixels(size, n);
    for (std::int64_t y = 0; y < size; y += 7) {
      const auto colour_in = [&](std::int64_t x) {
        return colour_of(
            picture(static_cast<int>(box.y) + static_cast<int>(y), static_cast<int>(box.x + x)));
      };
      const auto last_query = cells[y].to - 1;
      std::int64_t end = 0;
      while (end < size && cells[end].from <= last_query) ++end;
      for (std::int64_t x = 0; x < end; ++x) {
        ASSERT_EQ(colour_in(x), colour_at(ColourMap::blue_red, 0.5)) << n << ": " << y << ", " << x;
      }
      if (end < size) {
        ASSERT_EQ(colour_in(end), frame_colour) << n << ": " << y;
      }
      if (end + 2 < size) {
        ASSERT_EQ(colour_in(size - 1), white) << n << ": " << y;
      }
    }
  }
}

TEST(ChangeDifference, without_a_future_there_is_no_line_in_a_panel) {
  const auto lines_in = [](bool causal) {
    const auto drawing = draw(make_change(11, 3, 1, 0.1F), {.causal = causal});
    const auto& panel = drawing.heatmaps[2].box;
    return std::count_if(drawing.lines.begin(), drawing.lines.end(), [&](const LineItem& line) {
      return is_inside(corners_of(line.box), panel);
    });
  };
  EXPECT_EQ(lines_in(false), 0);
  EXPECT_GT(lines_in(true), 0);
  EXPECT_FALSE(is_written(draw(make_change(11, 3, 1, 0.1F), {.causal = false}), "left blank"));
}

TEST(ChangeDifference, differences_that_are_not_0_are_written_in_their_cells_below_15_rows) {
  const auto drawing = draw(make_change(14, 9, 4, -0.12F));
  const auto& panel = drawing.heatmaps[2].box;
  const auto numbers = inside(drawing, panel);
  ASSERT_EQ(numbers.size(), 1U);
  EXPECT_EQ(name_of(numbers[0]), "-0.12");
  EXPECT_NEAR(numbers[0].x, panel.x + 4.5 / 14 * panel.width, 1);
  EXPECT_NEAR(numbers[0].y + numbers[0].ink.y + numbers[0].ink.height / 2,
              panel.y + 9.5 / 14 * panel.height, 2);
  EXPECT_EQ(numbers[0].colour, white);
  EXPECT_TRUE(inside(drawing, drawing.heatmaps[0].box).empty());
  const auto larger = draw(make_change(15, 9, 4, -0.12F));
  EXPECT_TRUE(inside(larger, larger.heatmaps[2].box).empty());
}

TEST(ChangeDifference, numbers_stay_in_their_cells_or_are_left_out) {
  int written_in = 0;
  for (const int n : {1, 3, 5, 8, 11, 14}) {
    for (const int n_heads : {1, 6, 20}) {
      for (const float share : {0.7F, 0.01F, 1e-6F}) {
        const auto drawing = draw(make_changes(n_heads, n, share));
        for (std::size_t i = 2; i < drawing.heatmaps.size(); i += 3) {
          const auto& panel = drawing.heatmaps[i].box;
          for (const auto& text : inside(drawing, panel)) {
            const double cell = panel.width / n;
            const double column = std::floor((text.x - panel.x) / cell);
            EXPECT_TRUE(is_inside(corners_of(text), {panel.x + column * cell, 0, cell, 1e9}));
            ++written_in;
          }
        }
      }
    }
  }
  EXPECT_GT(written_in, 1000);
}

TEST(ChangeDifference, many_cells_say_that_they_are_shrunk) {
  EXPECT_TRUE(is_written(draw(make_changes(1, 600)),
                         "1 px = max of up to 2 × 2 cells; of "
                         "differences, the largest in size."));
  EXPECT_FALSE(is_written(draw(make_changes(1, 100)), "1 px"));
}

}  // namespace
}  // namespace attnviz
