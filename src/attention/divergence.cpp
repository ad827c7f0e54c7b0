#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "attnviz/compare.h"
#include "attnviz/error.h"
#include "passes.h"

namespace attnviz {
namespace {

/// A row counts without the first token from this much beyond it on; a pair from this share of
/// such rows.
constexpr double kLeastRest = 0.1, kLeastRows = 0.1;

/// -sum over keys of p ln p, the last axis gone. `p` is overwritten.
at::Tensor entropy_of(at::Tensor p) {
  at::Tensor log = p.clamp_min(1e-37).log_();
  return p.mul_(log).sum(-1).neg().to(at::kDouble);
}

/// Of heads first .. first + n - 1 to themselves and all later heads, row by row, in bits:
/// [n, head - first, row]. entropies: of `heads`, [head, row].
at::Tensor divergence_to_later(const at::Tensor& heads, const at::Tensor& entropies,
                               std::int64_t first, std::int64_t n) {
  const auto mean_of_pairs = [&](const at::Tensor& values) {
    const at::Tensor later = values.narrow(0, first, values.size(0) - first);
    return (later.narrow(0, 0, n).unsqueeze(1) + later.unsqueeze(0)).mul_(0.5);
  };
  const at::Tensor middle = entropy_of(mean_of_pairs(heads));
  return (middle - mean_of_pairs(entropies)).clamp_min_(0).div_(std::log(2.0));
}

/// Writes rows and columns first .. first + n - 1, from `first` on. values: [n, head - first].
void put(const at::Tensor& matrix, std::int64_t first, const at::Tensor& values) {
  const std::int64_t n = values.size(0), n_later = values.size(1);
  matrix.narrow(0, first, n).narrow(1, first, n_later).copy_(values);
  matrix.narrow(1, first, n).narrow(0, first, n_later).copy_(values.t());
}

}  // namespace

Divergences divergences(const at::Tensor& heads) {
  if (heads.dim() != 3 || heads.size(1) < 3) {
    throw ShapeError("divergences need [heads, T, T] with T >= 3, not " + c10::str(heads.sizes()));
  }
  const at::Tensor all = heads_of(heads);
  const std::int64_t n_heads = all.size(0), n = all.size(1);
  const at::Tensor rows = all.narrow(1, 1, n - 1);
  const at::Tensor beyond = all.narrow(1, 2, n - 2).narrow(2, 1, n - 1);
  const at::Tensor mass = beyond.sum(-1, true);
  const at::Tensor kept = mass.squeeze(-1).ge(kLeastRest);  // [head, row]
  const at::Tensor rest = beyond / mass.clamp_min(kLeastRest);
  const at::Tensor entropy = entropy_of(rows.clone()), rest_entropy = entropy_of(rest.clone());

  const auto square = [n_heads](auto dtype) { return at::zeros({n_heads, n_heads}, dtype); };
  Divergences result{square(at::kDouble), square(at::kDouble), square(at::kBool)};
  // As many heads at once as stay in the cache.
  constexpr std::int64_t kBlock = 1 << 18;
  const std::int64_t at_once =
      std::max<std::int64_t>(kBlock / std::max<std::int64_t>(n_heads * n * n, 1), 1);
  for (std::int64_t i = 0; i < n_heads; i += at_once) {
    const std::int64_t here = std::min(at_once, n_heads - i);
    put(result.bits, i, divergence_to_later(rows, entropy, i, here).mean(-1));
    const at::Tensor later = kept.narrow(0, i, n_heads - i);
    const at::Tensor both = later.narrow(0, 0, here).unsqueeze(1).logical_and(later.unsqueeze(0));
    const at::Tensor n_rows = both.sum(-1);
    put(result.bits_without_first, i,
        divergence_to_later(rest, rest_entropy, i, here)
                .masked_fill(both.logical_not(), 0)
                .sum(-1) /
            n_rows.clamp_min(1));
    put(result.comparable, i, n_rows.ge(kLeastRows * static_cast<double>(n - 2)));
  }
  return result;
}

}  // namespace attnviz
