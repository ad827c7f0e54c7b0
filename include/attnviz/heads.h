#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attnviz/attention.h"
#include "attnviz/compare.h"

// What each head does on some texts. No files, no terminal, no model. The report comes from
// HeadStatistics (head_statistics.h).
//
//     for (const HeadFindings& head : report.heads) {
//       for (const HeadLabel& label : head.labels) std::cout << sentence(head, label) << '\n';
//     }
namespace attnviz {

/// Where labels and flags begin. No source sets them for good; every sentence says its own.
struct Thresholds {
  double previous_token = 0.5;
  double previous_token_weak = 0.3;
  double current_token = 0.5;
  double first_token = 0.3;
  double first_token_dominated = 0.5;
  double parked = 0.9;
  double fixed_offset = 0.5;
  double single_offset = 0.9;
  double single_offset_weight = 0.3;
  double duplicate_token = 0.4;
  double induction = 0.5;
  double induction_weak = 0.2;
  double control = 0.1;
  double repeats = 20;
  double local = 0.9;
  double local_excess = 0.8;
  double broad = 0.8;
  double uniform = 0.95;
  double uniform_distance = 0.1;
  double content_dependent = 0.1;
  double no_variation = 0.02;
  double variation_texts = 16;
  double stuck = 0.9;
  double near_copy = 0.05;
  double low_output = 0.46;
  double dead_output = 0.1;
  double no_effect = 0.01;
};

/// A threshold's name on the command line, and where its default comes from.
struct ThresholdInfo {
  std::string_view name;  ///< "previous-token"
  double Thresholds::*value;
  std::string_view meaning;
  std::string_view source;
};
[[nodiscard]] std::span<const ThresholdInfo> threshold_table();

/// assignment: NAME=VALUE. Throws UsageError: no such name (the nearest is named), or no finite
/// number of 0 or more.
void set_threshold(Thresholds& thresholds, std::string_view assignment);

/// A score over texts, each text counting the same.
struct Statistic {
  double mean = 0;
  std::optional<double> sd;  ///< over texts, n - 1 in the denominator; none for one text
  /// 95 % bootstrap interval of the mean, of more than 512 texts the normal one; none for one text.
  std::optional<Interval> ci;
  std::int64_t n_texts = 0;      ///< texts (or probe sequences) that had the score
  std::optional<double> chance;  ///< what a uniform head scores, mean over the same texts
  std::optional<double> excess;  ///< (mean - chance) / (1 - chance), for shares of attention

  /// What has to pass a threshold: the interval's lower end; of one text, the score itself.
  [[nodiscard]] double lower() const { return ci ? ci->low : mean; }
};

enum class LabelKind {
  previous_token,
  current_token,
  first_token,
  fixed_offset,
  duplicate_token,
  induction,
  local,
  broad,
  uniform,
  content_dependent,
};
[[nodiscard]] std::string_view to_string(LabelKind kind);  ///< "previous-token"

/// What a label rests on. The first three are correlational.
enum class Evidence {
  pattern,   ///< P: the patterns on these texts
  probe,     ///< S: repeated random tokens
  weights,   ///< W
  ablation,  ///< C: the head was taken out
};
[[nodiscard]] char tag(Evidence evidence);  ///< 'P', 'S', 'W' or 'C'

struct HeadLabel {
  LabelKind kind{};
  bool weak = false;  ///< passes only the weak threshold
  Evidence evidence = Evidence::pattern;
  Statistic score;                     ///< the one that decided
  double threshold = 0;                ///< that it passed
  std::optional<double> control;       ///< the same score where nothing is repeated
  std::optional<std::int64_t> offset;  ///< of fixed_offset, where it is one and known
};

enum class FlagKind {
  uniform,
  sink,
  parked,
  stuck,
  single_offset,
  no_variation,
  near_copy,
  low_output,
  no_effect,
  dead,
};
[[nodiscard]] std::string_view to_string(FlagKind kind);  ///< "near-copy"
[[nodiscard]] char letter(FlagKind kind);                 ///< its sign in tables and figures: 'C'

/// info: not a fault; note: worth a look; warning: probably a fault; conclusion: measured effect.
enum class FlagLevel { info, note, warning, conclusion };
[[nodiscard]] std::string_view to_string(FlagLevel level);

struct HeadFlag {
  FlagKind kind{};
  FlagLevel level{};
  double value = 0;      ///< that decided
  double threshold = 0;  ///< that it passed
  std::int64_t n_texts = 0;
  std::optional<HeadId> other;        ///< near_copy
  std::optional<std::int64_t> place;  ///< stuck: the position; single_offset: the offset
};

/// The offset at which a head attends most, on average.
struct OffsetFinding {
  std::int64_t offset = 0;
  Statistic score;
};

/// The offset at which most rows have their largest weight (Voita et al. 2019).
struct HitFinding {
  std::int64_t offset = 0;
  double share = 0;   ///< of rows, mean over texts
  double weight = 0;  ///< attention at that offset, mean over texts
  std::int64_t n_texts = 0;
};

/// The position other than the first that draws most attention, where it is the same one on all
/// texts of 18 tokens or more (so that 16 later rows look back at it).
struct PositionFinding {
  std::int64_t position = 0;
  double least_share = 0;  ///< on the text where it is least
  std::int64_t n_texts = 0;
};

/// The head whose pattern is nearest, by the larger of the two divergences.
struct Neighbour {
  HeadId head;
  double bits = 0;                           ///< Jensen-Shannon divergence, mean over texts
  std::optional<double> bits_without_first;  ///< none: parked on the first token, not comparable
  std::int64_t n_texts = 0;
};

/// What the caller has measured with the model; patterns alone say nothing about it.
struct HeadMeasures {
  std::optional<double> output_ratio;  ///< mean norm of the head's output / mean over its layer
  /// Change of loss, in nats per token, when the head is taken out, and its upper 95 % bound.
  std::optional<double> loss_change;
  std::optional<double> loss_change_upper;
  std::int64_t n_texts = 0;
};

struct HeadFindings {
  HeadId id;
  std::array<std::optional<Statistic>, kScores> scores;  ///< none: not scored
  /// Rows, in all texts, of which Score::entropy_without_first is the mean.
  std::int64_t rows_without_first = 0;
  std::optional<OffsetFinding> best_offset;
  std::optional<HitFinding> best_hit;
  std::optional<PositionFinding> position;
  std::optional<Neighbour> nearest;
  std::optional<HeadVariation> variation;
  HeadMeasures measures;
  /// Several or none. The first is the primary label: those of full strength before weak ones, then
  /// by excess over chance; local never before a narrower pattern that it contains; those without
  /// a chance level (broad, uniform, content-dependent) last.
  std::vector<HeadLabel> labels;
  std::vector<HeadFlag> flags;

  const std::optional<Statistic>& operator[](Score score) const {
    return scores[static_cast<std::size_t>(score)];
  }
  std::optional<Statistic>& operator[](Score score) {
    return scores[static_cast<std::size_t>(score)];
  }
};

struct HeadReport {
  std::vector<HeadFindings> heads;  ///< layer by layer
  std::int64_t n_layers = 0;
  std::int64_t n_texts = 0;        ///< that the scores are of
  std::int64_t n_short_texts = 0;  ///< below min_tokens: left out, or all there was (too_short)
  std::int64_t n_probes = 0;
  /// No text had min_tokens: no labels or flags from patterns on texts, only those of the probe, of
  /// variation and of the caller's measures.
  bool too_short = false;
  std::int64_t shortest = 0, longest = 0;  ///< tokens
  std::int64_t n_repeats = 0;              ///< rows of duplicate_on_text, in all texts
  std::int64_t n_prefixes = 0;             ///< rows of induction_on_text, in all texts
  Thresholds thresholds;
};

/// Fills in labels and flags from all the other findings. report() has done so; again, after
/// thresholds or measures were changed.
void label_heads(HeadReport& report);

/// Has a flag that is more than information.
[[nodiscard]] bool is_flagged(const HeadFindings& head);

/// One plain sentence: what was seen, the value, its chance level and control, on how many texts,
/// and by which evidence.
[[nodiscard]] std::string sentence(const HeadFindings& head, const HeadLabel& label);
[[nodiscard]] std::string sentence(const HeadFindings& head, const HeadFlag& flag);

struct Answer {
  std::string question;
  std::string answer;
};
/// Does the model learn structure? Are heads dead? How does it change with depth? Are there
/// long-range and induction heads? Which heads dominated these texts? In plain words, with what the
/// numbers cannot say said too.
[[nodiscard]] std::vector<Answer> summary(const HeadReport& report);

/// What every report ends with: what attention patterns show and what not.
[[nodiscard]] std::string_view caveat();

}  // namespace attnviz
