#include "repeats.h"

#include <ATen/ATen.h>

#include <unordered_map>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "passes.h"

namespace attnviz {
namespace {

void check_ids(const at::Tensor& heads, std::span<const TokenId> ids) {
  if (heads.size(1) != static_cast<std::int64_t>(ids.size())) {
    throw ShapeError("a pattern of " + std::to_string(heads.size(1)) + " positions and " +
                     std::to_string(ids.size()) + " token ids do not belong together");
  }
}

at::Tensor mean_on(const at::Tensor& pattern, std::span<const TokenId> ids, std::int64_t offset) {
  const at::Tensor heads = heads_of(pattern);
  check_ids(heads, ids);
  const Targets targets = targets_of(ids, offset);
  if (targets.n_rows == 0) {
    throw ShapeError("no token of the text has an earlier occurrence to " +
                     std::string(offset == 0 ? "attend to" : "continue from"));
  }
  return (mass_on(heads, targets) / targets.n_rows)
      .view(pattern.sizes().slice(0, pattern.dim() - 2));
}

/// What a head of the kind would attend to, as TransformerLens has it: the induction pattern there
/// includes the diagonal.
Targets detected(DetectedHead kind, std::span<const TokenId> ids) {
  if (kind == DetectedHead::duplicate_token) return targets_of(ids, 0);
  if (kind == DetectedHead::induction) return targets_of(ids, 1, true);
  const auto n = static_cast<std::int64_t>(ids.size());
  return {at::arange(n, n * n, n + 1, at::kLong), n - 1, 0};  // (q, q-1): q T + q - 1
}

}  // namespace

Targets targets_of(std::span<const TokenId> ids, std::int64_t offset, bool own) {
  const auto n = static_cast<std::int64_t>(ids.size());
  std::unordered_map<TokenId, std::vector<std::int64_t>> places;
  std::vector<std::int64_t> cells;
  Targets targets;
  for (std::int64_t q = 0; q < n; ++q) {
    std::vector<std::int64_t>& earlier = places[ids[q]];
    std::int64_t n_targets = 0;
    for (const std::int64_t k : earlier) {
      if (k + offset > q || (k + offset == q && !own)) continue;
      cells.push_back(q * n + k + offset);
      ++n_targets;
    }
    if (n_targets > 0) {
      ++targets.n_rows;
      targets.chance += static_cast<double>(n_targets) / static_cast<double>(q + 1);
    }
    earlier.push_back(q);
  }
  if (targets.n_rows > 0) targets.chance /= static_cast<double>(targets.n_rows);
  targets.cells = at::tensor(cells, at::kLong);
  return targets;
}

at::Tensor mass_on(const at::Tensor& heads, const Targets& targets) {
  return heads.flatten(1).index_select(1, targets.cells).sum(-1).to(at::kDouble);
}

at::Tensor duplicate_token_score(const at::Tensor& pattern, std::span<const TokenId> ids) {
  return mean_on(pattern, ids, 0);
}

at::Tensor induction_score(const at::Tensor& pattern, std::span<const TokenId> ids) {
  return mean_on(pattern, ids, 1);
}

std::vector<std::optional<double>> detect_head(const at::Tensor& pattern,
                                               std::span<const TokenId> ids, DetectedHead kind,
                                               DetectMeasure measure, DetectOptions options) {
  const at::Tensor heads = heads_of(pattern);
  check_ids(heads, ids);
  const std::int64_t n = heads.size(1);
  Targets targets = detected(kind, ids);
  const at::Tensor query = targets.cells.div(n, "floor"), key = targets.cells.remainder(n);
  at::Tensor counted = at::ones_like(targets.cells, at::kBool);
  if (options.exclude_bos) counted = counted.logical_and(key.ne(0));
  if (options.exclude_current_token) counted = counted.logical_and(key.ne(query));
  targets.cells = targets.cells.masked_select(counted);

  at::Tensor total = heads.sum({1, 2}).to(at::kDouble);
  if (options.exclude_bos) total = total - heads.select(2, 0).sum(-1);
  if (options.exclude_current_token) total = total - heads.diagonal(0, 1, 2).sum(-1);
  if (options.exclude_bos && options.exclude_current_token) {
    total = total + heads.select(1, 0).select(1, 0);  // taken out twice
  }
  // sum |A - D| = sum A - 2 sum(A D) + sum D, since 0 <= A <= 1 and D is 0 or 1.
  const at::Tensor mass = mass_on(heads, targets);
  const at::Tensor difference = total - 2 * mass + targets.cells.numel();
  std::vector<std::optional<double>> result(heads.size(0));
  for (std::int64_t head = 0; head < heads.size(0); ++head) {
    const double all = total[head].item<double>();
    if (measure == DetectMeasure::abs) {
      const double mean = difference[head].item<double>() / static_cast<double>(n);
      result[head] = 1 - std::nearbyint(mean * 1000) / 1000;
    } else if (all > 1e-6) {
      result[head] = mass[head].item<double>() / all;
    }
  }
  return result;
}

}  // namespace attnviz
