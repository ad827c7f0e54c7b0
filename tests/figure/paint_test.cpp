#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include "figure/colours.h"
#include "figure/fixtures.h"
#include "figure/heatmap.h"
#include "figure/scale.h"

namespace attnviz {
namespace {

// The pixels' own colours, through PNG and an independent decoder, with no letters in the way.
cv::Mat3b decoded(Drawing drawing) {
  drawing.texts.clear();
  return decode(encode_png(drawing, 150));
}

// Of all pixels, row by row.
std::vector<std::int16_t> levels_of(const HeatmapItem& item) {
  HeatmapRows rows(item);
  std::vector<std::int16_t> all;
  for (int y = 0; y < item.box.height; ++y) {
    rows.seek(y);
    all.insert(all.end(), rows.levels().begin(), rows.levels().end());
  }
  return all;
}

// Within ±1 of the colours that the map has from half a step below the value to half a step above.
bool shows(const cv::Vec3b& pixel, double t, ColourMap map) {
  const double half = 0.5 / (n_levels - 1);
  const auto low = colour_at(map, t - half), high = colour_at(map, t + half);
  for (int c = 0; c < 3; ++c) {
    if (pixel[c] + 1 < std::min(low[c], high[c])) return false;
    if (pixel[c] > std::max(low[c], high[c]) + 1) return false;
  }
  return true;
}

void expect_exact(const Drawing& drawing) {
  const auto picture = decoded(drawing);
  for (const auto& map : drawing.heatmaps) {
    const auto n = map.values.size(0);
    const auto width = std::lround(map.box.width), height = std::lround(map.box.height);
    int wrong = 0, not_blank = 0;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const auto q = y * n / height, k = x * n / width;
        const auto& pixel =
            picture(static_cast<int>(map.box.y) + y, static_cast<int>(map.box.x) + x);
        if (map.causal && k > q) {
          not_blank += pixel == cv::Vec3b(255, 255, 255) ? 0 : 1;
        } else {
          const double value = map.values[q][k].item<double>();
          wrong +=
              shows(pixel, std::clamp(place_of(value, map.range), 0.0, 1.0), map.colours) ? 0 : 1;
        }
      }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(not_blank, 0);
  }
}

TEST(Paint, every_pixel_of_a_cell_has_the_colour_of_its_value_and_the_future_is_blank) {
  const auto patterns = make_patterns({2}, 7);
  for (const auto layout : layouts) {
    for (const auto scale :
         {ColourScale::figure, ColourScale::panel, ColourScale::unit, ColourScale::log}) {
      expect_exact(layout(view_of(patterns, make_labels(7), "x"), {.dpi = 40, .scale = scale}));
    }
  }
}

TEST(Paint, a_bidirectional_pattern_has_all_its_cells) {
  for (const auto layout : layouts) {
    expect_exact(layout(view_of(make_patterns({2}, 6, false), make_labels(6), "x"), {.dpi = 40}));
  }
}

TEST(Paint, cells_tile_the_panel_and_differ_by_a_pixel_at_most) {
  for (const std::int64_t pixels : {11, 100, 317, 1000}) {
    for (const std::int64_t cells : {1, 2, 7, 11}) {
      std::vector<int> size(cells);
      std::int64_t last = 0;
      for (const auto span : cells_under_pixels(pixels, cells)) {
        ASSERT_EQ(span.to, span.from + 1);
        ASSERT_TRUE(span.from == last || span.from == last + 1);
        last = span.from;
        ++size[span.from];
      }
      EXPECT_EQ(last, cells - 1);
      const auto [least, most] = std::minmax_element(size.begin(), size.end());
      EXPECT_LE(*most - *least, 1);
    }
  }
}

TEST(Paint, shrunken_cells_are_each_under_one_pixel) {
  for (const std::int64_t pixels : {1, 10, 317, 1023}) {
    std::int64_t next = 0;
    for (const auto span : cells_under_pixels(pixels, 1024)) {
      ASSERT_EQ(span.from, next);
      ASSERT_GT(span.to, span.from);
      next = span.to;
    }
    EXPECT_EQ(next, 1024);
  }
}

TEST(Paint, one_strong_cell_among_a_million_is_not_lost) {
  for (const auto& [q, k] :
       std::vector<std::pair<int, int>>{{1023, 0}, {1023, 1023}, {700, 123}, {1, 1}}) {
    AttentionPatterns patterns;
    patterns.layers.push_back(at::zeros({8, 1024, 1024}));
    patterns.layers[0][5][q][k] = 0.9F;
    const auto drawing =
        layout_grid(view_of(patterns, make_labels(1024), "x"), {.scale = ColourScale::figure});
    const auto& map = drawing.heatmaps[5];
    const auto picture = decoded(drawing);
    const auto top = colour_at(ColourMap::viridis, 1);
    int found = 0;
    for (int y = 0; y < map.box.height; ++y) {
      for (int x = 0; x < map.box.width; ++x) {
        const auto pixel =
            colour_of(picture(static_cast<int>(map.box.y) + y, static_cast<int>(map.box.x) + x));
        if (pixel != top) continue;
        ++found;
        EXPECT_EQ(y, static_cast<int>(((q + 1) * map.box.height - 1) / 1024));
        EXPECT_EQ(x, static_cast<int>(((k + 1) * map.box.width - 1) / 1024));
      }
    }
    EXPECT_EQ(found, 1);
  }
}

// Four cells a pixel: of 0.2 and -0.3, the second, and of two equally far, the larger.
TEST(Paint, a_pixel_over_many_cells_of_a_diverging_map_keeps_the_strongest_and_its_sign) {
  auto values = at::zeros({8, 8});
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  values.slice(0, 0, 2).slice(1, 0, 2).copy_(at::tensor({0.2F, nan, 0.F, -0.3F}).view({2, 2}));
  values.slice(0, 2, 4).slice(1, 0, 2).copy_(at::tensor({-0.5F, 0.5F, 0.F, 0.F}).view({2, 2}));
  values[7][7] = -0.01F;
  values.slice(0, 4, 6).slice(1, 6, 8).fill_(nan);
  HeatmapItem item{{0, 0, 4, 4}, values, ColourMap::blue_red, {-0.5, 0.5}, false};
  const auto shown = levels_of(item);
  const auto level = [&](double value) { return level_of(place_of(value, item.range)); };
  EXPECT_EQ(shown[0], level(-0.3));
  EXPECT_EQ(shown[4], level(0.5));
  EXPECT_EQ(shown[15], level(-0.01));
  EXPECT_EQ(shown[11], missing_pixel);
  EXPECT_EQ(shown[1], level(0));
  item.colours = ColourMap::viridis;
  EXPECT_EQ(levels_of(item)[0], level(0.2));
}

TEST(Paint, a_diverging_map_is_strong_far_from_the_middle_of_its_range) {
  const auto values = at::tensor({0.9F, 0.2F}).view({1, 2});
  const HeatmapItem item{{0, 0, 1, 1}, values, ColourMap::blue_red, {0.1, 1.1}, false};
  EXPECT_EQ(levels_of(item)[0], level_of(place_of(0.2F, item.range)));
}

TEST(Paint, a_cell_that_is_no_number_is_grey_and_written_nan) {
  auto patterns = make_patterns({1}, 4);
  patterns.layers[0][0][2][1] = std::numeric_limits<float>::quiet_NaN();
  const auto drawing = layout_last_layer(view_of(patterns, make_labels(4), "x"));
  EXPECT_TRUE(is_written(drawing, "nan"));
  const auto picture = decoded(drawing);
  const auto& box = drawing.heatmaps[0].box;
  EXPECT_EQ(colour_of(picture(static_cast<int>(box.y + box.height * 0.6),
                              static_cast<int>(box.x + box.width * 0.3))),
            missing_colour);
}

TEST(Paint, a_colour_bar_runs_from_low_at_the_bottom_to_high_at_the_top) {
  const auto drawing = layout_grid(view_of(make_patterns({2}, 5), make_labels(5), "x"));
  const auto picture = decoded(drawing);
  const auto& bar = drawing.colour_bars[0].box;
  for (int y = 0; y < bar.height; ++y) {
    const double t = 1 - (y + 0.5) / bar.height;
    EXPECT_TRUE(shows(picture(static_cast<int>(bar.y) + y, static_cast<int>(bar.x + bar.width / 2)),
                      t, ColourMap::viridis))
        << y;
  }
}

TEST(Paint, a_grid_has_colours_for_a_palette) {
  const auto patterns = make_patterns({8, 8, 8, 8, 8, 8}, 19);
  const auto image = painted(layout_grid(view_of(patterns, make_labels(19), question)));
  std::set<Colour> colours;
  for (const auto& pixel : image) colours.insert(colour_of(pixel));
  EXPECT_LE(colours.size(), 256U);
}

TEST(Paint, marks_are_lighter_than_letters) {
  Drawing drawing;
  drawing.width = 200;
  drawing.height = 60;
  TextItem text;
  text.parts = {{"■", true}, {"■", false}};
  text.x = 20;
  text.y = 50;
  text.size = 60;
  text.colour = black;
  text.mark_colour = mark_colour;
  drawing.texts.push_back(text);
  std::set<Colour> colours;
  for (const auto& pixel : painted(drawing)) colours.insert(colour_of(pixel));
  EXPECT_TRUE(colours.contains(black));
  EXPECT_TRUE(colours.contains(mark_colour));
}

std::string drawn(int i) {
  const auto patterns = make_patterns({3, 3}, 11);
  return encode_png(layouts[i](view_of(patterns, make_odd_labels(11), question), {}), 150);
}

TEST(Paint, the_same_input_gives_the_same_bytes) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(drawn(i), drawn(i));
}

// The last layer's numbers stand in cells of many colours: no palette, from some row on.
TEST(Paint, a_drawing_encoded_band_by_band_gives_the_bytes_of_the_whole_picture) {
  for (const int n : {11, 300}) {
    const auto patterns = make_patterns({3, 3}, n);
    for (const auto layout : layouts) {
      const auto drawing = layout(view_of(patterns, make_labels(n), question), {});
      EXPECT_EQ(encode_png(drawing, 150), encode_png(paint(drawing), 150)) << n;
    }
  }
}

TEST(Paint, figures_may_be_drawn_in_several_threads_at_once) {
  std::array<std::string, 3> apart, together;
  for (int i = 0; i < 3; ++i) apart[i] = drawn(i);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&together, i] { together[i] = drawn(i); });
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(apart[i], together[i]);
}

}  // namespace
}  // namespace attnviz
