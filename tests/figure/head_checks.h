#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "attnviz/error.h"
#include "attnviz/head_figure.h"
#include "figure/fixtures.h"
#include "figure/geometry.h"

// What the tests of both figures of heads look at.
namespace attnviz {

inline const std::vector<int> six_by_eight(6, 8), ragged{8, 3, 0, 5, 8, 1};

inline std::vector<int> shape(int layers, int heads) {
  return std::vector<int>(layers, heads);
}

inline Box page_of(const Drawing& drawing) {
  return {0, 0, static_cast<double>(drawing.width), static_cast<double>(drawing.height)};
}

inline void expect_whole(const Drawing& drawing) {
  for (const auto& text : drawing.texts) {
    ASSERT_TRUE(is_inside(corners_of(text), page_of(drawing))) << name_of(text) << " is cut";
  }
  EXPECT_NO_THROW((void)paint(drawing));
}

inline void expect_apart(const Drawing& drawing) {
  for (std::size_t i = 0; i < drawing.texts.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      ASSERT_FALSE(overlap(corners_of(drawing.texts[i]), corners_of(drawing.texts[j])))
          << name_of(drawing.texts[i]) << " is over " << name_of(drawing.texts[j]);
    }
    for (const auto& bar : drawing.colour_bars) {
      ASSERT_FALSE(overlap(corners_of(drawing.texts[i]), corners_of(bar.box)))
          << name_of(drawing.texts[i]) << " is over a colour bar";
    }
  }
}

// Where a label of the axis stands: the first of that name is the large map's, the next four the
// small maps', in reading order.
inline const TextItem& named(const Drawing& drawing, const std::string& name, int map) {
  for (const auto& text : drawing.texts) {
    if (name_of(text) == name && map-- == 0) return text;
  }
  throw std::runtime_error("no " + name);
}

// A pixel in the lower left part of the head's cell, where nothing is written.
inline Colour cell_colour(const Drawing& drawing, const cv::Mat3b& picture, HeadId id,
                          int map = 0) {
  const auto& row = named(drawing, "L" + std::to_string(id.layer), map);
  const auto& column = named(drawing, "H" + std::to_string(id.head), map);
  const auto& next = named(drawing, "H" + std::to_string(id.head == 0 ? 1 : id.head - 1), map);
  const double pitch = std::abs(next.x - column.x);
  const double x = column.x - 0.42 * pitch, y = row.y + row.ink.y + row.ink.height / 2;
  return colour_of(picture(static_cast<int>(y), static_cast<int>(x)));
}

template <class Draw>
void expect_refused(const Draw& draw, const std::vector<std::string>& words) {
  try {
    (void)draw();
    ADD_FAILURE() << "not refused: " << words.front();
  } catch (const FigureError& error) {
    for (const auto& word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  }
}

}  // namespace attnviz
