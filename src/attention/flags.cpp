#include <algorithm>
#include <cmath>

#include "labels.h"

namespace attnviz {
namespace {

void add_pattern_flags(std::vector<HeadFlag>& flags, const HeadFindings& head,
                       const Thresholds& t) {
  if (is_uniform(head, t)) {
    const Statistic& entropy = *head[Score::normalised_entropy];
    flags.push_back(
        {FlagKind::uniform, FlagLevel::note, entropy.mean, t.uniform, entropy.n_texts, {}, {}});
  }
  if (const auto& first = head[Score::first_token]; first && first->lower() >= t.first_token) {
    const bool parked = first->lower() >= t.parked;
    flags.push_back({parked ? FlagKind::parked : FlagKind::sink,
                     FlagLevel::info,
                     first->mean,
                     parked ? t.parked : t.first_token,
                     first->n_texts,
                     {},
                     {}});
  }
  if (head.position && head.position->least_share >= t.stuck) {
    flags.push_back({FlagKind::stuck,
                     FlagLevel::warning,
                     head.position->least_share,
                     t.stuck,
                     head.position->n_texts,
                     {},
                     head.position->position});
  }
  // Where weights are nearly even, the nearest may be the largest in every row and yet be little.
  if (head.best_hit && head.best_hit->share >= t.single_offset &&
      head.best_hit->weight >= t.single_offset_weight) {
    flags.push_back({FlagKind::single_offset,
                     FlagLevel::info,
                     head.best_hit->share,
                     t.single_offset,
                     head.best_hit->n_texts,
                     {},
                     head.best_hit->offset});
  }
  if (head.nearest && head.nearest->bits_without_first &&
      std::max(head.nearest->bits, *head.nearest->bits_without_first) <= t.near_copy) {
    const double bits = std::max(head.nearest->bits, *head.nearest->bits_without_first);
    flags.push_back({FlagKind::near_copy,
                     FlagLevel::note,
                     bits,
                     t.near_copy,
                     head.nearest->n_texts,
                     head.nearest->head,
                     {}});
  }
}

void add_variation_flag(std::vector<HeadFlag>& flags, const HeadFindings& head,
                        const Thresholds& t) {
  if (head.variation && static_cast<double>(head.variation->n_texts) >= t.variation_texts &&
      head.variation->v < t.no_variation) {
    flags.push_back({FlagKind::no_variation,
                     FlagLevel::info,
                     head.variation->v,
                     t.no_variation,
                     head.variation->n_texts,
                     {},
                     {}});
  }
}

/// A loss that falls without the head is an effect too.
bool has_no_effect(const HeadMeasures& measured, const Thresholds& t) {
  if (!measured.loss_change || !measured.loss_change_upper) return false;
  return std::max(-*measured.loss_change, *measured.loss_change_upper) < t.no_effect;
}

/// Dead is said only of a head whose output is small and whose removal changes nothing.
void add_measured_flags(std::vector<HeadFlag>& flags, const HeadFindings& head,
                        const Thresholds& t) {
  const HeadMeasures& measured = head.measures;
  const std::int64_t n = measured.n_texts;
  if (measured.output_ratio && *measured.output_ratio <= t.low_output) {
    flags.push_back(
        {FlagKind::low_output, FlagLevel::note, *measured.output_ratio, t.low_output, n, {}, {}});
  }
  if (!has_no_effect(measured, t)) return;
  flags.push_back(
      {FlagKind::no_effect, FlagLevel::conclusion, *measured.loss_change, t.no_effect, n, {}, {}});
  if (measured.output_ratio && *measured.output_ratio <= t.dead_output) {
    flags.push_back(
        {FlagKind::dead, FlagLevel::conclusion, *measured.output_ratio, t.dead_output, n, {}, {}});
  }
}

}  // namespace

std::vector<HeadFlag> flags_of(const HeadFindings& head, const HeadReport& report) {
  std::vector<HeadFlag> flags;
  if (!report.too_short) add_pattern_flags(flags, head, report.thresholds);
  add_variation_flag(flags, head, report.thresholds);
  add_measured_flags(flags, head, report.thresholds);
  return flags;
}

bool is_flagged(const HeadFindings& head) {
  return std::any_of(head.flags.begin(), head.flags.end(),
                     [](const HeadFlag& flag) { return flag.level != FlagLevel::info; });
}

}  // namespace attnviz
