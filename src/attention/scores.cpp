#include <ATen/ATen.h>

#include "attnviz/attention.h"
#include "attnviz/error.h"

namespace attnviz {
namespace {

void check(const at::Tensor& pattern) {
  if (pattern.dim() < 2 || pattern.size(-1) != pattern.size(-2) || pattern.size(-1) < 2) {
    throw ShapeError("a pattern must be [..., T, T] with T >= 2, not " + c10::str(pattern.sizes()));
  }
}

/// Mean over the rows q >= 1 of A[q][q + offset].
at::Tensor mean_of_diagonal(const at::Tensor& pattern, std::int64_t offset) {
  check(pattern);
  const at::Tensor diagonal = pattern.diagonal(offset, -2, -1).to(at::kDouble);
  // The main diagonal starts in row 0, which is never counted.
  return (offset == 0 ? diagonal.narrow(-1, 1, diagonal.size(-1) - 1) : diagonal).mean(-1);
}

}  // namespace

at::Tensor previous_token_score(const at::Tensor& pattern) {
  return mean_of_diagonal(pattern, -1);
}

at::Tensor current_token_score(const at::Tensor& pattern) {
  return mean_of_diagonal(pattern, 0);
}

at::Tensor first_token_score(const at::Tensor& pattern) {
  check(pattern);
  return pattern.select(-1, 0).narrow(-1, 1, pattern.size(-1) - 1).to(at::kDouble).mean(-1);
}

at::Tensor induction_score(const at::Tensor& pattern, std::span<const TokenId> ids) {
  check(pattern);
  const auto n = static_cast<std::int64_t>(ids.size());
  if (pattern.size(-1) != n) {
    throw ShapeError("a pattern of " + std::to_string(pattern.size(-1)) + " positions and " +
                     std::to_string(n) + " token ids do not belong together");
  }
  const at::Tensor id = at::tensor(at::ArrayRef<TokenId>(ids.data(), ids.size()), at::kLong);
  const at::Tensor same = id.unsqueeze(1).eq(id.unsqueeze(0));  // [query, key]
  // target[q][k+1] where ids[k] = ids[q] and k+1 < q: the matches, one column to the right.
  const at::Tensor target =
      at::constant_pad_nd(same.narrow(1, 0, n - 1), {1, 0}, 0).tril(-1).to(pattern.device());
  const at::Tensor eligible = target.any(-1);
  if (!eligible.any().item<bool>()) {
    throw ShapeError("no token of the text has an earlier occurrence to continue from");
  }
  const at::Tensor weight = (pattern.to(at::kDouble) * target).sum(-1);  // [..., query]
  return weight.masked_fill(eligible.logical_not(), 0).sum(-1) / eligible.sum().item<double>();
}

}  // namespace attnviz
