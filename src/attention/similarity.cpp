#include <ATen/ATen.h>

#include <cmath>

#include "attnviz/error.h"
#include "attnviz/relations.h"
#include "relation_layers.h"
#include "samples.h"
#include "wording.h"

namespace attnviz {
namespace {

constexpr std::int64_t kFewestTexts = 8;

}  // namespace

SimilarityStatistics::SimilarityStatistics(const at::Tensor& embeddings, std::int64_t n_rows,
                                           std::uint64_t seed)
    : n_rows_(n_rows), seed_(seed), of_texts_(std::make_unique<std::vector<Samples>>()) {
  if (n_rows < 3) throw UsageError("embedding similarity needs 3 rows or more of each text");
  if (embeddings.dim() != 2 || embeddings.numel() == 0 || !embeddings.is_floating_point()) {
    throw ShapeError("token embeddings are a table of floating point, [vocabulary, width]");
  }
  embeddings_ = embeddings.detach().to(at::kCPU, at::kFloat);
  mean_ = embeddings_.mean(0, false, at::kDouble);
}

SimilarityStatistics::~SimilarityStatistics() = default;

/// [head, q, k] float64 in whole units of fixed point: the first n_rows_ rows of all heads, layer
/// by layer.
at::Tensor SimilarityStatistics::first_rows(const AttentionPatterns& patterns) const {
  (void)heads_per_layer(patterns, n_heads_);
  std::vector<at::Tensor> layers;
  for (const at::Tensor& layer : patterns.layers) {
    layers.push_back(layer.narrow(1, 0, n_rows_).narrow(2, 0, n_rows_));
  }
  // Rounded as the sums are: equal patterns then equal their mean.
  return from_fixed(to_fixed(at::cat(layers)));
}

/// [q, k] float64: cos(e_q, e_k) of the first n_rows_ tokens, 0 for the pairs that are left out.
at::Tensor SimilarityStatistics::cosines(std::span<const TokenId> ids) const {
  const auto first = ids.first(static_cast<std::size_t>(n_rows_));
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
  if (patterns.n_positions() < n_rows_) return false;
  const at::Tensor rows = to_fixed(first_rows(patterns));
  if (n_texts_ == 0) {
    n_heads_ = heads_per_layer(patterns, {});
    sums_ = at::zeros_like(rows);
    of_texts_->resize(rows.size(0));
  }
  sums_ += rows;
  ++n_texts_;
  return true;
}

bool SimilarityStatistics::add_deviation(const AttentionPatterns& patterns,
                                         std::span<const TokenId> ids) {
  if (patterns.n_positions() != static_cast<std::int64_t>(ids.size())) {
    throw ShapeError("a pattern of " + std::to_string(patterns.n_positions()) + " positions and " +
                     std::to_string(ids.size()) + " token ids do not belong together");
  }
  if (patterns.n_positions() < n_rows_) return false;
  if (n_texts_ == 0) throw UsageError("deviations from a mean that no text has been added to");
  const at::Tensor deviation = first_rows(patterns) - from_fixed(sums_) / n_texts_;
  const at::Tensor difference =
      ((deviation * cosines(ids)).sum({1, 2}) / (n_rows_ - 1)).contiguous();
  const double* of_heads = difference.data_ptr<double>();
  for (Samples& of_head : *of_texts_) of_head.add(*of_heads++);
  return true;
}

std::vector<std::optional<HeadSimilarity>> SimilarityStatistics::result() const {
  const auto n_seen = of_texts_->empty() ? 0 : of_texts_->front().count();
  if (n_seen != n_texts_) {
    throw UsageError("embedding similarity: the second pass saw " + std::to_string(n_seen) +
                     " texts, the first " + std::to_string(n_texts_));
  }
  std::vector<std::optional<HeadSimilarity>> result(of_texts_->size());
  if (n_texts_ < kFewestTexts) return result;
  std::vector<const Samples*> samples;
  for (const Samples& of_head : *of_texts_) samples.push_back(&of_head);
  const auto statistics = statistics_of(samples, 1000, seed_);
  for (std::size_t head = 0; head < result.size(); ++head) {
    const Statistic& found = *statistics[head];
    result[head] = HeadSimilarity{found.mean, {}, found.ci, found.n_texts};
    const double sd = found.sd.value_or(0);
    if (sd > 0) result[head]->z = found.mean / (sd / std::sqrt(double(n_texts_)));
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
