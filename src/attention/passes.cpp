#include "passes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "attnviz/error.h"

namespace attnviz {
namespace {

/// The rows q >= 1, seen so that offsets are columns, with no copy: [head, q - 1, j], where column
/// j holds A[q][q - last + j], last < T. Columns that reach back beyond key 0 hold the end of the
/// row before instead, which lies above the diagonal and is 0:
///
///     1 . . .
///     a b . .     last = 2     . a b
///     c d e .    --------->    c d e
///     f g h i                  g h i
at::Tensor by_offset(const at::Tensor& heads, std::int64_t last) {
  const std::int64_t n = heads.size(1);
  return heads.as_strided({heads.size(0), n - 1, last + 1}, {n * n, n + 1, 1},
                          heads.storage_offset() + n + 1 - last);
}

/// How many rows q >= 1 have a key d back, d = 0 .. last.
at::Tensor rows_with_offset(std::int64_t n_positions, std::int64_t last) {
  return n_positions - at::arange(last + 1, at::kDouble).clamp_min(1);
}

/// Fills the rows from `first` on, of which `block` [head, row, key] holds all allowed keys.
/// work: as large as block, free to write to.
void sum_rows(const at::Tensor& block, at::Tensor work, std::int64_t first, const RowSums& sums) {
  const std::int64_t n_rows = block.size(1), n_keys = block.size(2);
  const auto put = [&](const at::Tensor& into, const at::Tensor& values) {
    into.narrow(1, first, n_rows).copy_(values);
  };
  const at::Tensor rest = block.narrow(2, 1, n_keys - 1);
  const at::Tensor largest_rest = rest.amax(-1);
  put(sums.rest, rest.sum(-1));
  put(sums.largest_without_first, largest_rest);
  put(sums.largest, at::maximum(largest_rest, block.select(2, 0)));

  // 0 ln 0 = 0: the smallest number has a logarithm, and 0 times that is 0.
  const double smallest = block.scalar_type() == at::kDouble ? std::numeric_limits<double>::min()
                                                             : std::numeric_limits<float>::min();
  at::clamp_min_out(work, block, smallest);
  work.log_().mul_(block);
  const at::Tensor rest_entropy = work.narrow(2, 1, n_keys - 1).sum(-1).to(at::kDouble).neg();
  put(sums.rest_entropy, rest_entropy);
  put(sums.entropy, rest_entropy - work.select(2, 0));

  const at::Tensor allowed = at::arange(first + 1, first + n_rows + 1, at::kDouble);
  at::sub_out(work, block, allowed.reciprocal().to(block.dtype()).unsqueeze(1));
  // A key above the diagonal has added |0 - 1/(q+1)|.
  put(sums.distance_to_uniform,
      (work.abs_().sum(-1).to(at::kDouble) - (n_keys - allowed) / allowed).mul(0.5));
}

}  // namespace

at::Tensor heads_of(const at::Tensor& pattern) {
  if (pattern.dim() < 2 || pattern.size(-1) != pattern.size(-2) || pattern.size(-1) < 2) {
    throw ShapeError("a pattern must be [..., T, T] with T >= 2, not " + c10::str(pattern.sizes()));
  }
  const auto dtype = pattern.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const std::int64_t n = pattern.size(-1);
  return pattern.detach().to(at::kCPU, dtype).contiguous().view({pattern.numel() / (n * n), n, n});
}

at::Tensor offset_sums(const at::Tensor& heads) {
  return by_offset(heads, heads.size(1) - 1).sum(1).flip(-1).to(at::kDouble);
}

at::Tensor key_sums(const at::Tensor& heads) {
  return (heads.sum(1) - heads.diagonal(0, 1, 2)).to(at::kDouble);
}

RowSums row_sums(const at::Tensor& heads) {
  const std::int64_t n_heads = heads.size(0), n = heads.size(1);
  const auto rows = [&] { return at::empty({n_heads, n}, at::kDouble); };
  RowSums sums{rows(), rows(), rows(), rows(), rows(), rows()};
  // Blocks that stay in the cache over all the steps; row 0 alone has no rest.
  constexpr std::int64_t kBlock = 1 << 19;
  const std::int64_t n_rows =
      std::clamp<std::int64_t>(kBlock / std::max<std::int64_t>(n_heads * n, 1), 2, n);
  const at::Tensor buffer = at::empty({n_heads * n_rows * n}, heads.options());
  for (std::int64_t first = 0; first < n; first += n_rows) {
    const std::int64_t here = std::min(n_rows, n - first), n_keys = first + here;
    sum_rows(heads.narrow(1, first, here).narrow(2, 0, n_keys),
             buffer.narrow(0, 0, n_heads * here * n_keys).view({n_heads, here, n_keys}), first,
             sums);
  }
  return sums;
}

at::Tensor mean_of_rows(const at::Tensor& values, std::int64_t first) {
  return values.narrow(-1, first, values.size(-1) - first).mean(-1);
}

at::Tensor offset_means(const at::Tensor& sums, std::int64_t last) {
  return sums.narrow(-1, 0, last + 1) / rows_with_offset(sums.size(-1), last);
}

at::Tensor offset_hits_of(const at::Tensor& heads, const at::Tensor& largest, std::int64_t last) {
  const std::int64_t n = heads.size(1);
  const at::Tensor most = largest.narrow(1, 1, n - 1).to(heads.dtype()).unsqueeze(-1);
  const at::Tensor hit = by_offset(heads, last).eq(most).flip(-1);  // [head, q - 1, d]
  const at::Tensor nearest = hit.logical_and(hit.cumsum(-1).eq(1));
  return nearest.sum(1).to(at::kDouble) / rows_with_offset(n, last);
}

at::Tensor span_of(const at::Tensor& sums, double mass) {
  const at::Tensor held = sums.cumsum(-1) / (sums.size(-1) - 1);
  // Sums of float32 weights are exact to seven places at best.
  return held.lt(mass - 1e-6).sum(-1).add(1).clamp_max(sums.size(-1)).to(at::kDouble);
}

at::Tensor last_keys_of(const at::Tensor& sums, std::int64_t w) {
  const std::int64_t n = sums.size(-1);
  return sums.narrow(-1, 0, std::min(w, n)).sum(-1) / (n - 1);
}

PositionShares position_shares_of(const at::Tensor& sums) {
  const std::int64_t n = sums.size(-1), n_positions = n - 1 - kLaterRows;
  const at::Tensor rows = n - 1 - at::arange(1, n_positions + 1, at::kDouble);
  const auto [share, place] = (sums.narrow(-1, 1, n_positions) / rows).max(-1);
  return {share, place + 1};
}

}  // namespace attnviz
