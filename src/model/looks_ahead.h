#pragma once

#include <ATen/core/Tensor.h>

namespace attnviz {

/// Whether a query gives more than rounding leaves, 1e-6, to a later key, the last query being at
/// the last key. patterns: [..., query, key] of any floating type. One pass and no copy where it is
/// float32 on the CPU and contiguous: triu() takes longer than all the rest of a long text's
/// checks.
[[nodiscard]] bool looks_ahead(const at::Tensor& patterns);

}  // namespace attnviz
