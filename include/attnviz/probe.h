#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "attnviz/text.h"

namespace attnviz {

/// A block of random tokens twice, and the same length without repetition: where a head attends to
/// on the first but not on the second, repetition is the cause.
struct RepeatedProbe {
  TokenIds ids;                                      ///< [BOS] + block + block
  TokenIds control;                                  ///< [BOS] + block + as many other tokens
  std::int64_t block = 0;                            ///< N, tokens of the block
  [[nodiscard]] std::int64_t first_repeat() const {  ///< index of the second block
    return static_cast<std::int64_t>(ids.size()) - block;
  }
};

struct ProbeOptions {
  std::int64_t n_sequences = 10;
  std::int64_t block = 50;  ///< longest; each sequence has its own, drawn from block/2 .. block
  std::uint64_t seed = 0;
  std::int64_t n_positions = 1024;  ///< of the model; block is lowered to (n_positions - 1) / 2
  std::int64_t vocabulary_size = 50257;  ///< block is lowered to half of the tokens there are
  std::optional<TokenId> bos;            ///< put first
  std::vector<TokenId> special;          ///< never drawn; nor is bos
};

/// Same options, same probes. Tokens are drawn without replacement. Block lengths vary, so that a
/// head that always looks the same distance back does not pass for one that finds the repeat.
/// Throws UsageError: no sequences, or a model that leaves fewer than 4 tokens for the block.
[[nodiscard]] std::vector<RepeatedProbe> make_probes(const ProbeOptions& options = {});

/// Means over the queries of the second block.
struct ProbeScores {
  at::Tensor duplicate;  ///< [...] float64: A[q][q-N], the same token before
  at::Tensor induction;  ///< [...] float64: A[q][q-N+1], the token after that
  double chance = 0;     ///< of a uniform head, either score: mean of 1/(q+1)
};

/// pattern: [..., query, key] of the model on probe.ids, or on probe.control for the control.
/// Throws ShapeError where it has not as many positions.
[[nodiscard]] ProbeScores probe_scores(const at::Tensor& pattern, const RepeatedProbe& probe);

}  // namespace attnviz
