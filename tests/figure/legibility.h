#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "figure/geometry.h"

namespace attnviz {

// All texts are in the picture and over nothing else that is read.
inline void expect_legible(const Drawing& drawing) {
  const Box picture{0, 0, static_cast<double>(drawing.width), static_cast<double>(drawing.height)};
  std::vector<Corners> all;
  for (const auto& text : drawing.texts) {
    const auto corners = corners_of(text);
    ASSERT_TRUE(is_inside(corners, picture)) << name_of(text) << " is cut";
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_FALSE(overlap(corners, all[i]))
          << name_of(text) << " is over " << name_of(drawing.texts[i]);
    }
    for (const auto& map : drawing.heatmaps) {
      ASSERT_TRUE(is_inside(corners, map.box) || !overlap(corners, corners_of(map.box)))
          << name_of(text) << " is over the edge of a heatmap";
    }
    for (const auto& bar : drawing.colour_bars) {
      ASSERT_FALSE(overlap(corners, corners_of(bar.box)))
          << name_of(text) << " is over a colour bar";
    }
    all.push_back(corners);
  }
}

}  // namespace attnviz
