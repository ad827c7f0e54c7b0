#pragma once

#include <ATen/core/Tensor.h>

#include "attnviz/patterns.h"
#include "attnviz/text.h"

namespace attnviz {

/// Sorts captured tensors into AttentionPatterns and checks each of them.
/// layers: per layer [head, query, key], any floating dtype and device. Finds out whether they are
/// causal (largest weight above the diagonal <= 1e-6).
/// Throws ShapeError: none, not square, sizes differ, not finite, or a row whose sum is further
/// than `tolerance` from 1.
[[nodiscard]] AttentionPatterns check_patterns(std::vector<at::Tensor> layers,
                                               double tolerance = 1e-4);

// Scores of a head on one text. `pattern` is [..., query, key], causal, rows sum to 1; the result
// has the leading axes, in [0, 1], float64. Row 0 carries no information (its only weight is always
// 1) and is never counted. All throw ShapeError for a pattern that is not square or has fewer than
// 2 positions.

/// Mean attention to the token just before the query: mean over q >= 1 of A[q][q-1].
[[nodiscard]] at::Tensor previous_token_score(const at::Tensor& pattern);

/// Mean attention to the query's own position: mean over q >= 1 of A[q][q].
[[nodiscard]] at::Tensor current_token_score(const at::Tensor& pattern);

/// Mean attention to position 0: mean over q >= 1 of A[q][0].
[[nodiscard]] at::Tensor first_token_score(const at::Tensor& pattern);

/// Mean attention to the tokens that followed earlier occurrences of the query's token (prefix
/// matching, Olsson et al. 2022, offset +1): mean over eligible q of the sum over earlier k with
/// ids[k] = ids[q], k+1 < q, of A[q][k+1]. Rows without such a k are left out.
/// ids: one per position. Throws ShapeError also where no row is eligible.
[[nodiscard]] at::Tensor induction_score(const at::Tensor& pattern, std::span<const TokenId> ids);

}  // namespace attnviz
