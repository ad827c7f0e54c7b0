#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "attnviz/patterns.h"
#include "attnviz/text.h"

// Patterns whose scores are known, [query, key] float64.
namespace attnviz::hand_made {

/// Row q has the weights f(q, k), k = 0 .. q, made to sum to 1.
inline at::Tensor causal(std::int64_t n,
                         const std::function<double(std::int64_t, std::int64_t)>& f) {
  at::Tensor pattern = at::zeros({n, n}, at::kDouble);
  auto cell = pattern.accessor<double, 2>();
  for (std::int64_t q = 0; q < n; ++q) {
    double sum = 0;
    for (std::int64_t k = 0; k <= q; ++k) sum += cell[q][k] = f(q, k);
    for (std::int64_t k = 0; k <= q; ++k) cell[q][k] /= sum;
  }
  return pattern;
}

/// Every row attends evenly to all that it may.
inline at::Tensor uniform(std::int64_t n) {
  return causal(n, [](auto, auto) { return 1.0; });
}

/// Row q attends to max(q - d, 0) alone.
inline at::Tensor offset(std::int64_t n, std::int64_t d) {
  return causal(n, [d](auto q, auto k) { return k == std::max<std::int64_t>(q - d, 0) ? 1.0 : 0; });
}

inline at::Tensor first(std::int64_t n) {
  return offset(n, n);
}

/// 0.9 on the first token, the rest evenly on the others.
inline at::Tensor sink(std::int64_t n) {
  return causal(n, [](auto q, auto k) {
    return q == 0 ? 1.0 : k == 0 ? 0.9 : 0.1 / static_cast<double>(q);
  });
}

/// Evenly on the last w keys.
inline at::Tensor window(std::int64_t n, std::int64_t w) {
  return causal(n, [w](auto q, auto k) { return k > q - w ? 1.0 : 0; });
}

/// 0.5^(q-k)
inline at::Tensor decay(std::int64_t n) {
  return causal(n, [](auto q, auto k) { return std::pow(0.5, static_cast<double>(q - k)); });
}

/// a where the query's row allows it, weighed with b: (1 - share) a + share b.
inline at::Tensor mix(const at::Tensor& a, const at::Tensor& b, double share) {
  return a * (1 - share) + b * share;
}

/// A perfect induction head: each row on the token after the last earlier occurrence of its own;
/// on the first token where there is none.
inline at::Tensor induction(const TokenIds& ids) {
  return causal(static_cast<std::int64_t>(ids.size()), [&ids](std::int64_t q, std::int64_t k) {
    for (std::int64_t j = q - 2; j >= 0; --j) {
      if (ids[j] == ids[q]) return k == j + 1 ? 1.0 : 0;
    }
    return k == 0 ? 1.0 : 0;
  });
}

/// The softmax of random scores: nothing special, nothing zero below the diagonal.
inline at::Tensor random(std::int64_t n, double scale, unsigned seed) {
  unsigned state = seed * 2654435761U + 12345;
  return causal(n, [&state, scale](auto, auto) {
    state = state * 1664525U + 1013904223U;
    return std::exp(scale * (state >> 8) / 16777216.0);
  });
}

/// One layer with these heads, float32 as the model room gives it.
inline AttentionPatterns layer(const std::vector<at::Tensor>& heads) {
  return {{at::stack(heads).to(at::kFloat)}};
}

/// n different tokens.
inline TokenIds different(std::int64_t n) {
  TokenIds ids(n);
  for (std::int64_t i = 0; i < n; ++i) ids[i] = 100 + i;
  return ids;
}

}  // namespace attnviz::hand_made
