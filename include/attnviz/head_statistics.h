#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "attnviz/attention.h"
#include "attnviz/checkpoint.h"
#include "attnviz/compare.h"
#include "attnviz/heads.h"
#include "attnviz/probe.h"

// Patterns of many texts in, one HeadReport out.
//
//     HeadStatistics statistics;
//     for (ids : texts) statistics.add_text(capture(ids), ids);
//     for (probe : make_probes()) {
//       statistics.add_probe(capture(probe.ids), capture(probe.control), probe);
//     }
//     HeadReport report = statistics.report();
//
// Statistics of parts of the texts become those of all:
//
//     write_safetensors("part.safetensors", statistics.to_tensors(), {});
//     const Checkpoint part = read_checkpoint("part.safetensors");
//     total.add(HeadStatistics::from_tensors(part.tensors));
namespace attnviz {

struct StatisticsOptions {
  ScoreOptions scores;
  std::int64_t min_tokens = 16;       ///< of a text that is labelled
  std::int64_t divergence_rows = 32;  ///< heads are compared on a text's first tokens; 0: not
  std::uint64_t seed = 0;             ///< of the bootstrap
  std::int64_t resamples = 1000;
};

/// Collects scores over texts, in any order and grouping: the report is the same, bit for bit.
/// Memory does not grow with the number of texts. Heads are called by their numbers in
/// AttentionPatterns::kept.
class HeadStatistics {
 public:
  explicit HeadStatistics(StatisticsOptions options = {});
  ~HeadStatistics();
  HeadStatistics(HeadStatistics&&) noexcept;
  HeadStatistics& operator=(HeadStatistics&&) noexcept;

  /// One text. A text of one token counts, and has no scores.
  /// Throws ShapeError: not causal, no head left, other layers or heads than before, not one id per
  /// position.
  void add_text(const AttentionPatterns& patterns, std::span<const TokenId> ids);

  /// One sequence of the repeated-token probe and its control. Throws ShapeError.
  void add_probe(const AttentionPatterns& repeated, const AttentionPatterns& control,
                 const RepeatedProbe& probe);

  /// As if the texts and probes of `other`, which may be this one, had been added here: those that
  /// both have count twice. Of the options, seed and resamples may differ; those of this one stay.
  /// Throws ShapeError, and changes nothing, where the other options or the heads differ (layers,
  /// heads of each, their numbers; whatever was never given a text fits all), or for more than
  /// 2^24 texts or probes in all.
  void add(const HeadStatistics& other);

  [[nodiscard]] std::int64_t n_texts() const;  ///< that were added, short ones too
  [[nodiscard]] std::int64_t n_probes() const;
  [[nodiscard]] const StatisticsOptions& options() const;

  /// All that was collected, exactly: the same tensors in whatever order and grouping it came.
  /// Names, shapes and dtypes are listed in src/attention/stored_statistics.cpp. Of up to 512 texts
  /// every score is there itself, of more their sums alone, so the size grows until there and then
  /// falls: of 48 heads, 20 kB a text to 10 MB, then 0.3 MB, however many texts.
  [[nodiscard]] std::vector<NamedTensor> to_tensors() const;
  /// What to_tensors gave, with the options that it was collected with, but for seed and resamples,
  /// which only report() uses. Tensors of other names are left alone. Throws ModelError, without
  /// the file's name, where a tensor is missing, of another shape or dtype, or holds numbers that
  /// no texts can have; where it was written by another version; UsageError for resamples < 1.
  [[nodiscard]] static HeadStatistics from_tensors(
      std::span<const NamedTensor> tensors, std::uint64_t seed = StatisticsOptions().seed,
      std::int64_t resamples = StatisticsOptions().resamples);

  /// variation, measures: one a head, layer by layer, or empty. Throws ShapeError where they are
  /// not as many as heads; UsageError where no text was added.
  [[nodiscard]] HeadReport report(const Thresholds& thresholds = {},
                                  std::span<const std::optional<HeadVariation>> variation = {},
                                  std::span<const HeadMeasures> measures = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnviz
