#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// Where a value lies between the range's ends, 0 to 1 and beyond. NaN stays NaN.
[[nodiscard]] inline double place_of(double value, const ValueRange& range) {
  if (!range.log) return (value - range.low) / (range.high - range.low);
  if (value <= 0) return -1;
  return std::log(value / range.low) / std::log(range.high / range.low);
}

/// values: [query, key] float32. Whether the first row has one key to attend to, and gives it all:
/// a sink that is no token may take a part.
[[nodiscard]] bool says_nothing(const at::Tensor& values, bool causal);

/// values: [query, key] float32, contiguous. The largest weight that may set a colour scale: a
/// first row that says nothing counts only where it is all there is. NaN is passed over; 0 where
/// nothing is left.
[[nodiscard]] double largest_weight(const at::Tensor& values, bool causal);

/// high: the largest weight of what shares the scale.
[[nodiscard]] ValueRange value_range(ColourScale scale, double high);

/// One mark of a colour bar.
struct ScaleTick {
  double place;  ///< 0 is the bar's low end, 1 its high end
  std::string label;
};

/// At round values, at most about six; none for a range that differs from panel to panel but its
/// two ends.
[[nodiscard]] std::vector<ScaleTick> scale_ticks(ColourScale scale, const ValueRange& range);

/// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
[[nodiscard]] double round_step(double least);

/// With a fixed number of decimals, "nan" for what is no number.
[[nodiscard]] std::string decimal(double value, int decimals);

}  // namespace attnviz
