#include <ATen/ATen.h>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "passes.h"

namespace attnviz {
namespace {

/// [head] back to the leading axes of the pattern it came from.
at::Tensor shaped(const at::Tensor& values, const at::Tensor& pattern) {
  std::vector<std::int64_t> shape(pattern.sizes().begin(), pattern.sizes().end() - 2);
  const auto own = values.sizes().slice(1);
  shape.insert(shape.end(), own.begin(), own.end());
  return values.view(shape);
}

/// Mean over the rows q >= 1 of A[q][q + offset], offset 0 or -1.
at::Tensor mean_of_diagonal(const at::Tensor& pattern, std::int64_t offset) {
  const at::Tensor heads = heads_of(pattern);
  const at::Tensor diagonal = heads.diagonal(offset, 1, 2).to(at::kDouble);
  // The main diagonal starts in row 0, which is never counted.
  return shaped(mean_of_rows(diagonal, offset == 0 ? 1 : 0), pattern);
}

void check_offset(const at::Tensor& heads, std::int64_t last_offset) {
  if (last_offset < 0 || last_offset >= heads.size(1)) {
    throw ShapeError("a pattern of " + std::to_string(heads.size(1)) + " positions has no offset " +
                     std::to_string(last_offset));
  }
}

}  // namespace

at::Tensor previous_token_score(const at::Tensor& pattern) {
  return mean_of_diagonal(pattern, -1);
}

at::Tensor current_token_score(const at::Tensor& pattern) {
  return mean_of_diagonal(pattern, 0);
}

at::Tensor first_token_score(const at::Tensor& pattern) {
  const at::Tensor first = heads_of(pattern).select(2, 0).to(at::kDouble);
  return shaped(mean_of_rows(first, 1), pattern);
}

at::Tensor offset_scores(const at::Tensor& pattern, std::int64_t last_offset) {
  const at::Tensor heads = heads_of(pattern);
  check_offset(heads, last_offset);
  return shaped(offset_means(offset_sums(heads), last_offset), pattern);
}

at::Tensor offset_hits(const at::Tensor& pattern, std::int64_t last_offset) {
  const at::Tensor heads = heads_of(pattern);
  check_offset(heads, last_offset);
  return shaped(offset_hits_of(heads, heads.amax(-1), last_offset), pattern);
}

at::Tensor confidence(const at::Tensor& pattern) {
  return shaped(mean_of_rows(row_sums(heads_of(pattern)).largest, 1), pattern);
}

at::Tensor confidence_without_first(const at::Tensor& pattern) {
  const at::Tensor heads = heads_of(pattern);
  if (heads.size(1) < 3) {
    throw ShapeError("confidence without the first token needs 3 positions, not 2");
  }
  return shaped(mean_of_rows(row_sums(heads).largest_without_first, 2), pattern);
}

at::Tensor mean_distance(const at::Tensor& pattern) {
  const at::Tensor sums = offset_sums(heads_of(pattern));
  const at::Tensor distance = at::arange(sums.size(1), at::kDouble);
  return shaped((sums * distance).sum(-1) / (sums.sum(-1) + 1), pattern);  // 1: row 0
}

at::Tensor attention_span(const at::Tensor& pattern, double mass) {
  return shaped(span_of(offset_sums(heads_of(pattern)), mass), pattern);
}

at::Tensor last_keys_share(const at::Tensor& pattern, std::int64_t w) {
  if (w < 1) throw ShapeError("the last " + std::to_string(w) + " keys are none");
  return shaped(last_keys_of(offset_sums(heads_of(pattern)), w), pattern);
}

at::Tensor distance_to_uniform(const at::Tensor& pattern) {
  return shaped(mean_of_rows(row_sums(heads_of(pattern)).distance_to_uniform, 1), pattern);
}

PositionShares largest_position_share(const at::Tensor& pattern) {
  const at::Tensor heads = heads_of(pattern);
  if (heads.size(1) < kLaterRows + 2) {
    throw ShapeError("a position other than the first with 16 later ones needs 18, not " +
                     std::to_string(heads.size(1)));
  }
  const PositionShares shares = position_shares_of(key_sums(heads));
  return {shaped(shares.share, pattern), shaped(shares.position, pattern)};
}

}  // namespace attnviz
