#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <functional>

namespace attnviz {

/// Sums that come out the same, bit for bit, in any order and grouping: integers in units of 2^-36,
/// so a term is exact to 1e-11 and, in 64 bits, the sum of a million terms of up to 128 fits.
inline constexpr double kFixedOne = 68719476736.0;

/// Sums and sums of squares of up to so many terms of up to this size fit 128 bits: tokens are
/// counted, too, and many texts come together where shards are merged.
__extension__ using Wide = __int128;
inline constexpr std::int64_t kMostTerms = 1 << 24;
inline constexpr double kMostTerm = 1 << 15;
inline constexpr Wide kMostFixed = Wide{1} << (15 + 36);

inline at::Tensor to_fixed(const at::Tensor& values) {
  return values.to(at::kDouble).mul(kFixedOne).round().to(at::kLong);
}
inline at::Tensor from_fixed(const at::Tensor& sums) {
  return sums.to(at::kDouble).div(kFixedOne);
}

/// Adds the fields of another to one's own, as visit_fields of both says.
inline constexpr auto combine_fields = [](auto combine, auto& mine, const auto& theirs) {
  mine = combine(mine, theirs);
};

struct FixedSum {
  Wide sum = 0;
  std::int64_t n = 0;
  void add(double value) {
    sum += std::llround(value * kFixedOne);
    ++n;
  }
  void add(const FixedSum& other) { visit_fields(combine_fields, *this, other); }
  [[nodiscard]] double mean() const {
    return static_cast<double>(sum) / kFixedOne / static_cast<double>(n);
  }
  /// That it can be the sum of n terms, n <= n_most.
  [[nodiscard]] bool is_sound(std::int64_t n_most) const {
    return n >= 0 && n <= n_most && sum <= kMostFixed * n && sum >= -kMostFixed * n;
  }
  /// visit(how two become one, that field of each); the one list of fields.
  template <typename Visit, typename... Sums>
  static void visit_fields(Visit&& visit, Sums&... sums) {
    visit(std::plus<>(), sums.sum...);
    visit(std::plus<>(), sums.n...);
  }
};

/// A sum of squares to go with a FixedSum of the same values, exact likewise.
struct FixedSquares {
  Wide sum = 0;
  void add(double value) {
    const Wide fixed = std::llround(value * kFixedOne);
    sum += fixed * fixed;
  }
  /// Sum of (value - mean)^2; at least 0.
  [[nodiscard]] double deviation(const FixedSum& of) const {
    // Around q, the mean without its fraction rest / n, since sum * n would not fit 128 bits.
    const Wide q = of.sum / of.n, rest = of.sum % of.n;
    const Wide around_q = sum - q * (of.sum + rest);
    const auto fraction = static_cast<double>(rest * rest) / static_cast<double>(of.n);
    return (static_cast<double>(around_q) - fraction) / kFixedOne / kFixedOne;
  }
};

}  // namespace attnviz
