#pragma once

#include <string>
#include <vector>

#include "attnviz/patterns.h"
#include "samples.h"

namespace attnviz {

/// The mean over texts of their first rows, and one number a head and text of how a text deviates
/// from it. Texts are shown twice, since the mean has to be known first.
class MeanPattern {
 public:
  explicit MeanPattern(std::int64_t n_rows) : n_rows_(n_rows) {}

  [[nodiscard]] std::int64_t n_rows() const { return n_rows_; }
  [[nodiscard]] std::int64_t n_texts() const { return n_texts_; }
  [[nodiscard]] bool is_long_enough(const AttentionPatterns& patterns) const {
    return patterns.n_positions() >= n_rows_;
  }

  /// [head, q, k] float64: the first n_rows of all heads, layer by layer. Throws ShapeError where
  /// no head is left or layers or heads differ from the texts before.
  [[nodiscard]] at::Tensor rows_of(const AttentionPatterns& patterns) const;

  /// First pass. False: the text has fewer than n_rows tokens and is left out.
  bool add(const AttentionPatterns& patterns);

  /// Second pass: `rows` less their mean. Throws UsageError before the first text.
  [[nodiscard]] at::Tensor deviation_of(const at::Tensor& rows) const;
  /// values: [head] float64, of one text.
  void add_values(const at::Tensor& values);

  /// Of the values, one a head; none with fewer than 8 texts. Throws UsageError, saying `what` they
  /// are, where the second pass did not see as many texts as the first.
  [[nodiscard]] std::vector<std::optional<Statistic>> statistics(std::uint64_t seed,
                                                                 const std::string& what) const;

 private:
  std::int64_t n_rows_;
  KeptHeads heads_;
  at::Tensor sums_;  // [head, q, k] int64, fixed point
  std::int64_t n_texts_ = 0;
  std::vector<Samples> of_texts_;  // per head
};

}  // namespace attnviz
