#pragma once

#include <span>
#include <string>
#include <vector>

#include "figure/sheet.h"

namespace attnviz {

enum class Side { left, bottom };

/// What is written along one side of a heatmap: tokens, or the numbers of positions.
struct Axis {
  struct Entry {
    double place = 0;  ///< along the heatmap's side, 0 to 1
    Label label;
  };
  Side side = Side::left;
  std::vector<Entry> entries{};
  std::int64_t every = 1;  ///< one position in so many is written
  bool names_tokens = true;
  double size = 0;  ///< of the letters, in pixels
  int angle = 0;
  double depth = 0;  ///< from the heatmap to the labels' far end, in pixels
};

struct Axes {
  Axis rows, columns;
};

/// How tokens are named. Letters are as large as the room between two positions allows; where even
/// the smallest are too large, only every second, third … token is named. All in points.
struct TokenNames {
  double largest = 11, smallest = 5;
  double width = 60;        ///< of a label; longer ones are cut short with an ellipsis
  int columns_angle = 90;   ///< 45 or 90
  std::int64_t fewer = 20;  ///< positions are numbered, not named, from so many tokens on
};

/// The tokens along one side of a heatmap, and the position of the first.
struct AxisTokens {
  std::span<const Label> labels;
  std::int64_t first = 0;
};

/// For a heatmap of that many pixels: both axes have letters of one size, and where they have as
/// many tokens, they name the same ones.
[[nodiscard]] Axes plan_axes(const Sheet& sheet, const AxisTokens& rows, const AxisTokens& columns,
                             const TokenNames& names, double width, double height);

/// Of a heatmap whose n_cells rows and columns each stand for several of n_positions: cell i for
/// those from i * n_positions / n_cells up to the next cell's. Positions are numbered, in letters
/// of at most that many points.
[[nodiscard]] Axes plan_position_axes(const Sheet& sheet, std::int64_t n_positions,
                                      std::int64_t n_cells, double points, double width,
                                      double height);

void draw_axis(Sheet& sheet, const Axis& axis, const Box& heatmap);

/// `, every 4th token`, or nothing where each is named or none is.
[[nodiscard]] std::string thinning_note(const Axis& axis);

}  // namespace attnviz
