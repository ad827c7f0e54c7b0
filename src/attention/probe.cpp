#include "attnviz/probe.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <random>

#include "attnviz/error.h"
#include "passes.h"

namespace attnviz {
namespace {

constexpr std::int64_t kShortestBlock = 4;

TokenIds drawable(const ProbeOptions& options) {
  TokenIds tokens;
  for (TokenId id = 0; id < options.vocabulary_size; ++id) {
    const auto& special = options.special;
    if (id == options.bos || std::find(special.begin(), special.end(), id) != special.end()) {
      continue;
    }
    tokens.push_back(id);
  }
  return tokens;
}

/// Moves n of the tokens, drawn at random without replacement, to the front.
void shuffle_front(TokenIds& tokens, std::int64_t n, std::mt19937_64& random) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto left = static_cast<std::uint64_t>(tokens.size()) - static_cast<std::uint64_t>(i);
    std::swap(tokens[i], tokens[i + static_cast<std::int64_t>(random() % left)]);
  }
}

}  // namespace

std::vector<RepeatedProbe> make_probes(const ProbeOptions& options) {
  TokenIds tokens = drawable(options);
  const std::int64_t longest = std::min(
      {options.block, (options.n_positions - 1) / 2, static_cast<std::int64_t>(tokens.size()) / 2});
  if (options.n_sequences < 1) throw UsageError("the repeated-token probe needs a sequence");
  if (longest < kShortestBlock) {
    throw UsageError("the repeated-token probe needs a block of 4 tokens or more; " +
                     std::to_string(options.n_positions) + " positions and " +
                     std::to_string(tokens.size()) + " tokens leave " + std::to_string(longest));
  }
  const std::int64_t shortest = std::max(longest / 2, std::min(longest, kShortestBlock));
  std::mt19937_64 random(options.seed);
  std::vector<RepeatedProbe> probes(options.n_sequences);
  for (RepeatedProbe& probe : probes) {
    const auto n_lengths = static_cast<std::uint64_t>(longest - shortest + 1);
    probe.block = shortest + static_cast<std::int64_t>(random() % n_lengths);
    shuffle_front(tokens, 2 * probe.block, random);
    if (options.bos) probe.ids.push_back(*options.bos);
    probe.control = probe.ids;
    const auto block = tokens.begin(), other = block + probe.block;
    for (int copy = 0; copy < 2; ++copy) probe.ids.insert(probe.ids.end(), block, other);
    probe.control.insert(probe.control.end(), block, other + probe.block);
  }
  return probes;
}

ProbeScores probe_scores(const at::Tensor& pattern, const RepeatedProbe& probe) {
  const at::Tensor heads = heads_of(pattern);
  const auto n = static_cast<std::int64_t>(probe.ids.size());
  if (heads.size(1) != n || probe.block < 1 || 2 * probe.block > n) {
    throw ShapeError("a pattern of " + std::to_string(heads.size(1)) +
                     " positions is not that of a probe of " + std::to_string(n));
  }
  // Diagonals start in row N (or N-1): the rows of the second block are their end.
  const auto mean = [&](std::int64_t back) {
    const at::Tensor weights = heads.diagonal(-back, 1, 2).to(at::kDouble);
    return weights.narrow(1, weights.size(1) - probe.block, probe.block)
        .mean(-1)
        .view(pattern.sizes().slice(0, pattern.dim() - 2));
  };
  double chance = 0;
  for (std::int64_t q = probe.first_repeat(); q < n; ++q) {
    chance += 1.0 / static_cast<double>(q + 1) / static_cast<double>(probe.block);
  }
  return {mean(probe.block), mean(probe.block - 1), chance};
}

}  // namespace attnviz
