#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>

namespace attnviz {

/// Sums that come out the same, bit for bit, in any order: integers in units of 2^-36, so a term is
/// exact to 1e-11 and the sum of a million terms of up to 128 fits.
inline constexpr double kFixedOne = 68719476736.0;

inline at::Tensor to_fixed(const at::Tensor& values) {
  return values.to(at::kDouble).mul(kFixedOne).round().to(at::kLong);
}
inline at::Tensor from_fixed(const at::Tensor& sums) {
  return sums.to(at::kDouble).div(kFixedOne);
}

struct FixedSum {
  std::int64_t sum = 0, n = 0;
  void add(double value) {
    sum += std::llround(value * kFixedOne);
    ++n;
  }
  [[nodiscard]] double mean() const {
    return static_cast<double>(sum) / kFixedOne / static_cast<double>(n);
  }
};

/// A sum of squares to go with a FixedSum of the same values, exact likewise.
struct FixedSquares {
  __extension__ using Wide = __int128;
  Wide sum = 0;
  void add(double value) {
    const Wide fixed = std::llround(value * kFixedOne);
    sum += fixed * fixed;
  }
  /// Sum of (value - mean)^2; at least 0.
  [[nodiscard]] double deviation(const FixedSum& of) const {
    const Wide scaled = sum * of.n - static_cast<Wide>(of.sum) * of.sum;
    const auto n = static_cast<double>(of.n);
    return static_cast<double>(scaled) / kFixedOne / kFixedOne / n;
  }
};

}  // namespace attnviz
