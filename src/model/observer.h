#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace attnviz {

/// What the softmaxes of a run gave, in the order in which they ran.
struct Observed {
  std::vector<at::Tensor> patterns;
  /// Of each, how many of them there are in the longest chain that ends with it.
  std::vector<std::int64_t> depths;
};

/// Calls run(), and takes the result of every softmax and the pattern of every fused attention that
/// it runs, wherever that stands in a program: in loops, in branches, or in forks. Of operators
/// that call each other the outermost counts. Other runs, in this thread or others, are not seen.
/// Throws what run() throws, and what computing a fused operator's pattern throws.
Observed observe_attention(const std::function<void()>& run);

}  // namespace attnviz
