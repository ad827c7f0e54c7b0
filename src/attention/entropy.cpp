#include <ATen/ATen.h>

#include <algorithm>

#include "attnviz/attention.h"
#include "passes.h"

namespace attnviz {
namespace {

/// Rows that hold more than this on the first token say nothing about the rest (Vig & Belinkov).
constexpr double kParkedRow = 0.9;

}  // namespace

Entropies entropies_of(const RowSums& sums, const at::Tensor& first) {
  const std::int64_t n = sums.entropy.size(-1);
  const at::Tensor log_keys = at::arange(1, n + 1, at::kDouble).log();  // ln(q+1)
  Entropies result;
  result.nats = mean_of_rows(sums.entropy, 1);
  result.nats_all_rows = sums.entropy.mean(-1);
  result.effective_keys = mean_of_rows(sums.entropy.exp(), 1);
  result.normalised =
      mean_of_rows(sums.entropy.narrow(-1, 1, n - 1) / log_keys.narrow(0, 1, n - 1), 0);

  // Of the rest R = sum over k >= 1 of A, renormalised: H' = -(1/R) sum A ln A + ln R.
  const at::Tensor kept = first.le(kParkedRow).narrow(-1, 2, n - 2);
  const at::Tensor rest = sums.rest.narrow(-1, 2, n - 2);
  const at::Tensor entropy = sums.rest_entropy.narrow(-1, 2, n - 2) / rest + rest.log();
  const at::Tensor of_keys = entropy / log_keys.narrow(0, 1, n - 2);  // ln(q)
  result.rows_without_first = kept.sum(-1);
  result.without_first =
      of_keys.masked_fill(kept.logical_not(), 0).sum(-1) / result.rows_without_first.clamp_min(1);
  return result;
}

Entropies entropies(const at::Tensor& pattern) {
  const at::Tensor heads = heads_of(pattern);
  Entropies result = entropies_of(row_sums(heads), heads.select(2, 0).to(at::kDouble));
  const auto shape = pattern.sizes().slice(0, pattern.dim() - 2);
  for (at::Tensor* values :
       {&result.nats, &result.nats_all_rows, &result.effective_keys, &result.normalised,
        &result.without_first, &result.rows_without_first}) {
    *values = values->view(shape);
  }
  return result;
}

at::Tensor naive_entropy_of(const at::Tensor& heads) {
  constexpr double kEpsilon = 1e-10;
  const std::int64_t n_heads = heads.size(0), n = heads.size(1);
  at::Tensor sum = at::zeros({n_heads}, at::kDouble);
  const std::int64_t n_rows =
      std::clamp<std::int64_t>((1 << 17) / std::max<std::int64_t>(n_heads * n, 1), 1, n);
  for (std::int64_t first = 0; first < n; first += n_rows) {
    const std::int64_t here = std::min(n_rows, n - first);
    const at::Tensor block =
        heads.narrow(1, first, here).narrow(2, 0, first + here).to(at::kDouble);
    sum -= (block * (block + kEpsilon).log()).sum({1, 2});
  }
  return sum / n;
}

at::Tensor naive_entropy(const at::Tensor& pattern) {
  return naive_entropy_of(heads_of(pattern)).view(pattern.sizes().slice(0, pattern.dim() - 2));
}

}  // namespace attnviz
