#include "mean_pattern.h"

#include <ATen/ATen.h>

#include "attnviz/error.h"
#include "kept_heads.h"

namespace attnviz {

at::Tensor MeanPattern::rows_of(const AttentionPatterns& patterns) const {
  (void)same_heads(patterns, heads_);
  std::vector<at::Tensor> layers;
  for (const at::Tensor& layer : patterns.layers) {
    layers.push_back(layer.narrow(1, 0, n_rows_).narrow(2, 0, n_rows_));
  }
  return at::cat(layers).to(at::kDouble);
}

bool MeanPattern::add(const AttentionPatterns& patterns) {
  if (!is_long_enough(patterns)) return false;
  const at::Tensor rows = to_fixed(rows_of(patterns));
  if (n_texts_ == 0) {
    heads_ = kept_heads(patterns);
    sums_ = at::zeros_like(rows);
    of_texts_.resize(static_cast<std::size_t>(rows.size(0)));
  }
  sums_ += rows;
  ++n_texts_;
  return true;
}

at::Tensor MeanPattern::deviation_of(const at::Tensor& rows) const {
  if (n_texts_ == 0) throw UsageError("deviations from a mean that no text has been added to");
  return rows - from_fixed(sums_) / n_texts_;
}

void MeanPattern::add_values(const at::Tensor& values) {
  const at::Tensor of_heads = values.contiguous();
  const double* value = of_heads.data_ptr<double>();
  for (Samples& of_head : of_texts_) of_head.add(*value++);
}

std::vector<std::optional<Statistic>> MeanPattern::statistics(std::uint64_t seed,
                                                              const std::string& what) const {
  constexpr std::int64_t kFewestTexts = 8, kResamples = 1000;
  const std::int64_t n_seen = of_texts_.empty() ? 0 : of_texts_.front().count();
  if (n_seen != n_texts_) {
    throw UsageError(what + ": the second pass saw " + std::to_string(n_seen) +
                     " texts, the first " + std::to_string(n_texts_));
  }
  if (n_texts_ < kFewestTexts) return std::vector<std::optional<Statistic>>(of_texts_.size());
  return statistics_of(of_texts_, kResamples, seed);
}

}  // namespace attnviz
