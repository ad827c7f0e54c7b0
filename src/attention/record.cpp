#include <ATen/ATen.h>

#include "attnviz/changes.h"
#include "attnviz/error.h"
#include "attnviz/head_statistics.h"

namespace attnviz {
namespace {

/// Fewer rows say little of a head.
constexpr std::int64_t least_labelled = 8;

/// The block of each position.
std::vector<std::int64_t> blocks_of(std::int64_t n_positions, std::int64_t n_cells) {
  std::vector<std::int64_t> blocks;
  for (std::int64_t i = 0; i < n_cells; ++i) {
    blocks.resize(static_cast<std::size_t>((i + 1) * n_positions / n_cells), i);
  }
  return blocks;
}

at::Tensor condensed(const at::Tensor& layer, std::int64_t n_cells) {
  const std::int64_t n = layer.size(1);
  const std::vector<std::int64_t> block = blocks_of(n, n_cells);
  at::Tensor sums = at::zeros({layer.size(0), n_cells, n_cells}, at::kDouble);
  const float* weight = layer.data_ptr<float>();
  for (std::int64_t head = 0; head < layer.size(0); ++head) {
    double* cells = sums.data_ptr<double>() + head * n_cells * n_cells;
    for (std::int64_t q = 0; q < n; ++q) {
      for (std::int64_t k = 0; k < n; ++k) {
        cells[block[std::size_t(q)] * n_cells + block[std::size_t(k)]] += double(*weight++);
      }
    }
  }
  at::Tensor sizes = at::zeros({1, n_cells, 1}, at::kDouble);
  for (const std::int64_t i : block) sizes.data_ptr<double>()[i] += 1;
  return (sums / sizes).to(at::kFloat);
}

std::vector<std::string> names_of(const std::vector<HeadLabel>& labels) {
  std::vector<std::string> names;
  for (const HeadLabel& label : labels) {
    names.push_back((label.weak ? "weak " : "") + std::string(to_string(label.kind)));
  }
  return names;
}

std::vector<RecordedHead> scored(const AttentionPatterns& patterns, const TokenIds& ids) {
  StatisticsOptions options;
  options.min_tokens = least_labelled;
  options.divergence_rows = 0;
  HeadStatistics statistics(options);
  statistics.add_text(patterns, ids);
  std::vector<RecordedHead> heads;
  for (const HeadFindings& found : statistics.report().heads) {
    RecordedHead& head = heads.emplace_back();
    head.id = found.id;
    for (const Score score : recorded_scores()) {
      if (found[score]) head.scores[static_cast<std::size_t>(score)] = found[score]->mean;
    }
    head.labels = names_of(found.labels);
  }
  return heads;
}

}  // namespace

AttentionPatterns condense(AttentionPatterns patterns, std::int64_t n_cells) {
  if (n_cells < 1) throw ShapeError("patterns are condensed to one block or more");
  if (patterns.n_positions() <= n_cells) return patterns;
  for (at::Tensor& layer : patterns.layers) layer = condensed(layer, n_cells);
  return patterns;
}

std::span<const Score> recorded_scores() {
  static constexpr Score kRecorded[] = {Score::normalised_entropy,  Score::confidence,
                                        Score::previous_token,      Score::current_token,
                                        Score::first_token,         Score::last_keys,
                                        Score::distance_to_uniform, Score::mean_distance,
                                        Score::duplicate_on_text,   Score::induction_on_text};
  return kRecorded;
}

AttentionRecord record_attention(AttentionPatterns patterns, const TokenIds& ids,
                                 std::int64_t n_cells) {
  if (patterns.n_positions() != static_cast<std::int64_t>(ids.size())) {
    throw ShapeError("the attention has " + std::to_string(patterns.n_positions()) +
                     " positions, the text " + std::to_string(ids.size()) + " tokens");
  }
  AttentionRecord record{ids, {}, {}};
  if (patterns.causal) record.heads = scored(patterns, ids);
  // Without scores there is nothing else that would show what moves within a block.
  const bool is_whole = n_cells == 0 || !patterns.causal;
  record.patterns = is_whole ? std::move(patterns) : condense(std::move(patterns), n_cells);
  return record;
}

}  // namespace attnviz
