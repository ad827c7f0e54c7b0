#include "model/looks_ahead.h"

#include <ATen/ATen.h>

namespace attnviz {

bool looks_ahead(const at::Tensor& patterns) {
  constexpr float kRounding = 1e-6F;
  const at::Tensor rows = patterns.detach().to(at::kCPU, at::kFloat).contiguous();
  const std::int64_t n = rows.size(-1);
  const float* row = rows.data_ptr<float>();
  for (std::int64_t i = 0; n > 0 && i < rows.numel() / n; ++i, row += n) {
    bool is_ahead = false;
    for (std::int64_t key = i % n + 1; key < n; ++key) is_ahead |= row[key] > kRounding;
    if (is_ahead) return true;
  }
  return false;
}

}  // namespace attnviz
