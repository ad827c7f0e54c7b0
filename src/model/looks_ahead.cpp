#include "model/looks_ahead.h"

#include <ATen/ATen.h>

#include "attnviz/patterns.h"

namespace attnviz {

bool looks_ahead(const at::Tensor& patterns) {
  constexpr float kRounding = 1e-6F;
  const at::Tensor rows = patterns.detach().to(at::kCPU, at::kFloat).contiguous();
  const std::int64_t n_queries = rows.size(-2), n_keys = rows.size(-1);
  const float* row = rows.data_ptr<float>();
  for (std::int64_t i = 0; n_keys > 0 && i < rows.numel() / n_keys; ++i, row += n_keys) {
    bool is_ahead = false;
    for (std::int64_t key = n_seen(i % n_queries, n_queries, n_keys); key < n_keys; ++key) {
      is_ahead |= row[key] > kRounding;
    }
    if (is_ahead) return true;
  }
  return false;
}

}  // namespace attnviz
