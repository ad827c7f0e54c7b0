#pragma once

#include <cstdint>
#include <string>

#include "attnviz/patterns.h"

namespace attnviz {

/// How many weights a page holds of the patterns: those of the future are left out.
[[nodiscard]] std::uint64_t n_weights(const AttentionPatterns& patterns);

/// A layer for the page: head by head and row by row, of a causal model up to the query, each
/// weight as a whole number of 1/65535; first the low bytes of all, then the high ones, which
/// compress better so; as a zlib stream. layer: [head, query, key] float32. step: what the numbers
/// are multiples of.
[[nodiscard]] std::string packed(const at::Tensor& layer, bool causal, int step);

}  // namespace attnviz
