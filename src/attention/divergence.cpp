#include <ATen/ATen.h>

#include <cmath>

#include "attnviz/compare.h"
#include "attnviz/error.h"
#include "passes.h"

namespace attnviz {
namespace {

/// A row counts without the first token from this much beyond it on; a pair from this share of
/// such rows.
constexpr double kLeastRest = 0.1, kLeastRows = 0.1;

/// -sum over keys of p ln p: [head, row]. `p` is overwritten.
at::Tensor entropy_of(at::Tensor p) {
  at::Tensor log = p.clamp_min(1e-37).log_();
  return p.mul_(log).sum(-1).neg().to(at::kDouble);
}

/// Of head 0 of `heads` to each of them, row by row: [head, row], in bits.
/// entropies: of `heads`, [head, row].
at::Tensor divergence_to_first(const at::Tensor& heads, const at::Tensor& entropies) {
  const at::Tensor middle = entropy_of((heads + heads.narrow(0, 0, 1)).mul_(0.5));
  const at::Tensor own = (entropies + entropies.narrow(0, 0, 1)).mul_(0.5);
  return (middle - own).clamp_min_(0).div_(std::log(2.0));
}

/// Writes the values of row and column i from i on.
void put(const at::Tensor& matrix, std::int64_t i, const at::Tensor& values) {
  const std::int64_t n = matrix.size(0) - i;
  matrix.select(0, i).narrow(0, i, n).copy_(values);
  matrix.select(1, i).narrow(0, i, n).copy_(values);
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
  for (std::int64_t i = 0; i < n_heads; ++i) {
    const auto from_here = [&](const at::Tensor& values) {
      return values.narrow(0, i, n_heads - i);
    };
    put(result.bits, i, divergence_to_first(from_here(rows), from_here(entropy)).mean(-1));
    const at::Tensor both = from_here(kept).logical_and(kept.narrow(0, i, 1));
    const at::Tensor n_rows = both.sum(-1);
    put(result.bits_without_first, i,
        divergence_to_first(from_here(rest), from_here(rest_entropy))
                .masked_fill(both.logical_not(), 0)
                .sum(-1) /
            n_rows.clamp_min(1));
    put(result.comparable, i, n_rows.ge(kLeastRows * static_cast<double>(n - 2)));
  }
  return result;
}

}  // namespace attnviz
