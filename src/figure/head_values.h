#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attnviz/heads.h"
#include "figure/scale.h"

namespace attnviz {

/// Which heads each layer has. Their places are counted through, layer by layer.
struct HeadShape {
  KeptHeads heads;         ///< of each layer, their numbers; a layer may have none
  std::vector<int> first;  ///< the place of a layer's first head
  int columns = 0;         ///< one for each number up to the largest

  [[nodiscard]] int rows() const { return static_cast<int>(heads.size()); }
  [[nodiscard]] int n_heads(int layer) const { return static_cast<int>(heads[layer].size()); }
  [[nodiscard]] int count() const { return first.back() + n_heads(rows() - 1); }
  bool operator==(const HeadShape&) const = default;
};

/// Throws FigureError: no heads, or they are not in order.
[[nodiscard]] HeadShape shape_of(const HeadReport& report);

/// `6 layers of 8 heads`, `3 layers of 8, 3 and 5 heads`.
[[nodiscard]] std::string to_string(const HeadShape& shape);

/// One a head; none: not measured.
using HeadNumbers = std::vector<std::optional<double>>;

/// What is not a finite number is none.
[[nodiscard]] HeadNumbers numbers_of(const HeadReport& report, Score score);

/// The importance as given, less what is not finite. Throws FigureError, naming whose it is, where
/// there are some numbers, but not one a head.
[[nodiscard]] HeadNumbers measured(const HeadNumbers& importance, const HeadShape& shape,
                                   const std::string& whose);

[[nodiscard]] bool has_any(const HeadNumbers& numbers);

/// One score of all heads, and how it is told.
struct ValueScale {
  std::string title;
  ColourMap colours = ColourMap::blues;
  ValueRange range;
  std::vector<ScaleTick> ticks;
  int decimals = 2;
};

/// 0 to 1.
[[nodiscard]] ValueScale unit_scale(const std::string& title);

/// From 0 to the largest number; where some are below 0, as far below as above it, 0 in white.
[[nodiscard]] ValueScale measured_scale(const std::string& title, const HeadNumbers& numbers);

/// As far below 0 as above it, 0 in white. ticks: about as many at most, at round values, 0 among
/// them; that one alone where `largest` is 0, which has no scale.
[[nodiscard]] ValueScale signed_scale(const std::string& title, double largest, double ticks);

/// Instead of a number of decimals: 1.5e-07.
inline constexpr int in_powers = -1;

/// Of numbers up to this size, so many decimals show two digits.
[[nodiscard]] int decimals_for(double largest);

/// As decimal(), and nothing is -0.00; in powers, 0 is 0.
[[nodiscard]] std::string signed_decimal(double value, int decimals);

}  // namespace attnviz
