#pragma once

#include <ATen/core/Tensor.h>

#include "attnviz/attention.h"

namespace attnviz {

// The few passes over the weights of a pattern from which all scores are computed. `heads` is what
// heads_of() gives: [head, T, T], zero above the diagonal.

/// Checks a pattern [..., T, T], T >= 2, and gives it as [head, T, T]: contiguous, on the CPU,
/// float32 or float64. Throws ShapeError.
at::Tensor heads_of(const at::Tensor& pattern);

/// Sum over the rows q >= 1 of A[q][q-d]: [head, d], d = 0 .. T-1, float64.
at::Tensor offset_sums(const at::Tensor& heads);

/// Sum over the rows q > k of A[q][k]: [head, k], float64.
at::Tensor key_sums(const at::Tensor& heads);

/// What is known of each row after one pass; all [head, query], float64.
struct RowSums {
  at::Tensor entropy;                ///< nats
  at::Tensor rest_entropy;           ///< -sum over k >= 1 of A ln A, not renormalised
  at::Tensor rest;                   ///< sum over k >= 1 of A
  at::Tensor largest;                ///< max over k
  at::Tensor largest_without_first;  ///< max over k >= 1
  at::Tensor distance_to_uniform;    ///< 1/2 sum over k <= q of |A - 1/(q+1)|
};
RowSums row_sums(const at::Tensor& heads);

/// Mean over the rows q >= first of values [head, query].
at::Tensor mean_of_rows(const at::Tensor& values, std::int64_t first);

/// Which offset, 0 .. last, holds the largest weight of a row, as a share of the rows that have the
/// offset: [head, d]. largest: [head, query], RowSums' own.
at::Tensor offset_hits_of(const at::Tensor& heads, const at::Tensor& largest, std::int64_t last);

/// offset_sums' first last + 1 columns as means over the rows that have the offset.
at::Tensor offset_means(const at::Tensor& sums, std::int64_t last);

/// attention_span() and last_keys_share() from offset_sums: [head].
at::Tensor span_of(const at::Tensor& sums, double mass);
at::Tensor last_keys_of(const at::Tensor& sums, std::int64_t w);

/// A position counts from so many later rows on.
inline constexpr std::int64_t kLaterRows = 16;

/// largest_position_share() from key_sums, T >= kLaterRows + 2: [head].
PositionShares position_shares_of(const at::Tensor& sums);

/// Entropies from row_sums: all [head]. first: A[q][0], [head, query] float64.
Entropies entropies_of(const RowSums& sums, const at::Tensor& first);

/// naive_entropy of heads: [head].
at::Tensor naive_entropy_of(const at::Tensor& heads);

}  // namespace attnviz
