#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <string>

#include "attnviz/figure.h"

namespace attnviz {

using Corners = std::array<cv::Point2d, 4>;

inline Corners corners_of(const Box& box) {
  return {{{box.x, box.y},
           {box.x + box.width, box.y},
           {box.x + box.width, box.y + box.height},
           {box.x, box.y + box.height}}};
}

// Where the text's ink is in the picture, turned as it is.
inline Corners corners_of(const TextItem& text) {
  const double angle = text.angle * CV_PI / 180, c = std::cos(angle), s = std::sin(angle);
  Corners corners = corners_of(text.ink);
  for (auto& p : corners) p = {text.x + c * p.x + s * p.y, text.y - s * p.x + c * p.y};
  return corners;
}

// Two convex shapes are apart if some side of one has the other wholly behind it.
inline bool is_apart_along(const Corners& a, const Corners& b) {
  for (std::size_t i = 0; i < 4; ++i) {
    const auto side = a[(i + 1) % 4] - a[i];
    const auto outside = [&](const cv::Point2d& p) { return side.cross(p - a[i]) <= 0.01; };
    if (std::all_of(b.begin(), b.end(), outside)) return true;
  }
  return false;
}
inline bool overlap(const Corners& a, const Corners& b) {
  return !is_apart_along(a, b) && !is_apart_along(b, a);
}

inline bool is_inside(const Corners& corners, const Box& box) {
  return std::all_of(corners.begin(), corners.end(), [&](const cv::Point2d& p) {
    return p.x >= box.x && p.y >= box.y && p.x <= box.x + box.width && p.y <= box.y + box.height;
  });
}

inline std::string name_of(const TextItem& text) {
  std::string name;
  for (const auto& part : text.parts) name += part.text;
  return name;
}

}  // namespace attnviz
