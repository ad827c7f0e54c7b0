#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "attnviz/head_statistics.h"
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

  /// One more text, or several, whose position was `found`; none: not the same in all of them.
  void add_position(std::optional<std::int64_t> found, double least_share, std::int64_t n = 1);
};

/// What is kept of some texts.
struct Collection {
  std::int64_t n_texts = 0, shortest = 0, longest = 0, n_repeats = 0, n_prefixes = 0;
  std::vector<HeadSamples> heads;        ///< layer by layer
  std::vector<FixedSum> offset_chances;  ///< per offset
  std::int64_t n_compared = 0;           ///< texts whose heads were compared
  /// Sums over these: [3, head, head] int64, of bits and bits_without_first in fixed point, and how
  /// many texts were comparable. Undefined where n_compared is 0.
  at::Tensor divergences;

  /// The numbers of texts that are not empty, as FixedSum::visit_fields.
  template <typename Visit, typename... All>
  static void visit_fields(Visit&& visit, All&... all) {
    const auto least = [](std::int64_t a, std::int64_t b) { return std::min(a, b); };
    const auto most = [](std::int64_t a, std::int64_t b) { return std::max(a, b); };
    visit(std::plus<>(), all.n_texts...);
    visit(least, all.shortest...);
    visit(most, all.longest...);
    visit(std::plus<>(), all.n_repeats...);
    visit(std::plus<>(), all.n_prefixes...);
    visit(std::plus<>(), all.n_compared...);
  }
};

/// As if the texts of `from`, of the same heads, had been collected in `into`.
void add(Collection& into, const Collection& from);

/// Adds the scores of one text; heads are those of all layers. Throws ShapeError.
void collect(Collection& collection, const AttentionPatterns& patterns,
             std::span<const TokenId> ids, const StatisticsOptions& options);

/// The means, intervals and neighbours of a collection. heads: as many as it has, ids set.
void conclude(std::vector<HeadFindings>& heads, const Collection& texts,
              const std::vector<std::array<Samples, kScores>>& probes,
              const StatisticsOptions& options);

}  // namespace attnviz
