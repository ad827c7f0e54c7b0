#include <ATen/ATen.h>

#include <algorithm>
#include <deque>

#include "collection.h"

namespace attnviz {
namespace {

/// Scores whose intervals are found together, since resamples are shared.
class Statistics {
 public:
  /// `into` has to stay in place until finish(), and `samples` as well.
  void add(std::optional<Statistic>& into, const Samples& samples, bool has_excess) {
    if (samples.count() == 0) return;
    wanted_.push_back({&into, has_excess});
    samples_.push_back(&samples);
  }

  void finish(const StatisticsOptions& options) {
    const auto found = statistics_of(samples_, options.resamples, options.seed);
    for (std::size_t i = 0; i < found.size(); ++i) {
      *wanted_[i].into = found[i];
      if (wanted_[i].has_excess) add_excess(**wanted_[i].into);
    }
  }

 private:
  struct Wanted {
    std::optional<Statistic>* into;
    bool has_excess;
  };
  std::vector<Wanted> wanted_;
  std::vector<const Samples*> samples_;
};

/// Offsets that at least half of the texts are long enough for.
bool is_common(std::size_t n, std::int64_t n_texts) {
  return n > 0 && 2 * n >= static_cast<std::size_t>(n_texts);
}

std::optional<std::size_t> best_offset(const HeadSamples& head, std::int64_t n_texts) {
  std::optional<std::size_t> best;
  double best_mean = -1;
  for (std::size_t d = 0; d < head.offsets.size(); ++d) {
    if (!is_common(static_cast<std::size_t>(head.offsets[d].count()), n_texts)) continue;
    const double mean = head.offsets[d].mean();
    if (mean > best_mean) best = d, best_mean = mean;
  }
  return best;
}

std::optional<HitFinding> best_hit(const HeadSamples& head, std::int64_t n_texts) {
  std::optional<HitFinding> best;
  for (std::size_t d = 0; d < head.hits.size(); ++d) {
    const FixedSum& hits = head.hits[d];
    if (!is_common(static_cast<std::size_t>(hits.n), n_texts)) continue;
    if (!best || hits.mean() > best->share) {
      best = HitFinding{static_cast<std::int64_t>(d), hits.mean(), head.offsets[d].mean(), hits.n};
    }
  }
  return best;
}

/// Pairs that are comparable without the first token come before those that are not.
std::optional<Neighbour> nearest(const std::vector<HeadFindings>& heads, std::int64_t head,
                                 const Collection& texts) {
  if (texts.n_compared == 0) return {};
  const at::Tensor bits = from_fixed(texts.divergences[0][head]) / texts.n_compared;
  const at::Tensor n_comparable = texts.divergences[2][head];
  const at::Tensor rest = from_fixed(texts.divergences[1][head]) / n_comparable.clamp_min(1);
  std::optional<Neighbour> best;
  std::pair<bool, double> best_rank;
  for (std::int64_t other = 0; other < bits.size(0); ++other) {
    if (other == head) continue;
    Neighbour found{heads[other].id, bits[other].item<double>(), {}, texts.n_compared};
    if (2 * n_comparable[other].item<std::int64_t>() >= texts.n_compared) {
      found.bits_without_first = rest[other].item<double>();
    }
    const std::pair rank(!found.bits_without_first,
                         std::max(found.bits, found.bits_without_first.value_or(0)));
    if (!best || rank < best_rank) best = found, best_rank = rank;
  }
  return best;
}

void add_scores(Statistics& statistics, HeadFindings& head,
                const std::array<Samples, kScores>& samples) {
  for (const ScoreInfo& info : score_table()) {
    statistics.add(head[info.score], samples[static_cast<std::size_t>(info.score)],
                   info.has_excess);
  }
}

}  // namespace

void conclude(std::vector<HeadFindings>& heads, const Collection& texts,
              const std::vector<std::array<Samples, kScores>>& probes,
              const StatisticsOptions& options) {
  Statistics statistics;
  std::deque<std::optional<Statistic>> of_offsets(heads.size());
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (!probes.empty()) add_scores(statistics, heads[i], probes[i]);
    if (texts.heads.empty()) continue;
    const HeadSamples& samples = texts.heads[i];
    add_scores(statistics, heads[i], samples.scores);
    if (const auto d = best_offset(samples, texts.n_texts)) {
      heads[i].best_offset = OffsetFinding{static_cast<std::int64_t>(*d), {}};
      statistics.add(of_offsets[i], samples.offsets[*d], true);
    }
    heads[i].rows_without_first = samples.rows_without_first;
    heads[i].best_hit = best_hit(samples, texts.n_texts);
    if (samples.position) {
      heads[i].position =
          PositionFinding{*samples.position, samples.least_position_share, samples.n_positions};
    }
    heads[i].nearest = nearest(heads, static_cast<std::int64_t>(i), texts);
  }
  statistics.finish(options);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (!of_offsets[i]) continue;
    OffsetFinding& best = *heads[i].best_offset;
    best.score = *of_offsets[i];
    best.score.chance = texts.offset_chances[static_cast<std::size_t>(best.offset)].mean();
    add_excess(best.score);
  }
}

}  // namespace attnviz
