#pragma once

#include <cstdint>
#include <string>

#include "attnviz/patterns.h"

namespace attnviz {

/// How many weights a page holds of the patterns: those of the future are left out.
[[nodiscard]] std::uint64_t n_weights(const AttentionPatterns& patterns);

/// What stands for a weight that was left out, NaN, in a page that has such: none of its weights is
/// that.
inline constexpr std::uint16_t kBlank = 65534;

/// How weights become numbers.
struct Packing {
  bool causal = true;
  int step = 1;             ///< what the numbers are multiples of
  bool has_blanks = false;  ///< whether kBlank is no weight
};

/// A layer for the page: head by head and row by row, of a causal model as far as the query sees,
/// each weight as a whole number of 1/65535; first the low bytes of all, then the high ones, which
/// compress better so; as a zlib stream. layer: [head, query, key] float32.
[[nodiscard]] std::string packed(const at::Tensor& layer, const Packing& packing);

}  // namespace attnviz
