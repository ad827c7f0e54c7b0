#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "attnviz/heads.h"
#include "samples.h"

namespace attnviz {

/// What is kept of one head.
struct HeadSamples {
  std::array<Samples, kScores> scores;
  std::vector<Samples> offsets;          ///< per offset
  std::vector<FixedSum> hits;            ///< per offset
  std::optional<std::int64_t> position;  ///< where it is the same in all texts so far
  double least_position_share = 1;
  std::int64_t rows_without_first = 0;
  std::int64_t n_positions = 0;  ///< texts that had a position
};

/// What is kept of some texts.
struct Collection {
  std::int64_t n_texts = 0, shortest = 0, longest = 0, n_repeats = 0, n_prefixes = 0;
  std::vector<HeadSamples> heads;        ///< layer by layer
  std::vector<FixedSum> offset_chances;  ///< per offset
  std::int64_t n_compared = 0;           ///< texts whose heads were compared
  at::Tensor bits, bits_without_first;   ///< [head, head] int64, fixed point, sums over texts
  at::Tensor n_comparable;               ///< [head, head] int64, texts
};

/// Adds the scores of one text; heads are those of all layers. Throws ShapeError.
void collect(Collection& collection, const AttentionPatterns& patterns,
             std::span<const TokenId> ids, const StatisticsOptions& options);

/// The means, intervals and neighbours of a collection. heads: as many as it has, ids set.
void conclude(std::vector<HeadFindings>& heads, const Collection& texts,
              const std::vector<std::array<Samples, kScores>>& probes,
              const StatisticsOptions& options);

}  // namespace attnviz
