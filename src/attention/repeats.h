#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>

#include "attnviz/text.h"

namespace attnviz {

/// The cells of a pattern to which a perfect head of a kind would attend on one text.
struct Targets {
  at::Tensor cells;         ///< q T + k, int64
  std::int64_t n_rows = 0;  ///< rows with at least one target
  double chance = 0;        ///< what a uniform head scores: mean over those rows of targets / (q+1)
};

/// offset 0: earlier occurrences of the query's token; 1: the tokens after those. A target before
/// the query only, or also (`own`) the query itself.
Targets targets_of(std::span<const TokenId> ids, std::int64_t offset, bool own = false);

/// Sum of the weights on the targets: [head], float64.
at::Tensor mass_on(const at::Tensor& heads, const Targets& targets);

}  // namespace attnviz
