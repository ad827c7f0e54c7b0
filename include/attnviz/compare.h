#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "attnviz/patterns.h"

namespace attnviz {

/// The middle 95 % of what a figure becomes when texts are drawn again, with replacement.
struct Interval {
  double low = 0, high = 0;
};

/// How different heads are on one text: Jensen-Shannon divergence in bits, 0 (same) to 1 (nothing
/// in common), JSD = H((p+q)/2) - (H(p) + H(q))/2, with 0 ln 0 = 0.
struct Divergences {
  at::Tensor bits;  ///< [head, head] float64, mean over rows q >= 1
  /// The same with key 0 taken out and the rest made to sum to 1, over the rows q >= 2 where both
  /// heads have 0.1 or more beyond the first token. Two heads that rest on it look alike until
  /// then.
  at::Tensor bits_without_first;
  /// [head, head] bool: at least a tenth of the rows were such. Where not, both or one are parked
  /// on the first token and bits_without_first means nothing.
  at::Tensor comparable;
};

/// heads: [head, query, key], causal, rows sum to 1. Throws ShapeError: other shapes, T < 3.
[[nodiscard]] Divergences divergences(const at::Tensor& heads);

/// How much a head's pattern depends on the text (Vig & Belinkov 2019, Eq. 5).
struct HeadVariation {
  /// sum |A_x - mean A| / (2 sum A_x) over texts and cells: 0 = the same on all texts; at most
  /// 1 - 1/n_texts.
  double v = 0;
  double corrected = 0;                   ///< v n_texts / (n_texts - 1)
  std::optional<Interval> ci;             ///< of v, over texts
  std::optional<double> v_without_first;  ///< column 0 left out; none: nothing is left
  std::int64_t n_texts = 0;
};

class MeanPattern;

/// Measures variation in memory that grows neither with the texts' lengths nor with their count.
/// The mean pattern has to be known before deviations from it, so texts are shown twice; a causal
/// model needs only their first n_rows tokens for it.
///
///     Variation variation;
///     for (ids : texts) variation.add_to_mean(capture(first_16(ids)));
///     for (ids : texts) variation.add_deviation(capture(first_16(ids)));
///     variation.result()[3]->v
///
/// Sums are kept in fixed point, so the order of the texts changes nothing, not the last bit.
/// Texts should differ from their first tokens on: a shared beginning lowers v.
class Variation {
 public:
  /// n_rows: positions that count, of every text; below 16 means little.
  explicit Variation(std::int64_t n_rows = 16, std::uint64_t seed = 0);
  ~Variation();
  Variation(Variation&&) noexcept;
  Variation& operator=(Variation&&) noexcept;

  /// False: the text has fewer than n_rows tokens and is left out.
  /// Throws ShapeError where no head is left or layers or heads differ from the texts before.
  bool add_to_mean(const AttentionPatterns& patterns);
  /// Likewise, after the last add_to_mean. Throws UsageError before the first.
  bool add_deviation(const AttentionPatterns& patterns);

  /// One a head, layer by layer; none with fewer than 8 texts.
  /// Throws UsageError where the second pass did not see as many texts as the first.
  [[nodiscard]] std::vector<std::optional<HeadVariation>> result() const;

 private:
  std::uint64_t seed_;
  std::unique_ptr<MeanPattern> mean_;
  at::Tensor rest_deviation_, rest_mass_;  // [head] int64, fixed point: without column 0
};

}  // namespace attnviz
