#include "figure/colours.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace attnviz {
namespace {

void expect_near(Colour actual, Colour expected, int tolerance) {
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(actual[c], expected[c], tolerance) << "channel " << c;
  }
}

// matplotlib's viridis: #440154, #414487, #2a788e, #22a884, #7ad151, #fde725 at fifths.
TEST(Colours, viridis_has_its_published_values) {
  expect_near(colour_at(ColourMap::viridis, 0.0), {0x44, 0x01, 0x54}, 1);
  expect_near(colour_at(ColourMap::viridis, 0.2), {0x41, 0x44, 0x87}, 1);
  expect_near(colour_at(ColourMap::viridis, 0.4), {0x2a, 0x78, 0x8e}, 1);
  expect_near(colour_at(ColourMap::viridis, 0.6), {0x22, 0xa8, 0x84}, 1);
  expect_near(colour_at(ColourMap::viridis, 0.8), {0x7a, 0xd1, 0x51}, 1);
  expect_near(colour_at(ColourMap::viridis, 1.0), {0xfd, 0xe7, 0x25}, 1);
}

// colorbrewer2.org, nine classes.
TEST(Colours, yl_or_rd_and_blues_have_colorbrewers_nine_values) {
  const std::array<Colour, 9> yl_or_rd{{{0xff, 0xff, 0xcc},
                                        {0xff, 0xed, 0xa0},
                                        {0xfe, 0xd9, 0x76},
                                        {0xfe, 0xb2, 0x4c},
                                        {0xfd, 0x8d, 0x3c},
                                        {0xfc, 0x4e, 0x2a},
                                        {0xe3, 0x1a, 0x1c},
                                        {0xbd, 0x00, 0x26},
                                        {0x80, 0x00, 0x26}}};
  const std::array<Colour, 9> blues{{{0xf7, 0xfb, 0xff},
                                     {0xde, 0xeb, 0xf7},
                                     {0xc6, 0xdb, 0xef},
                                     {0x9e, 0xca, 0xe1},
                                     {0x6b, 0xae, 0xd6},
                                     {0x42, 0x92, 0xc6},
                                     {0x21, 0x71, 0xb5},
                                     {0x08, 0x51, 0x9c},
                                     {0x08, 0x30, 0x6b}}};
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(colour_at(ColourMap::yl_or_rd, i / 8.0), yl_or_rd[i]) << i;
    EXPECT_EQ(colour_at(ColourMap::blues, i / 8.0), blues[i]) << i;
    EXPECT_EQ(levels(ColourMap::blues)[level_of(i / 8.0)], blues[i]) << i;
  }
}

TEST(Colours, halfway_between_two_published_colours_is_their_mean) {
  expect_near(colour_at(ColourMap::blues, 1 / 16.0), {0xea, 0xf3, 0xfb}, 1);
}

TEST(Colours, values_beyond_the_ends_have_the_ends_colours) {
  EXPECT_EQ(level_of(-3), 0);
  EXPECT_EQ(level_of(7), n_levels - 1);
  EXPECT_EQ(colour_at(ColourMap::viridis, 2), colour_at(ColourMap::viridis, 1));
}

TEST(Colours, a_level_is_at_most_half_a_step_from_its_value) {
  for (int i = 0; i <= 10000; ++i) {
    const double t = i / 10000.0;
    EXPECT_LE(std::abs(level_of(t) / (n_levels - 1.0) - t), 0.5 / (n_levels - 1) + 1e-12) << t;
  }
}

TEST(Colours, maps_letters_and_points_fit_one_palette) {
  EXPECT_LE(n_levels + n_greys + 7, 256);
  std::set<Colour> greys;
  for (int i = 0; i < n_greys; ++i) greys.insert(grey(i));
  EXPECT_EQ(greys.size(), static_cast<std::size_t>(n_greys));
  EXPECT_EQ(black, (Colour{0, 0, 0}));
  EXPECT_EQ(white, (Colour{255, 255, 255}));
}

// WCAG 2: #777777 on white is 4.48, black on white 21.
TEST(Colours, contrast_is_that_of_wcag) {
  EXPECT_NEAR(contrast({0, 0, 0}, {255, 255, 255}), 21, 1e-9);
  EXPECT_NEAR(contrast({0x77, 0x77, 0x77}, {255, 255, 255}), 4.48, 0.005);
  EXPECT_NEAR(contrast({255, 0, 0}, {255, 255, 255}), 4.00, 0.005);
}

TEST(Colours, numbers_are_readable_on_every_level_of_every_map) {
  for (const auto map : {ColourMap::viridis, ColourMap::yl_or_rd, ColourMap::blues}) {
    for (const auto& background : levels(map)) {
      EXPECT_GE(contrast(readable_on(background), background), 4.5);
    }
  }
}

}  // namespace
}  // namespace attnviz
