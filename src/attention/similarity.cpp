#include <ATen/ATen.h>

#include <cmath>

#include "attnviz/error.h"
#include "attnviz/relations.h"
#include "causal.h"
#include "mean_pattern.h"
#include "wording.h"

namespace attnviz {
SimilarityStatistics::SimilarityStatistics(const at::Tensor& embeddings, std::int64_t n_rows,
                                           std::uint64_t seed)
    : seed_(seed), pattern_(std::make_unique<MeanPattern>(n_rows)) {
  if (n_rows < 3) throw UsageError("embedding similarity needs 3 rows or more of each text");
  if (embeddings.dim() != 2 || embeddings.numel() == 0 || !embeddings.is_floating_point()) {
    throw ShapeError("token embeddings are a table of floating point, [vocabulary, width]");
  }
  embeddings_ = embeddings.detach().to(at::kCPU, at::kFloat);
  mean_ = embeddings_.mean(0, false, at::kDouble);
}

SimilarityStatistics::~SimilarityStatistics() = default;

/// [q, k] float64: cos(e_q, e_k) of the first n_rows_ tokens, 0 for the pairs that are left out.
at::Tensor SimilarityStatistics::cosines(std::span<const TokenId> ids) const {
  const auto first = ids.first(static_cast<std::size_t>(pattern_->n_rows()));
  for (const TokenId id : first) {
    if (id < 0 || id >= embeddings_.size(0)) {
      throw VocabularyError("token id " + std::to_string(id) + " has no embedding (ids 0 to " +
                            std::to_string(embeddings_.size(0) - 1) + ")");
    }
  }
  const at::Tensor tokens = at::tensor(std::vector<TokenId>(first.begin(), first.end()), at::kLong);
  at::Tensor rows = embeddings_.index_select(0, tokens).to(at::kDouble) - mean_;
  rows = rows / rows.norm(2, {1}, true).clamp_min(1e-12);
  at::Tensor result = rows.matmul(rows.t());
  result.masked_fill_(tokens.unsqueeze(1).eq(tokens.unsqueeze(0)), 0);
  result.select(1, 0).zero_();
  return result.tril();
}

bool SimilarityStatistics::add_to_mean(const AttentionPatterns& patterns) {
  if (!pattern_->is_long_enough(patterns)) return false;
  require_causal(patterns);
  return pattern_->add(patterns);
}

bool SimilarityStatistics::add_deviation(const AttentionPatterns& patterns,
                                         std::span<const TokenId> ids) {
  if (patterns.n_positions() != static_cast<std::int64_t>(ids.size())) {
    throw ShapeError("a pattern of " + std::to_string(patterns.n_positions()) + " positions and " +
                     std::to_string(ids.size()) + " token ids do not belong together");
  }
  if (!pattern_->is_long_enough(patterns)) return false;
  require_causal(patterns);
  // Rounded as the sums are: equal patterns then equal their mean.
  const at::Tensor rows = from_fixed(to_fixed(pattern_->rows_of(patterns)));
  const at::Tensor deviation = pattern_->deviation_of(rows);
  pattern_->add_values((deviation * cosines(ids)).sum({1, 2}) / (pattern_->n_rows() - 1));
  return true;
}

std::vector<std::optional<HeadSimilarity>> SimilarityStatistics::result() const {
  const auto statistics = pattern_->statistics(seed_, "embedding similarity");
  std::vector<std::optional<HeadSimilarity>> result(statistics.size());
  for (std::size_t head = 0; head < result.size(); ++head) {
    if (!statistics[head]) continue;
    const Statistic& found = *statistics[head];
    result[head] = HeadSimilarity{found.mean, {}, found.ci, found.n_texts};
    const double sd = found.sd.value_or(0);
    if (sd > 0) result[head]->z = found.mean / (sd / std::sqrt(double(found.n_texts)));
  }
  return result;
}

std::string sentence(HeadId head, const HeadSimilarity& similarity) {
  const double size = std::abs(similarity.difference);
  const int n_decimals = size >= 0.01 || size == 0 ? 2 : size >= 0.001 ? 3 : 4;
  const bool less = similarity.difference < 0;
  return to_string(head) + " attends to tokens with similar embeddings " +
         (less ? "less" : "more") + " than its mean pattern would (difference " +
         (less ? "" : "+") + decimals(similarity.difference, n_decimals) + ", z " +
         (similarity.z ? decimals(*similarity.z, 1) : "none") + ", " +
         counted(similarity.n_texts, "text") + "; what content: not established)";
}

}  // namespace attnviz
